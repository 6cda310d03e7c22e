package gort

import (
	"fmt"

	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// Goroutine is a runtime.g that is not dead.
type Goroutine struct {
	Addr       image.Addr
	ID         uint64
	Status     layout.GStatus // without the scan bit
	Scanning   bool           // the collector or a profiler holds its stack
	WaitReason string         // empty unless it is waiting
	WaitSince  int64          // runtime clock, ns; 0 when the collector has not stamped it
	Stack      image.Range
	M          image.Addr // M it is on; 0 when it is on none
	LockedM    image.Addr // M it is locked to
	GoPC       image.Addr // return address of the go statement; 0 where there was none
	StartPC    image.Addr // entry of its function
	ParentID   uint64     // goroutine that created it; 0 for none and, see KnowsParents, when unknown
	Labels     image.Addr // pprof labels, 0 for none
	Panics     image.Addr // newest runtime._panic
	Defers     image.Addr // newest runtime._defer
	Signal     FaultSignal

	runningCleanups bool // runs the program's cleanups (1.25 and newer)

	sched   Regs // where it stood when it last left its thread
	syscall Regs // where it entered the system call or C; SP is 0 outside
}

// FaultSignal is the last signal that the runtime turned into a panic of this goroutine.
type FaultSignal struct {
	Number uint32
	Code   uint64
	Addr   image.Addr
	PC     image.Addr
}

// mainID is the id of the goroutine that runs main.main.
const mainID = 1

// readGoroutine reads the g at addr without judging it.
func (p *Process) readGoroutine(addr image.Addr) (Goroutine, error) {
	o := &p.offsets.g
	r, err := p.record(addr, o.size)
	if err != nil {
		return Goroutine{}, err
	}
	status := layout.GStatus(r.u32(o.status))
	g := Goroutine{
		Addr:      addr,
		ID:        r.u64(o.id),
		Status:    status.Base(),
		Scanning:  status&layout.GScan != 0,
		WaitSince: r.i64(o.waitSince),
		Stack:     image.Range{Start: r.addrAt(o.stackLo), End: r.addrAt(o.stackHi)},
		M:         r.addrAt(o.m),
		LockedM:   r.addrAt(o.lockedM),
		GoPC:      r.addrAt(o.goPC),
		StartPC:   r.addrAt(o.startPC),
		Labels:    r.addrAt(o.labels),
		Panics:    r.addrAt(o.panics),
		Defers:    r.addrAt(o.defers),
		Signal: FaultSignal{
			Number: r.u32(o.sig),
			Code:   r.u64(o.sigCode),
			Addr:   r.addrAt(o.sigAddr),
			PC:     r.addrAt(o.sigPC),
		},
		sched:   Regs{PC: r.addrAt(o.schedPC), SP: r.addrAt(o.schedSP), LR: r.addrAt(o.schedLR)},
		syscall: Regs{PC: r.addrAt(o.syscallPC), SP: r.addrAt(o.syscallSP)},
	}
	g.ParentID, _ = r.optionalU64(o.parentID)
	g.runningCleanups = o.runningCleanups.present && r.bool(o.runningCleanups.off)
	if g.ID == mainID {
		g.GoPC = 0 // the runtime's start made it, in assembly: no go statement
	}
	if g.Status == layout.GWaiting || g.Status == layout.GLeaked {
		g.WaitReason = p.layout.WaitReason(r.u8(o.waitReason))
	}
	return g, nil
}

// GoroutineAt reads the g at addr.
func (p *Process) GoroutineAt(addr image.Addr) (Goroutine, error) {
	g, err := p.readGoroutine(addr)
	if err != nil {
		return g, fmt.Errorf("reading the goroutine at %v: %w", addr, err)
	}
	return g, nil
}

// check reports what about g cannot be: a damaged g must not become a
// goroutine that never was.
func (g *Goroutine) check() error {
	switch {
	case !g.Status.Known():
		return fmt.Errorf("its status %d does not exist", g.Status)
	case g.Status.Dead():
		return nil
	case int64(g.ID) <= 0:
		return fmt.Errorf("its id is %d", int64(g.ID))
	case g.Stack.Len() == 0 || g.Stack.Start == 0:
		return fmt.Errorf("its stack is %v-%v", g.Stack.Start, g.Stack.End)
	}
	return nil
}

// goroutineList returns the addresses of all gs as they stand in runtime.allgs,
// dead ones included, and how many of them are not in the core.
func (p *Process) goroutineList() (list []byte, lost uint64, err error) {
	at, err := p.global("runtime.allgs")
	if err != nil {
		return nil, 0, err
	}
	c := p.Image.Cursor()
	data, n := c.Addr(at), c.Uint64(at+8)
	if c.Err() != nil {
		return nil, 0, c.Err()
	}
	r := image.Range{Start: data, End: data + image.Addr(n*8)}
	if n > 1<<40 || r.End < r.Start {
		return nil, 0, fmt.Errorf("runtime.allgs has an impossible length of %d", n)
	}
	if missing := p.Image.Missing(r); missing > 0 {
		list = p.Image.Present(r)
		return list, n - uint64(len(list)/8), nil
	}
	list, err = p.Image.Bytes(data, n*8)
	return list, 0, err
}

// Census is how much of the list of goroutines could be read.
type Census struct {
	Unreadable int    // goroutines whose structure is absent or damaged
	Lost       uint64 // entries of the list itself that are absent: live and dead goroutines
	Err        error  // why there is no list at all
}

// Goroutines calls visit with every goroutine that is not dead, in the order of
// the runtime's list. What could not be read is in the census and in the gaps.
// The list is read once; visit must not change what it is given.
func (p *Process) Goroutines(visit func(*Goroutine)) Census {
	if p.goroutines == nil {
		p.goroutines = &goroutines{}
		p.goroutines.census = p.readGoroutines(func(g *Goroutine) { p.goroutines.list = append(p.goroutines.list, *g) })
	}
	for i := range p.goroutines.list {
		visit(&p.goroutines.list[i])
	}
	return p.goroutines.census
}

// goroutines are those that are not dead.
type goroutines struct {
	list   []Goroutine
	census Census
}

// readGoroutines goes over the runtime's list.
func (p *Process) readGoroutines(visit func(*Goroutine)) (census Census) {
	gap := func(what string, at image.Addr, n uint64, effect string) {
		p.AddGap(Gap{What: what, Addr: at, Bytes: n, Effect: effect, HidesReferences: true})
	}
	const effect = "goroutines are missing from the report"
	list, lost, err := p.goroutineList()
	if err != nil {
		gap("list of goroutines (runtime.allgs): "+err.Error(), 0, 0, effect)
		return Census{Err: err}
	}
	if census.Lost = lost; lost > 0 {
		gap("part of the list of goroutines (runtime.allgs)", 0, lost*8, fmt.Sprintf("up to %d goroutines are missing from the report", lost))
	}
	room := p.budget.fit(p.offsets.g.size)
	seen := make(map[image.Addr]bool, min(len(list)/8, room))
	order := p.Image.ByteOrder()
	for i := 0; i+8 <= len(list); i += 8 {
		if len(seen) == room {
			rest := (len(list) - i) / 8
			census.Unreadable += rest
			gap(fmt.Sprintf("the last %d entries of the list of goroutines (runtime.allgs): those before overlap one another", rest), 0, 0, effect)
			break
		}
		at := image.Addr(order.Uint64(list[i:]))
		if seen[at] {
			continue
		}
		g, err := p.readGoroutine(at)
		if err == nil {
			err = g.check()
		}
		if err != nil {
			census.Unreadable++
			if p.gapsFull() {
				gap("", at, 0, effect) // only counted
				continue
			}
			gap(fmt.Sprintf("goroutine structure at %v: %v", at, err), at, p.offsets.g.size, effect)
			continue
		}
		seen[at] = true
		if !g.Status.Dead() && !p.borrowedBySignal(&g) {
			visit(&g)
		}
	}
	return census
}

// borrowedBySignal reports whether g is the callback goroutine of an extra M that
// a thread of C's borrowed only to handle a signal: it runs no Go function and
// was dead until that moment (runtime.needm).
func (p *Process) borrowedBySignal(g *Goroutine) bool {
	if g.Status != layout.GSyscall || g.GoPC != 0 || g.StartPC != 0 {
		return false
	}
	m, ok := p.byM[g.M]
	if !ok || m.ExtraInC {
		return false
	}
	fn, ok := p.FuncAt(g.sched.PC)
	return ok && fn.Name() == "runtime.goexit"
}

// KnowsParents reports whether this Go version recorded which goroutine created
// another: 1.21 and newer do.
func (p *Process) KnowsParents() bool { return p.offsets.g.parentID.present }
