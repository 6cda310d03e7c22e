package analyzer

import (
	"postmortem/analyzer/facts"
	"postmortem/coreread/gort"
)

// describeGC says what the collector was at.
func (a *analysis) describeGC() {
	p := a.snap.Runtime
	c := p.Collector()
	out := &facts.GC{
		StopTheWorld:    a.stopTheWorld(),
		Barrier:         a.barrier(),
		HeapLiveBytes:   maybe(c.HeapLive),
		HeapGoalBytes:   maybe(c.HeapGoal),
		HeapMarkedBytes: maybe(c.HeapMarked),
		CPULimiter:      maybe(c.CPULimiter),
		Pauses:          pauses(c.Pauses),
		LastGCAgeNS:     a.lastGCAge(c),
	}
	if c.Phase != nil {
		out.Phase = known(c.Phase.String())
	}
	if c.Cycles != nil {
		out.Cycles = facts.Some(int64(*c.Cycles))
	}
	if c.Forced != nil {
		out.ForcedCycles = facts.Some(int64(*c.Forced))
	}
	if c.GOGC != nil {
		out.GOGC = facts.Some(int64(*c.GOGC))
	}
	if c.MemoryLimit != nil {
		out.MemoryLimit.Set = facts.Some(c.MemoryLimit.Set)
		if c.MemoryLimit.Set {
			out.MemoryLimit.Bytes = facts.Some(c.MemoryLimit.Bytes)
		}
	}
	out.MemoryLimit.UsedBytes = maybe(c.Memory.MappedReady)
	a.doc.GC = out
}

func (a *analysis) stopTheWorld() facts.StopTheWorld {
	s := a.snap.Runtime.StopTheWorld()
	if s == nil {
		return facts.StopTheWorld{}
	}
	out := facts.StopTheWorld{
		InProgress: facts.Some(s.InProgress),
		Reason:     known(s.Reason),
		Goroutine:  a.goroutineID(s.Goroutine),
	}
	out.WaitingFor = a.notStopped(s.Waiting)
	return out
}

// barrier says who waits for a safe point, and for whom.
func (a *analysis) barrier() facts.Barrier {
	due := a.snap.Runtime.Scheduler().SafePointWait
	if due == nil {
		return facts.Barrier{}
	}
	out := facts.Barrier{InProgress: facts.Some(*due > 0), WaitingFor: []facts.NotStopped{}}
	if b := a.snap.Runtime.Barrier(); b != nil {
		out.Goroutine = a.goroutineID(b.Goroutine)
		out.WaitingFor = a.notStopped(b.Waiting)
	}
	return out
}

// notStopped are processors that run on.
func (a *analysis) notStopped(waiting []gort.NotStopped) []facts.NotStopped {
	out := []facts.NotStopped{}
	for _, w := range waiting {
		n := facts.NotStopped{P: facts.Some(int(w.Processor.ID)), Goroutine: a.goroutineID(w.Goroutine), Doing: known(w.Doing)}
		if at := w.Processor.SliceSeen; at != 0 {
			if ran, ok := a.clocks.Since(at); ok {
				n.RunsAtLeastNS = facts.Some(int64(ran))
			}
		}
		if w.Machine != nil && w.Machine.TID != 0 {
			n.Thread = facts.Some(w.Machine.TID)
		}
		out = append(out, n)
	}
	return out
}

func pauses(p *gort.Pauses) facts.Pauses {
	if p == nil {
		return facts.Pauses{}
	}
	out := facts.Pauses{Count: facts.Some(int64(p.Count))}
	quantile := func(q float64) facts.Maybe[int64] {
		ns, ok := p.Quantile(q)
		return facts.Maybe[int64]{V: int64(ns), Known: ok}
	}
	if last, ok := p.Last(); ok {
		out.LastNS = facts.Some(int64(last))
	}
	out.P50NS, out.P95NS, out.MaxNS = quantile(0.5), quantile(0.95), quantile(1)
	return out
}

func (a *analysis) lastGCAge(c *gort.Collector) facts.Maybe[int64] {
	if c.LastEnd == nil {
		return facts.Maybe[int64]{}
	}
	age, ok := a.clocks.Since(*c.LastEnd)
	return facts.Maybe[int64]{V: int64(age), Known: ok}
}
