package leaks

import (
	"slices"

	"postmortem/analyzer/dominator"
	"postmortem/coreread/goheap"
	"postmortem/coreread/gopoll"
	"postmortem/coreread/layout"
)

// hideStoppedTimers takes the timers that will not fire any more from what the
// processors' heaps of timers lead to: a stopped one stays there until its turn
// comes. Versions that search for leaks themselves take it for a reference.
func (s *search) hideStoppedTimers(poll *gopoll.Reader) {
	h := s.heap.Heap
	p := h.Process()
	if s.searches {
		return
	}
	stopped := dominator.NewSet(h.Objects())
	// Timers that could not be read keep what they lead to.
	_ = poll.Timers(func(t *gopoll.Timer) {
		if o := h.FindObject(t.Addr); t.State == gopoll.Stopped && t.Processor >= 0 && o != goheap.NoObject {
			stopped.Add(uint32(o))
		}
	})
	fields := p.Layout().Struct("runtime.p")
	timers := fields.Offset("timers")
	if p.Layout().Has(layout.TimersRewritten) {
		timers = fields.Offset("timers.heap")
	}
	if fields.Err() != nil {
		return
	}
	for _, processor := range p.Scheduler().Processors {
		array, err := p.Image.Addr(processor.Addr.Add(int64(timers)))
		o := h.FindObject(array)
		if err != nil || o == goheap.NoObject {
			continue
		}
		edges := &s.heap.Graph.Edges
		s.replaced.add(uint32(o), slices.DeleteFunc(slices.Clone(edges.Targets[edges.Offsets[o]:edges.Offsets[o+1]]), stopped.Has))
	}
}
