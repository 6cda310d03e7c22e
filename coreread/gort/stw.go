package gort

import (
	"fmt"

	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// StopTheWorld is whether the runtime was stopping every goroutine, or had.
// The freeze of a dying process is none; it hides the runtime's own count, so
// that under one the threads themselves are asked.
type StopTheWorld struct {
	InProgress bool   // somebody stops the world, or holds it stopped
	Complete   bool   // every processor has stopped
	Frozen     bool   // the process was dying and stopped everything for that
	Reason     string // in the runtime's words, "" when unknown

	Machine   *Machine   // whose thread stops the world; nil when unknown
	Goroutine image.Addr // on whose behalf; 0 when unknown

	// Waiting is what has not stopped; empty when InProgress is not set.
	Waiting []NotStopped
}

// NotStopped is a processor that runs on although it is to stop.
type NotStopped struct {
	Processor *Processor
	Machine   *Machine   // that holds it, nil for none
	Goroutine image.Addr // on that M, 0 for none
	PC        image.Addr // where its thread stands, 0 when unknown
	Doing     string     // in words: "running g6 in main.spin", "g7 in C: libfoo.so+0x1a20"
	Dying     bool       // the process's death was under way on its thread
}

// StopTheWorld returns whether the world was being stopped, nil when that
// cannot be told.
func (p *Process) StopTheWorld() *StopTheWorld {
	if p.once.stop == nil {
		p.once.stop = p.readStopTheWorld()
	}
	return p.once.stop
}

func (p *Process) readStopTheWorld() *StopTheWorld {
	s := p.Scheduler()
	if s.StopRequested == nil || s.StopWait == nil {
		return nil
	}
	stop := &StopTheWorld{Frozen: s.Frozen()}
	if !*s.StopRequested {
		return stop
	}
	stop.Machine = p.worldStopper(s)
	if stop.Frozen && stop.Machine == nil {
		if s.Processors == nil {
			return nil
		}
		return stop // the freeze alone
	}
	stop.InProgress = true
	stopping := false
	if stop.Machine != nil {
		stop.Goroutine = stop.Machine.CurG
		stop.Reason, stopping = p.stopReason(stop.Machine)
	}
	if stop.Frozen {
		stop.Complete = !stopping
	} else {
		stop.Complete = *s.StopWait == 0
	}
	if !stop.Complete {
		stop.Waiting = p.running(s, stop.Machine)
	}
	return stop
}

// worldStopper finds the M that stops the world: the only one that keeps its
// processor after giving it the status gcstop, whoever else stops lets go of
// his (proc.go, stopTheWorldWithSema and gcstopm, 1.18 to 1.27).
func (p *Process) worldStopper(s *Scheduler) *Machine {
	for _, pp := range s.Processors {
		if pp.Status != layout.PGCStop || pp.M == 0 {
			continue
		}
		if m, ok := p.byM[pp.M]; ok && m.P == pp.Addr {
			return m
		}
	}
	return nil
}

// stopReasons are the collector's own reasons, which are not written down
// where others are, by the function that asks.
var stopReasons = []struct{ fn, reason string }{
	{"runtime.gcMarkDone", "GC mark termination"},
	{"runtime.gcMarkTermination", "GC mark termination"},
	{"runtime.gcStart", "GC sweep termination"},
}

// stopReason says why m stops the world and whether it is still at it.
func (p *Process) stopReason(m *Machine) (reason string, stopping bool) {
	if m.PreemptOff != "gcing" {
		reason = m.PreemptOff
	}
	t, ok := p.ThreadOf(m.TID)
	if !ok {
		return reason, false
	}
	for _, f := range t.Frames {
		for _, source := range p.Source(f) {
			if source.Func == "runtime.stopTheWorldWithSema" {
				stopping = true
			}
			for _, r := range stopReasons {
				if reason == "" && source.Func == r.fn {
					reason = r.reason
				}
			}
		}
	}
	if reason == "" && m.PreemptOff == "gcing" {
		reason = "GC mark termination"
	}
	return reason, stopping
}

// running lists the processors that have not halted, by id.
func (p *Process) running(s *Scheduler, stopper *Machine) []NotStopped {
	var waiting []NotStopped
	for _, pp := range s.Processors {
		if pp.Status == layout.PGCStop || pp.Status == layout.PDead || (stopper != nil && pp.M == stopper.Addr) {
			continue
		}
		waiting = append(waiting, p.notStopped(pp))
	}
	return waiting
}

// notStopped says who runs on a processor that should have stopped.
func (p *Process) notStopped(pp *Processor) NotStopped {
	n := NotStopped{Processor: pp}
	m, ok := p.byM[pp.M]
	if !ok {
		n.Doing = fmt.Sprintf("%v, held by no thread", pp.Status)
		return n
	}
	n.Machine, n.Goroutine, n.Dying = m, m.CurG, m.Dying > 0
	n.PC, n.Doing = p.doing(m)
	return n
}

// doing says where an M stands that should have stopped.
func (p *Process) doing(m *Machine) (pc image.Addr, what string) {
	t, ok := p.ThreadOf(m.TID)
	if !ok {
		return 0, "its thread is not in the core"
	}
	what = t.before
	if len(t.Frames) == 0 {
		return 0, what
	}
	pc = t.Frames[0].PC
	if t.Frames[0].Trust != TrustCgo {
		what += " in " + p.describeCode(pc)
	}
	if m.PreemptOff != "" {
		what += ", not to be preempted: " + m.PreemptOff
	}
	return pc, what
}

// Barrier is a wait, mostly the collector's, until every processor has passed
// a safe point (runtime.forEachP). The program runs on meanwhile, but one
// processor that does not get there holds the collection up for good.
type Barrier struct {
	Machine   *Machine   // whose thread waits; nil when unknown
	Goroutine image.Addr // on whose behalf; 0 when unknown
	Waiting   []NotStopped
}

// Barrier returns the wait that is in progress, nil when there is none or that
// cannot be told.
func (p *Process) Barrier() *Barrier {
	s := p.Scheduler()
	if s.SafePointWait == nil || *s.SafePointWait == 0 {
		return nil
	}
	b := &Barrier{}
	for _, t := range p.Threads() {
		if t.Machine != nil && p.inBarrier(t) {
			b.Machine, b.Goroutine = t.Machine, t.Goroutine
		}
	}
	for _, pp := range s.Processors {
		if pp.SafePointDue {
			b.Waiting = append(b.Waiting, p.notStopped(pp))
		}
	}
	return b
}

// inBarrier reports whether t waits in forEachP, which is called forEachPInternal since 1.22.
func (p *Process) inBarrier(t *Thread) bool {
	for _, f := range t.Frames {
		if fn, ok := p.FuncAt(f.PC); ok && (fn.Name() == "runtime.forEachP" || fn.Name() == "runtime.forEachPInternal") {
			return true
		}
	}
	return false
}
