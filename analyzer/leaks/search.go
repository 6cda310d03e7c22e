package leaks

import (
	"context"
	"encoding/binary"

	"postmortem/analyzer/dominator"
	"postmortem/analyzer/facts"
	"postmortem/analyzer/graph"
	"postmortem/analyzer/heap"
	"postmortem/coreread/goheap"
	"postmortem/coreread/gopoll"
	"postmortem/coreread/goroots"
	"postmortem/coreread/gosync"
	"postmortem/coreread/image"
)

// search is a search for leaked goroutines at work.
type search struct {
	heap       *heap.Analysis
	roots      *graph.Roots
	order      binary.ByteOrder
	goroutines []facts.Goroutine // by id
	groups     map[int]*facts.Group
	programs   programs
	last       int  // index of the goroutine that was looked up last
	searches   bool // the version can search for leaks itself

	stackLow, stackHigh, schedLink uint64        // offsets of fields of runtime.g
	owned                          dominator.Set // objects

	waiters  []waiter
	targets  []target // of all waiters
	waiterOf []uint32 // by holder; noWaiter for those that do not wait for ever
	replaced replacedEdges
	edges    []uint32 // of the sudogs in replaced
	// statics are the variables that waiters wait for, which lie outside of the heap.
	statics []static

	marking *marking
	code    *code
}

// static is what a waiter waits for in a variable.
type static struct {
	waiter   uint32
	variable image.Addr // start of the variable; of none, where it waits
	program  bool       // of the program's own, not of the standard library's
}

// prepare finds who waits for what. Who waits for something outside of heap and
// variables is taken to be awake, as the collector takes it (runtime/mbitmap.go,
// isMarkedOrNotInHeap).
func (s *search) prepare(ctx context.Context, sync *gosync.Reader, poll *gopoll.Reader) error {
	if err := s.bind(); err != nil {
		return err
	}
	if err := s.readWaiters(ctx, sync); err != nil {
		return err
	}
	s.findTargets()
	s.hideStoppedTimers(poll)
	s.dropDead()
	nodes := make([]uint32, len(s.waiters))
	waits := make([]wait, 0, len(s.targets))
	var awake []uint32
	for i := range s.waiters {
		w := &s.waiters[i]
		nodes[i] = s.heap.Graph.Node(w.holder)
		for _, t := range s.targetsOf(w) {
			if t.object != goheap.NoObject {
				waits = append(waits, newWait(uint32(t.object), uint32(i)))
			} else if v, ok := s.heap.VariableAt(t.at); ok {
				s.statics = append(s.statics, static{uint32(i), v.Range.Start, s.programs.own(graph.PackageOf(v.Name))})
			} else {
				awake = append(awake, uint32(i))
			}
		}
	}
	s.marking = newMarking(&s.heap.Graph.Edges, &s.replaced, nodes, waits)
	for _, w := range awake {
		s.marking.wake(w)
	}
	s.wakeGrasped()
	s.markFiring()
	return nil
}

// markRunning marks what the runtime, the standard library and the goroutines that
// can run refer to.
func (s *search) markRunning(ctx context.Context) error {
	m, g := s.marking, s.heap.Graph
	for i, h := range s.roots.Holders {
		switch {
		case h.Kind == graph.RuntimeInternal || h.Kind == graph.Variable && !s.isProgram(uint32(i)) || h.Kind == graph.Goroutine && s.waiterOf[i] == noWaiter:
			m.mark(g.Node(uint32(i)))
		case h.Kind == graph.Goroutine:
			// The list of all goroutines leads to it, and it leads to its deferred calls.
			if h.Own != goheap.NoObject {
				m.mark(uint32(h.Own))
			}
		}
	}
	for _, slot := range s.roots.Slots {
		if slot.Kind == goroots.Queued {
			s.markSlot(slot)
		}
	}
	for _, st := range s.statics {
		if !st.program {
			m.wake(st.waiter)
		}
	}
	return m.run(ctx)
}

func (s *search) markSlot(slot graph.Slot) {
	if o := s.heap.Heap.FindObject(slot.Value); o != goheap.NoObject && !s.owned.Has(uint32(o)) {
		s.marking.mark(uint32(o))
	}
}

// isProgram reports whether a holder is a variable of the program and not of the
// standard library.
func (s *search) isProgram(holder uint32) bool {
	h := &s.roots.Holders[holder]
	return h.Kind == graph.Variable && s.programs.own(s.roots.Holders[h.Parent].Name)
}

// markVariables marks what the program's variables refer to that pass the test;
// the variables are given by where they start.
func (s *search) markVariables(ctx context.Context, pass func(variable image.Addr) bool) error {
	for i, h := range s.roots.Holders {
		if s.isProgram(uint32(i)) && pass(h.At) {
			s.marking.mark(s.heap.Graph.Node(uint32(i)))
		}
	}
	for _, st := range s.statics {
		if pass(st.variable) {
			s.marking.wake(st.waiter)
		}
	}
	return s.marking.run(ctx)
}

// all is every variable.
func all(image.Addr) bool { return true }

// markFinalizers marks what finalizers and cleanups keep for when they are due.
func (s *search) markFinalizers(ctx context.Context) error {
	for _, slot := range s.roots.Slots {
		if s.roots.Holders[slot.Holder].Kind == graph.Finalizers && slot.Kind != goroots.Finalizable {
			s.markSlot(slot)
		}
	}
	return s.marking.run(ctx)
}

// markDue marks what the finalizers keep that the next collection would find to be
// due: nothing but finalizers, not even a goroutine that sleeps, leads to their
// objects.
func (s *search) markDue(ctx context.Context) error {
	m := s.marking
	so := m.clone()
	if err := s.markVariables(ctx, all); err != nil {
		return err
	}
	for w := range s.waiters {
		m.wake(uint32(w))
	}
	if err := m.run(ctx); err != nil {
		return err
	}
	kept := m.marked
	m.state, m.woken = so, nil
	due := false
	for _, slot := range s.roots.Slots { // what a finalizer keeps follows its object
		switch {
		case s.roots.Holders[slot.Holder].Kind != graph.Finalizers:
		case slot.Kind == goroots.Finalizable:
			o := s.heap.Heap.FindObject(slot.Value)
			due = o != goheap.NoObject && !kept.Has(uint32(o))
			if due {
				m.mark(uint32(o))
			}
		case slot.Kind == goroots.Cleanup || due:
			s.markSlot(slot)
		}
	}
	return m.run(ctx)
}

// markUsed marks what the variables refer to that running code has to do with:
// those that a function under way on the stack of a goroutine that can run names.
func (s *search) markUsed(ctx context.Context) error {
	used := make(map[image.Addr]bool)
	seen := make(map[int]bool)
	add := func(group int) {
		if !seen[group] {
			seen[group] = true
			s.code.usedBy(s.groups[group], used)
		}
	}
	for i, h := range s.roots.Holders {
		if h.Kind == graph.Goroutine {
			if j, ok := s.find(h.ID); ok && s.runs(uint32(i)) {
				add(s.goroutines[j].Group)
			}
		}
	}
	for {
		before := len(used)
		s.marking.woken = s.marking.woken[:0]
		err := s.markVariables(ctx, func(v image.Addr) bool { return used[v] || s.code.unnamed(v) })
		if err != nil {
			return err
		}
		for _, w := range s.marking.woken {
			add(s.waiters[w].group)
		}
		if len(used) == before {
			return nil
		}
	}
}

// runs reports whether a goroutine can run, as far as the marking has come.
func (s *search) runs(holder uint32) bool {
	w := s.waiterOf[holder]
	return w == noWaiter || s.marking.live.Has(w)
}
