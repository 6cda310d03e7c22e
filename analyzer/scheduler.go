package analyzer

import (
	"postmortem/analyzer/facts"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// describeScheduler says what the scheduler was at.
func (a *analysis) describeScheduler() {
	p := a.snap.Runtime
	s := p.Scheduler()
	out := &facts.Scheduler{
		GOMAXPROCS: maybe(s.GOMAXPROCS),
		Ms:         maybe(s.Ms),
		IdleMs:     maybe(s.IdleMs),
		SpinningMs: maybe(s.SpinningMs),
		RunQueue:   maybe(s.RunQueue),
	}
	if s.Processors != nil {
		out.PerP = make([]facts.P, 0, len(s.Processors))
	}
	for _, pp := range s.Processors {
		out.PerP = append(out.PerP, facts.P{
			ID:       int(pp.ID),
			Status:   known(processorStatus(pp)),
			RunQueue: facts.Maybe[int]{V: len(pp.RunQueue), Known: pp.RunQueue != nil},
			M:        a.machineID(pp.M),
		})
	}
	a.doc.Scheduler = out
}

// processorStatus names a P's state the same way for every version: since Go
// 1.26 a P stays running while its goroutine is in a system call.
func processorStatus(p *gort.Processor) string {
	if p.InSyscall {
		return "syscall"
	}
	return p.Status.String()
}

func (a *analysis) machineID(m image.Addr) facts.Maybe[int64] {
	if machine, ok := a.snap.Runtime.MachineAt(m); ok {
		return facts.Some(machine.ID)
	}
	return facts.Maybe[int64]{}
}

// goroutineID returns the id of the goroutine at an address.
func (a *analysis) goroutineID(g image.Addr) facts.Maybe[int64] {
	id, ok := a.goroutines.IDs[g]
	return facts.Maybe[int64]{V: id, Known: ok}
}

// maybe is a value that is unknown when the pointer is nil.
func maybe[T any](v *T) facts.Maybe[T] {
	if v == nil {
		return facts.Maybe[T]{}
	}
	return facts.Some(*v)
}
