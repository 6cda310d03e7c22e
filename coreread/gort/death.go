package gort

import (
	"cmp"
	"slices"

	"postmortem/coreread/elfcore"
	"postmortem/coreread/image"
)

// deathCause is which of the runtime's ways to die a thread has taken.
type deathCause uint8

const (
	diedOfSignal deathCause = iota + 1 // sighandler
	diedOfPanic                        // gopanic, fatalpanic
	diedOfThrow                        // throw, fatal
)

// death is a thread that is ending the process by itself.
type death struct {
	machine   *Machine
	goroutine image.Addr // 0 for none
	g         *Goroutine // the same, read; nil when there is none
	stack     Stack      // of g
	how       deathCause
	end       Frame  // of the function that ends the process, where how is a panic or a throw
	endName   string // its name
	turn      deathTurn
	after     image.Addr // for threads of one turn: where in dopanic_m it waits
	locking   bool       // while frames are noted: all so far belong to a lock
}

// deathTurn orders threads that die together. The first takes paniclk and
// prints; when it has done and others are about to die it waits for them for
// ever in dopanic_m; the last to print ends the process (runtime/panic.go).
type deathTurn uint8

const (
	turnPrinted   deathTurn = iota // waits in dopanic_m: it has printed
	turnPrinting                   // prints, or ends the process
	turnAnnounced                  // waits in startpanic_m for its turn
)

// firstDeath returns the thread that began to die first, nil when none was
// dying. It notes the others in c.
func (p *Process) firstDeath(c *Crash) *death {
	var deaths []*death
	for _, m := range p.machines {
		// Debuggers stop at a panic before the runtime marks the thread.
		if m.Dying == 0 && m.Throwing == 0 && m.CaughtSignalG == 0 && p.Core.Producer != elfcore.Delve {
			continue
		}
		if d := p.deathOf(m); d != nil {
			if d.how == diedOfSignal && m.Dying == 0 {
				c.Relayed = append(c.Relayed, m)
				continue
			}
			deaths = append(deaths, d)
		}
	}
	slices.SortStableFunc(deaths, func(a, b *death) int {
		// Of two that wait in dopanic_m the one further on has come first: it
		// holds the lock that the other waits for.
		return cmp.Or(cmp.Compare(a.turn, b.turn), cmp.Compare(b.after, a.after))
	})
	if len(deaths) == 0 {
		return nil
	}
	for _, d := range deaths[1:] {
		c.AlsoDying = append(c.AlsoDying, d.machine)
	}
	return deaths[0]
}

// deathOf tells what m's thread is dying of, nil when it is not.
func (p *Process) deathOf(m *Machine) *death {
	d := &death{machine: m, goroutine: m.CurG, turn: turnPrinting, locking: true}
	if m.CaughtSignalG != 0 && m.CaughtSignalG != m.G0 && m.CaughtSignalG != m.Signal {
		d.goroutine = m.CaughtSignalG
	}
	p.noteFrames(d)
	switch {
	case m.CaughtSignalG != 0:
		d.how = diedOfSignal
	case d.how != 0:
	case m.Throwing != 0:
		d.how = diedOfThrow
	case m.Dying != 0:
		d.how = diedOfPanic
	default:
		return nil
	}
	return d
}

// noteFrames goes through the stacks of the thread: the system stack, and its
// goroutine's. Signal handlers on top of them say nothing: the runtime raised
// those signals when all was over.
func (p *Process) noteFrames(d *death) {
	m := d.machine
	if context := p.interruptedContext(m); context.err == nil {
		// Without a goroutine the walk ends where the system stack does.
		u := &unwinder{p: p, m: m, limit: StoredFrames}
		_ = u.walk(context.regs, context.exact, func(f *Frame, _ *pcInfo) {
			if m.onSystemStack(f.SP) {
				p.noteFrame(d, *f)
			}
		})
	}
	if d.goroutine == 0 {
		return
	}
	g, err := p.GoroutineAt(d.goroutine)
	if err != nil {
		return
	}
	d.g = &g
	p.Stack(d.g, &d.stack)
	for _, f := range d.stack.Inner {
		if !m.onSystemStack(f.SP) || m.CurG == 0 {
			p.noteFrame(d, f)
		}
	}
}

// noteFrame takes what a frame says about the thread's end; frames come
// innermost first.
func (p *Process) noteFrame(d *death, f Frame) {
	for _, source := range p.Source(f) {
		switch name := source.Func; name {
		case "runtime.futex", "runtime.futexsleep", "runtime.lock", "runtime.lock2", "runtime.lockWithRank",
			"runtime.procyield", "runtime.osyield", "runtime.usleep":
			continue
		case "runtime.dopanic_m":
			if d.locking {
				d.turn, d.after = turnPrinted, f.PC
			}
		case "runtime.startpanic_m":
			if d.locking {
				d.turn = turnAnnounced
			}
		// These never return: the outermost one is what it died of, whatever
		// went wrong later.
		case "runtime.fatalpanic":
			d.how, d.end, d.endName = diedOfPanic, f, name
		case "runtime.throw", "runtime.fatal":
			d.how, d.end, d.endName = diedOfThrow, f, name
		}
		d.locking = false
	}
}

// thrownBy returns the text that the thread gave to throw or fatal.
func (p *Process) thrownBy(d *death) (string, bool) {
	if d.endName == "" || d.how != diedOfThrow {
		return "", false
	}
	if text, ok := p.thrownText(d.end, d.endName); ok {
		return text, true
	}
	if !d.end.Exact || d.machine.Thread == nil || d.end.PC != d.machine.Thread.Regs.PC {
		return "", false
	}
	// A debugger stopped it at the beginning of throw: the argument is in registers.
	data, n := "rax", "rbx"
	if p.arch.linkRegister {
		data, n = "x0", "x1"
	}
	at, _ := d.machine.Thread.Regs.Get(data)
	size, _ := d.machine.Thread.Regs.Get(n)
	return p.textOf(image.Addr(at), size)
}
