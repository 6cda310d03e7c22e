package leaks

import (
	"context"
	"time"

	"postmortem/analyzer/dominator"
	"postmortem/analyzer/facts"
	"postmortem/analyzer/heap"
	"postmortem/coreread/gopoll"
	"postmortem/coreread/gosync"
	"postmortem/coreread/image"
)

// Find finds the leaked goroutines among those of the report. The error is the
// context's: then nothing is known.
func Find(ctx context.Context, h *heap.Analysis, sync *gosync.Reader, poll *gopoll.Reader, goroutines *facts.Goroutines) (*facts.Leaks, error) {
	p := h.Heap.Process()
	s := &search{
		heap: h, roots: h.Graph.Roots, order: p.Image.ByteOrder(),
		goroutines: goroutines.List, groups: make(map[int]*facts.Group, len(goroutines.Groups)),
		programs: newPrograms(h.Snapshot().Exe), owned: ownObjects(h.Graph),
	}
	for i := range goroutines.Groups {
		s.groups[goroutines.Groups[i].ID] = &goroutines.Groups[i]
	}
	if err := s.prepare(ctx, sync, poll); err != nil {
		return nil, err
	}
	verdicts, err := s.judge(ctx)
	if err != nil {
		return nil, err
	}
	return s.report(ctx, verdicts)
}

// verdict is what is known of one waiter.
type verdict uint8

const (
	awake    verdict = iota // something may wake it, or it is main in select {}
	possible                // it has been waiting for long, with many others
	stalled                 // it sends, and no code under way has to do with the variables that lead to the channel
	unused                  // only variables lead to what it waits for, that no code under way has to do with
	leaked                  // nothing leads to what it waits for
)

// judge judges all waiters.
func (s *search) judge(ctx context.Context) ([]verdict, error) {
	m := s.marking
	if err := s.markRunning(ctx); err != nil {
		return nil, err
	}
	running := m.clone()
	if err := s.markVariables(ctx, all); err != nil {
		return nil, err
	}
	if err := s.markFinalizers(ctx); err != nil {
		return nil, err
	}
	verdicts := make([]verdict, len(s.waiters))
	doubtful := false
	for w := range s.waiters {
		switch {
		case !m.live.Has(uint32(w)):
			verdicts[w] = leaked
		case !running.live.Has(uint32(w)):
			doubtful = true
		}
	}
	if doubtful {
		m.state = running
		if err := s.judgeVariables(ctx, verdicts); err != nil {
			return nil, err
		}
	}
	s.judgeByTime(verdicts, m.live) // m is what running code leads to, where that can be told
	for w := range s.waiters {
		// It holds nothing up, and programs end so on purpose (runtime/mgc.go,
		// findGoroutineLeaks, 1.27).
		if s.waiters[w].goroutine == 1 && s.waiters[w].op == gosync.SelectNone {
			verdicts[w] = awake
		}
	}
	return verdicts, nil
}

// judgeVariables judges the waiters to which only variables and finalizers lead.
// Marked is what running goroutines lead to.
func (s *search) judgeVariables(ctx context.Context, verdicts []verdict) error {
	if s.code = readCode(s.heap, s.programs); s.code == nil {
		return nil
	}
	m := s.marking
	if err := s.markUsed(ctx); err != nil {
		return err
	}
	if err := s.markDue(ctx); err != nil {
		return err
	}
	used := m.clone()
	// Who waits for an event may be idle: it is not leaked while there is code that
	// could bring the event. Who has a lock, on the other hand, is under way.
	sleeping := s.functionsOfSleepers()
	err := s.markVariables(ctx, func(v image.Addr) bool { return s.code.unnamed(v) || s.code.namedElsewhere(v, sleeping) })
	if err != nil {
		return err
	}
	for w := range s.waiters {
		asleep := !used.live.Has(uint32(w))
		switch {
		case verdicts[w] != awake || !asleep:
		case s.waiters[w].locks() || !m.live.Has(uint32(w)):
			verdicts[w] = unused
		case !s.waiters[w].idle():
			verdicts[w] = stalled
		}
	}
	m.state = used
	return nil
}

// idle reports whether a waiter waits for an event that need not ever come.
func (w *waiter) idle() bool {
	switch w.op {
	case gosync.Receive, gosync.CondWait, gosync.WaitGroupWait:
		return true
	case gosync.Select:
		return !w.sends
	}
	return false
}

// locks reports whether a waiter waits for a lock.
func (w *waiter) locks() bool {
	return w.op == gosync.Lock || w.op == gosync.RLock || w.op == gosync.WLock
}

// functionsOfSleepers returns the entries of the functions on the stacks of those
// waiters that cannot run as far as the marking has come.
func (s *search) functionsOfSleepers() map[image.Addr]bool {
	entries := make(map[image.Addr]bool)
	seen := make(map[int]bool)
	for w := range s.waiters {
		g := s.groups[s.waiters[w].group]
		if s.marking.live.Has(uint32(w)) || seen[g.ID] {
			continue
		}
		seen[g.ID] = true
		for _, f := range g.Frames {
			for _, fn := range s.code.functions(f) {
				entries[fn.Entry()] = true
			}
		}
	}
	return entries
}

// Bounds of what has been waiting for long.
const (
	longWait  = 10 * time.Minute
	longGroup = 100 // goroutines, of those that may be idle
)

// judgeByTime judges the waiters that are not known to be leaked by how long they
// have been waiting. running are those that variables and finalizers are not
// needed for to wake: nobody but time speaks against them.
func (s *search) judgeByTime(verdicts []verdict, running dominator.Set) {
	for i := range s.waiters {
		w := &s.waiters[i]
		if verdicts[i] != awake || !s.waitsLong(w.goroutine) {
			continue
		}
		switch {
		case !w.idle(), w.op != gosync.WaitGroupWait && !running.Has(uint32(i)) && s.groups[w.group].Count >= longGroup:
			verdicts[i] = possible
		}
	}
}

// waitsLong reports whether a goroutine is known to have been waiting for long.
func (s *search) waitsLong(id uint64) bool {
	i, ok := s.find(id)
	return ok && s.goroutines[i].WaitedAtLeastNS.V >= longWait.Nanoseconds()
}
