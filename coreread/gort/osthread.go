package gort

import (
	"fmt"
	"sort"
	"strings"

	"postmortem/coreread/elfcore"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// Thread is a kernel thread of the process and what it was doing.
type Thread struct {
	TID       int
	Machine   *Machine   // nil for a thread that Go does not know
	Goroutine image.Addr // goroutine on it, 0 for none
	GoID      uint64     // its id
	Signal    int        // signal that the core names for the thread, 0 for none
	Regs      elfcore.Registers

	// Interrupted is the registers before the first signal handler that the
	// thread was in, nil outside of one or where they cannot be read.
	Interrupted []elfcore.Register
	// Signals are the handlers that it was in, innermost first.
	Signals []SignalContext

	Activity Activity
	State    string // the same in words: "idle (futex)", "running g17"
	before   string // State without the signal handlers

	// Frames are innermost first, at most StoredFrames: of the code before any
	// signal handler; code that is not Go's is one frame, and behind it stand the
	// Go frames that led there, where they are known. ThreadStack walks it whole.
	Frames []Frame
	More   bool // the stack goes on after Frames
}

// Activity is the kind of what a thread was doing.
type Activity string

const (
	ActivityGo      Activity = "go"             // runs a goroutine's code
	ActivityRuntime Activity = "runtime"        // runs the runtime's code on its system stack
	ActivitySyscall Activity = "syscall"        // in a system call
	ActivityFutex   Activity = "futex"          // asleep until another thread wakes it
	ActivityNetpoll Activity = "netpoll"        // waits for the network and for timers
	ActivitySignal  Activity = "signal-handler" // in Go's signal handler
	ActivityC       Activity = "c"              // in code that is not Go's
	ActivityUnknown Activity = "unknown"
)

// Threads returns every kernel thread by id.
func (p *Process) Threads() []*Thread {
	if p.once.threads == nil {
		p.once.threads = make([]*Thread, 0, len(p.Core.Threads))
		for i := range p.Core.Threads {
			p.once.threads = append(p.once.threads, p.readThread(&p.Core.Threads[i]))
		}
		sort.SliceStable(p.once.threads, func(i, j int) bool { return p.once.threads[i].TID < p.once.threads[j].TID })
	}
	return p.once.threads
}

// ThreadOf returns the thread with a kernel thread id.
func (p *Process) ThreadOf(tid int) (*Thread, bool) {
	threads := p.Threads()
	i := sort.Search(len(threads), func(i int) bool { return threads[i].TID >= tid })
	if i == len(threads) || threads[i].TID != tid {
		return nil, false
	}
	return threads[i], true
}

func (p *Process) readThread(core *elfcore.Thread) *Thread {
	t := &Thread{TID: core.TID, Signal: core.Signal, Regs: core.Regs}
	var g *Goroutine
	if m, ok := p.byThread[core.TID]; ok {
		t.Machine = m
		t.Signals = p.Signals(m)
		if n := len(t.Signals); n > 0 {
			if regs, err := p.SignalRegisters(&t.Signals[n-1]); err == nil {
				t.Interrupted = regs
			}
		}
		g = p.goroutineOn(m)
	}
	if g != nil {
		t.Goroutine, t.GoID = g.Addr, g.ID
	}
	foreign, from, ok := p.threadOrigins(core, t.Machine, g)
	if foreign != nil {
		t.Frames = append(t.Frames, *foreign)
	}
	if ok {
		from.unwinder.limit = StoredFrames + 1
		_ = from.walk(func(f *Frame, _ *pcInfo) { t.Frames = append(t.Frames, *f) })
	}
	if len(t.Frames) > StoredFrames {
		t.Frames, t.More = t.Frames[:StoredFrames], true
	}
	p.classify(t, g)
	return t
}

// goroutineOn reads the goroutine on m, nil when there is none.
func (p *Process) goroutineOn(m *Machine) *Goroutine {
	if m.CurG == 0 {
		return nil
	}
	g, err := p.readGoroutine(m.CurG)
	if err != nil || g.Status.Dead() || g.check() != nil {
		return nil // told where the goroutines are listed
	}
	return &g
}

// ThreadStack walks the whole stack of which t.Frames is the start.
func (p *Process) ThreadStack(t *Thread, s *Stack) {
	s.reset()
	core := &elfcore.Thread{TID: t.TID, Regs: t.Regs}
	var g *Goroutine
	if t.Machine != nil {
		g = p.goroutineOn(t.Machine)
	}
	foreign, from, ok := p.threadOrigins(core, t.Machine, g)
	if foreign != nil {
		s.push(foreign, 1, false)
	}
	if ok {
		s.Broken = p.walkInto(s, from)
	}
	s.finish()
}

// threadOrigins is where the walk of a thread's stack begins: with code that is
// not Go's, at foreign, which cannot be walked, and with the Go code behind it.
func (p *Process) threadOrigins(core *elfcore.Thread, m *Machine, g *Goroutine) (foreign *Frame, from origin, ok bool) {
	regs := threadRegs(core)
	if m != nil {
		if context := p.interruptedContext(m); context.err == nil {
			regs = context.regs
		}
	}
	if regs.PC != 0 && !p.info(regs.PC).known {
		from, ok = p.originBehindC(m, g, regs)
		return &Frame{PC: regs.PC, SP: regs.SP, FP: regs.SP, Exact: true, Trust: TrustCgo}, from, ok
	}
	u := unwinder{p: p, m: m}
	if g != nil {
		u.g, u.syscall = g.Addr, g.syscall
		if g.Stack.Contains(regs.SP) {
			u.bounds = g.Stack
		}
	}
	return nil, origin{u, regs, true}, true
}

// originBehindC is the Go code that called what a thread is in: the vDSO, a
// system call's wrapper or C.
func (p *Process) originBehindC(m *Machine, g *Goroutine, at Regs) (from origin, ok bool) {
	if m == nil {
		return from, false
	}
	from.unwinder.p = p
	if g != nil {
		from.unwinder.bounds, from.unwinder.syscall = g.Stack, g.syscall
		from.regs, from.unwinder.left = g.sched, true
		if g.syscall.SP != 0 {
			from.regs, from.unwinder.left = g.syscall, false
		}
	}
	if p.vdso.Contains(at.PC) && m.VDSO.SP != 0 {
		from.regs, from.unwinder.m, from.unwinder.left = m.VDSO, m, false
		if g == nil || !g.Stack.Contains(m.VDSO.SP) {
			from.unwinder.bounds = image.Range{}
			if g != nil {
				from.unwinder.g = g.Addr
			}
		}
	}
	return from, from.regs.SP != 0
}

// What a thread does by the function that it is in, the most telling first.
var threadRoles = []struct {
	fn       string
	activity Activity
	text     string
}{
	{"runtime.stopTheWorldWithSema", ActivityRuntime, "stopping the world"},
	{"runtime.forEachP", ActivityRuntime, "waiting until every P has passed a safe point"},
	{"runtime.forEachPInternal", ActivityRuntime, "waiting until every P has passed a safe point"},
	{"runtime.gcstopm", ActivityFutex, "halted"},
	{"runtime.stoplockedm", ActivityFutex, "idle"},
	{"runtime.templateThread", ActivityFutex, "template thread"},
	{"runtime.sysmon", ActivityRuntime, "sysmon"},
	{"runtime.netpoll", ActivityNetpoll, "netpoll"},
	{"runtime.stopm", ActivityFutex, "idle"},
	{"runtime.mPark", ActivityFutex, "idle"},
	{"runtime.lock2", ActivityFutex, "waiting for a lock of the runtime"},
	{"runtime.mexit", ActivityRuntime, "exiting"},
	{"runtime.findRunnable", ActivityRuntime, "looking for work"},
	{"runtime.findrunnable", ActivityRuntime, "looking for work"},
	{"runtime.schedule", ActivityRuntime, "in the scheduler"},
	{"runtime.mstart1", ActivityRuntime, "starting"},
	{"runtime.minit", ActivityRuntime, "starting"},
}

// classify says in words what t does.
func (p *Process) classify(t *Thread, g *Goroutine) {
	names := make(map[string]bool, len(t.Frames))
	for _, f := range t.Frames {
		for _, source := range p.Source(f) {
			names[source.Func] = true
		}
	}
	call := p.callOf(t)
	if g != nil {
		p.classifyGoroutine(t, g, names, call)
	} else {
		p.classifyRuntime(t, names, call)
	}
	t.before = t.State
	if len(t.Signals) == 0 {
		return
	}
	handlers := make([]string, len(t.Signals))
	for i, s := range t.Signals {
		handlers[i] = elfcore.SignalName(s.Info.Signo)
	}
	t.Activity = ActivitySignal
	t.State = fmt.Sprintf("in a signal handler (%s), before: %s", strings.Join(handlers, " in that of "), t.before)
}

// classifyGoroutine is for a thread that has a goroutine.
func (p *Process) classifyGoroutine(t *Thread, g *Goroutine, names map[string]bool, call string) {
	in := func(s string) string { return s + call }
	who := fmt.Sprintf("g%d", g.ID)
	foreign := len(t.Frames) > 0 && t.Frames[0].Trust == TrustCgo && !p.vdso.Contains(t.Frames[0].PC)
	switch {
	case foreign:
		t.Activity = ActivityC
		t.State = in(fmt.Sprintf("%s in C: %s", who, p.describeCode(t.Frames[0].PC)))
	case g.Status == layout.GSyscall:
		t.Activity, t.State = ActivitySyscall, in(who+" in a system call")
	case names["runtime.stopTheWorldWithSema"]:
		t.Activity, t.State = ActivityRuntime, in(who+" stopping the world")
	case names["runtime.forEachP"] || names["runtime.forEachPInternal"]:
		t.Activity, t.State = ActivityRuntime, in(who+" waiting until every P has passed a safe point")
	case names["runtime.gcBgMarkWorker"] || p.startsIn(g, "runtime.gcBgMarkWorker"):
		t.Activity, t.State = ActivityGo, "GC worker "+who
	case g.Status == layout.GWaiting && g.WaitReason != "":
		t.Activity, t.State = ActivityRuntime, in(fmt.Sprintf("%s on the system stack (%s)", who, g.WaitReason))
	default:
		t.Activity, t.State = ActivityGo, in("running "+who)
	}
}

func (p *Process) startsIn(g *Goroutine, name string) bool {
	fn, ok := p.FuncAt(g.StartPC)
	return ok && fn.Name() == name
}

// classifyRuntime is for a thread without a goroutine.
func (p *Process) classifyRuntime(t *Thread, names map[string]bool, call string) {
	in := func(s string) string { return s + call }
	if len(t.Frames) == 0 {
		t.Activity, t.State = ActivityUnknown, in("unknown: no frame at "+t.Regs.PC.String())
		return
	}
	for _, role := range threadRoles {
		if !names[role.fn] {
			continue
		}
		t.Activity, t.State = role.activity, in(p.qualify(t, role.fn, role.text))
		return
	}
	switch pc := t.Frames[0].PC; {
	case t.Frames[0].Trust != TrustCgo:
		t.Activity, t.State = ActivityRuntime, in("in "+p.describeCode(pc))
	case t.Machine == nil:
		t.Activity, t.State = ActivityC, in("not a thread of Go, in C: "+p.describeCode(pc))
	default:
		t.Activity, t.State = ActivityC, in("in C: "+p.describeCode(pc))
	}
}

// qualify adds to a role's text what the M knows.
func (p *Process) qualify(t *Thread, fn, text string) string {
	m := t.Machine
	switch {
	case m == nil:
	case fn == "runtime.stoplockedm" && m.LockedG != 0:
		if g, err := p.readGoroutine(m.LockedG); err == nil && g.check() == nil {
			return fmt.Sprintf("%s, locked to g%d", text, g.ID)
		}
	case fn == "runtime.gcstopm" && p.Scheduler().Frozen():
		return text + " as the process was dying"
	case fn == "runtime.gcstopm":
		return text + " for a stop-the-world"
	}
	return text
}
