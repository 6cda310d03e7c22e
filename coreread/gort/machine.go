package gort

import (
	"fmt"
	"sort"

	"postmortem/coreread/elfcore"
	"postmortem/coreread/image"
)

// Machine is a runtime.m: a thread as the Go scheduler knows it.
type Machine struct {
	Addr   image.Addr
	ID     int64
	TID    int             // kernel thread id; 0 for one that waits for C to call Go
	Thread *elfcore.Thread // nil when the core has no thread of that id

	G0, Signal    image.Addr // its system and signal goroutines
	G0Stack       image.Range
	SignalStack   image.Range
	CurG          image.Addr // goroutine on it, 0 for none
	CurStack      image.Range
	P             image.Addr // processor it owns, 0 for none
	LockedG       image.Addr
	Dying         int32
	Throwing      int32
	PreemptOff    string     // why its goroutine must not be preempted
	CaughtSignalG image.Addr // goroutine that a fatal signal interrupted
	VDSO          Regs       // where Go called the vDSO; zero when it is not in it
	StartFn       string     // the runtime function a thread of the runtime's own runs
	ExtraInC      bool       // an extra M that a thread of C's keeps between its calls of Go (1.21 and newer)

	signals []SignalContext
	context *interrupted
}

// onSystemStack reports whether sp belongs to m's system stack and not to the
// goroutine's or the signal handler's. Bounds of system stacks that C made are
// estimates, so what is on neither of the others counts as the system stack.
func (m *Machine) onSystemStack(sp image.Addr) bool {
	return !m.CurStack.Contains(sp) && !m.SignalStack.Contains(sp)
}

// maxMachines is far above what any process has: sched.maxmcount is 10,000 by default.
const maxMachines = 1 << 20

// readMachines reads the list of Ms, as far as it goes.
func (p *Process) readMachines() {
	p.byM = make(map[image.Addr]*Machine)
	p.byThread = make(map[int]*Machine)
	if p.machinesLost = p.walkMachines(); p.machinesLost != nil {
		p.addGap(p.machinesLost.Error(), 0, 0, "running goroutines and threads may lack their stacks, and the cause of death may be hidden")
	}
	sort.Slice(p.machines, func(i, j int) bool { return p.machines[i].ID < p.machines[j].ID })
}

// walkMachines walks runtime.allm, newest first. The first M of a process,
// runtime.m0, ends it; the error says why the walk did not come there.
func (p *Process) walkMachines() error {
	head, err := p.global("runtime.allm")
	if err == nil {
		head, err = p.Image.Addr(head)
	}
	if err != nil {
		return fmt.Errorf("list of Ms (runtime.allm): %w", err)
	}
	threads := make(map[int]*elfcore.Thread, len(p.Core.Threads))
	for i := range p.Core.Threads {
		threads[p.Core.Threads[i].TID] = &p.Core.Threads[i]
	}
	room := min(maxMachines, p.budget.fit(p.offsets.m.size))
	for at := head; at != 0; {
		if p.byM[at] != nil || len(p.machines) == room {
			return fmt.Errorf("the list of Ms runs in a circle at %v", at)
		}
		m, next, err := p.readMachine(at)
		if err != nil {
			return fmt.Errorf("the M at %v: %w", at, err)
		}
		p.byM[at] = m
		p.machines = append(p.machines, m)
		if m.Thread = threads[m.TID]; m.Thread != nil {
			p.byThread[m.TID] = m
		}
		at = next
	}
	first, err := p.global("runtime.m0")
	if err == nil && p.byM[first] == nil {
		return fmt.Errorf("the list of Ms ends before the first M of the process, at %v", first)
	}
	return nil
}

func (p *Process) readMachine(at image.Addr) (m *Machine, next image.Addr, err error) {
	o := &p.offsets.m
	r, err := p.record(at, o.size)
	if err != nil {
		return nil, 0, err
	}
	m = &Machine{
		Addr:          at,
		ID:            r.i64(o.id),
		TID:           int(int32(r.u64(o.procID))),
		G0:            r.addrAt(o.g0),
		Signal:        r.addrAt(o.gsignal),
		CurG:          r.addrAt(o.curg),
		P:             r.addrAt(o.p),
		LockedG:       r.addrAt(o.lockedG),
		Dying:         r.i32(o.dying),
		Throwing:      r.i32(o.throwing),
		CaughtSignalG: r.addrAt(o.caughtSig),
		VDSO:          Regs{SP: r.addrAt(o.vdsoSP), PC: r.addrAt(o.vdsoPC)},
	}
	m.ExtraInC = o.extraInC.present && r.bool(o.extraInC.off)
	m.G0Stack = p.stackOf(m.G0)
	m.SignalStack = p.stackOf(m.Signal)
	m.CurStack = p.stackOf(m.CurG)
	m.PreemptOff, _ = p.stringAt(at+image.Addr(o.preemptOff), maxReason)
	if fn := r.addrAt(o.startFn); fn != 0 {
		m.StartFn = p.funcvalName(fn)
	}
	return m, r.addrAt(o.allLink), nil
}

// stackOf returns the stack of the g at addr, empty when it cannot be read.
func (p *Process) stackOf(g image.Addr) image.Range {
	if g == 0 {
		return image.Range{}
	}
	c := p.Image.Cursor()
	r := image.Range{
		Start: c.Addr(g + image.Addr(p.offsets.g.stackLo)),
		End:   c.Addr(g + image.Addr(p.offsets.g.stackHi)),
	}
	if c.Err() != nil || r.End < r.Start {
		return image.Range{}
	}
	return r
}

// Machines returns the Ms by id.
func (p *Process) Machines() []*Machine { return p.machines }

// MachineAt returns the M at addr.
func (p *Process) MachineAt(addr image.Addr) (*Machine, bool) {
	m, ok := p.byM[addr]
	return m, ok
}

// MachineOfThread returns the M that runs on a kernel thread.
func (p *Process) MachineOfThread(tid int) (*Machine, bool) {
	m, ok := p.byThread[tid]
	return m, ok
}

// maxReason bounds why an M must not be preempted, in bytes; the runtime's own
// reasons have at most 30.
const maxReason = 1 << 8

// stringAt reads the Go string of at most limit bytes whose header is at addr.
func (p *Process) stringAt(addr image.Addr, limit uint64) (string, error) {
	c := p.Image.Cursor()
	data, n := c.Addr(addr), c.Uint64(addr+8)
	if c.Err() != nil {
		return "", c.Err()
	}
	if n > limit {
		return "", fmt.Errorf("string at %v has an impossible length of %d bytes", addr, n)
	}
	b, err := p.Image.Bytes(data, n)
	return string(b), err
}

// funcvalName returns the name of the function that a func value points to.
func (p *Process) funcvalName(funcval image.Addr) string {
	pc, err := p.Image.Addr(funcval)
	if err != nil {
		return ""
	}
	fn, ok := p.FuncAt(pc)
	if !ok {
		return ""
	}
	return fn.Name()
}
