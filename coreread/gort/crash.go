package gort

import (
	"fmt"
	"strings"

	"postmortem/coreread/elfcore"
	"postmortem/coreread/image"
)

// CrashKind is how a process ended.
type CrashKind string

// The ends that are told apart.
const (
	CrashPanic        CrashKind = "panic"         // a panic that nothing recovered
	CrashFatal        CrashKind = "fatal"         // the runtime's throw or fatal error
	CrashSignal       CrashKind = "signal"        // a fault outside Go's panic
	CrashDeadlock     CrashKind = "deadlock"      // the runtime found all goroutines asleep
	CrashOutOfMemory  CrashKind = "out-of-memory" // the runtime's own throw
	CrashAbortRequest CrashKind = "abort-request" // SIGQUIT or SIGABRT from outside
	CrashAbortSelf    CrashKind = "abort-self"    // the program's own abort
	CrashSnapshot     CrashKind = "snapshot"      // a living process was dumped
	CrashUnknown      CrashKind = "unknown"
)

// Crash is why a process died, or that it did not.
type Crash struct {
	Kind CrashKind
	// Message is what the runtime printed behind "panic: " or "fatal error: "; of
	// a signal its name and text. "" when unknown.
	Message string
	// MessageFrom says where the message was read.
	MessageFrom string

	Goroutine image.Addr // that panicked or faulted, or that the signal hit; 0 for none
	Machine   *Machine   // whose thread died first; nil when none is known
	Thread    int        // the id of its thread, also of one that is no Machine; 0 when unknown

	First *Signal // the first signal that was delivered, nil when none led to the end
	Dump  *Signal // the one that wrote the core; nil for none, as in most snapshots

	Panics    []Panic // of Goroutine, newest first
	PrintTail string  // see PrintTail

	// FrameStart is the index in Stack.Inner of the frame of Goroutine that
	// panicked, faulted or called throw. A panic that was recovered and raised
	// again with the same value is its first raiser's.
	FrameStart int

	// AlsoDying are the other threads that were dying by themselves, in the order in which
	// they began as far as that can be told.
	AlsoDying []*Machine
	// Relayed are the threads that the runtime itself sent SIGQUIT so that they
	// print their stacks: they are not to blame.
	Relayed []*Machine

	// Doubts are what could not be read, and what about the above it puts in doubt.
	Doubts []error
}

func (c *Crash) doubt(err error) {
	if err != nil {
		c.Doubts = append(c.Doubts, err)
	}
}

// Crash tells why the process died.
func (p *Process) Crash() *Crash {
	c := &Crash{Kind: CrashUnknown, Dump: p.dumpSignal()}
	var err error
	c.PrintTail, err = p.PrintTail()
	c.doubt(err)
	death := p.firstDeath(c)
	if death != nil && p.machinesLost != nil {
		c.doubt(fmt.Errorf("another thread may have died before thread %d: %w", death.machine.TID, p.machinesLost))
	}
	switch {
	case p.snapshot(c) && (death == nil || p.Core.Producer == elfcore.GCore):
		c.Kind = CrashSnapshot
		c.AlsoDying, c.Relayed = nil, nil
		if c.Dump != nil && (c.Dump.Number == sigSTOP || c.Dump.Number == sigTRAP) {
			c.Dump = nil // how the debugger stopped it
		}
	case death != nil:
		c.Machine, c.Thread, c.Goroutine = death.machine, death.machine.TID, death.goroutine
		p.explain(c, death)
	case c.Dump != nil:
		p.explainDump(c)
	}
	return c
}

// snapshot reports whether the core was taken of a living process: gcore and
// dlv do, and no signal of a kernel's core stops a process only.
func (p *Process) snapshot(c *Crash) bool {
	switch p.Core.Producer {
	case elfcore.GCore, elfcore.Delve:
		return true
	case elfcore.Kernel:
		return false
	}
	if len(p.Core.Threads) == 0 || len(p.Core.Gaps) > 0 {
		return false // the notes that would tell are damaged
	}
	return c.Dump == nil || c.Dump.Number == sigSTOP || c.Dump.Number == sigTRAP && c.Dump.Who != SenderKernel
}

// explain says what the thread that died first died of.
func (p *Process) explain(c *Crash, d *death) {
	switch d.how {
	case diedOfSignal:
		c.First = p.firstDelivered(d.machine)
		p.explainSignal(c, c.First)
	case diedOfPanic:
		p.explainPanic(c, d.g, &d.stack)
	case diedOfThrow:
		p.explainThrow(c, d)
		c.First = p.faultOfThrow(d)
		if d.g != nil {
			records, err := p.panicRecords(d.g, &d.stack)
			c.doubt(err)
			c.notePanics(records)
			c.FrameStart = p.throwOrigin(d)
		}
	}
}

// explainPanic tells of a panic that nothing recovered.
func (p *Process) explainPanic(c *Crash, g *Goroutine, s *Stack) {
	c.Kind = CrashPanic
	if g == nil {
		return
	}
	c.First = p.faultSignal(g)
	records, err := p.panicRecords(g, s)
	c.doubt(err)
	c.notePanics(records)
	c.FrameStart = p.PanicOrigin(s.Inner)
	if len(records) == 0 {
		return
	}
	newest := &records[0]
	if newest.Err == nil {
		c.Message, c.MessageFrom = newest.Message, "panic value"
	} else {
		c.doubt(fmt.Errorf("value of the panic at %v: %w", newest.Addr, newest.Err))
	}
	if start := p.originOf(s.Inner, firstRaised(records).Addr); start >= 0 {
		c.FrameStart = start
	}
}

func (c *Crash) notePanics(records []panicRecord) {
	for i := range records {
		c.Panics = append(c.Panics, records[i].Panic)
	}
}

// firstRaised returns the oldest of the newest panics that have one value: the
// others have raised it again, mostly after a recover.
func firstRaised(records []panicRecord) *panicRecord {
	i := 0
	for i+1 < len(records) {
		older := &records[i+1]
		same := older.Repanicked || !older.Goexit && records[i].known && older.known && older.raised == records[i].raised
		if !same {
			break
		}
		i++
	}
	return &records[i]
}

// explainThrow tells of a fatal error of the runtime.
func (p *Process) explainThrow(c *Crash, d *death) {
	printed := fatalLines(c.PrintTail)
	switch thrown, ok := p.thrownBy(d); {
	case ok:
		c.Message, c.MessageFrom = p.printStyle().text(thrown), "stack of thread "+fmt.Sprint(d.machine.TID)
		for _, line := range printed {
			if line == c.Message {
				c.MessageFrom = "what the runtime printed"
			}
		}
	case len(printed) > 0:
		// Of several threads that threw the first has printed first; what comes
		// before, the program has printed itself.
		c.Message = printed[max(0, len(printed)-1-len(c.AlsoDying))]
		c.MessageFrom = "the fatal errors that the runtime printed"
	}
	c.Kind = kindOfFatal(c.Message)
}

// kindOfFatal classes a fatal error by its text.
func kindOfFatal(message string) CrashKind {
	switch {
	case strings.HasSuffix(message, "- deadlock!"): // checkdead (runtime/proc.go)
		return CrashDeadlock
	case strings.Contains(message, "out of memory"), strings.Contains(message, "cannot allocate memory"):
		return CrashOutOfMemory
	case message == "runtime: C malloc failed": // runtime/cgo, through _cgo_cmalloc
		return CrashOutOfMemory
	}
	return CrashFatal
}

// explainSignal tells of a signal that the runtime did not turn into a panic.
func (p *Process) explainSignal(c *Crash, s *Signal) {
	if s == nil {
		return
	}
	c.Message, c.MessageFrom = s.Text(), s.Source
	switch {
	case s.Number != sigQUIT && s.Number != sigABRT:
		c.Kind = CrashSignal
	case s.Who == SenderSelf:
		c.Kind = CrashAbortSelf
	case s.Who == SenderOther, s.Who == SenderKernel, s.Number == sigQUIT:
		c.Kind = CrashAbortRequest // the kernel sends SIGQUIT for a terminal
	}
}

// explainDump tells of a signal that ended the process without the runtime's
// ado: nothing handled it, or the runtime raised it anew after it had hit a thread
// that is none of Go's (runtime.raisebadsignal).
func (p *Process) explainDump(c *Crash) {
	c.First, c.Thread = c.Dump, c.Dump.Thread
	if m, ok := p.byThread[c.Thread]; ok {
		c.Machine = m
		if g, err := p.GoroutineAt(m.CurG); err == nil && !g.Status.Dead() && !p.borrowedBySignal(&g) {
			c.Goroutine = g.Addr
		}
		if first := p.firstDelivered(m); first != nil && first.Number == c.Dump.Number {
			c.First = first
		} else if m.Thread != nil {
			hit := *c.Dump
			hit.PC = m.Thread.Regs.PC
			c.First = &hit
		}
	}
	if c.First.Who == SenderSelf && p.machinesLost != nil {
		// The runtime raises a signal when it has died of something else, which
		// its Ms would tell.
		c.doubt(fmt.Errorf("the process raised %s itself, and why is not in the core: %w", c.First.Name, p.machinesLost))
		c.First, c.Goroutine, c.Machine = nil, 0, nil
		return
	}
	p.explainSignal(c, c.First)
}
