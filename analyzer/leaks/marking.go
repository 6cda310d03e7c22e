package leaks

import (
	"context"
	"slices"

	"postmortem/analyzer/dominator"
)

// marking marks what goroutines that can run can reach. A goroutine that waits
// joins in as soon as something that it waits for is marked, as in the collector's
// search for leaked goroutines (runtime/mgc.go, findMaybeRunnableGoroutines).
// Its time is linear in the graph.
type marking struct {
	graph    *dominator.Graph
	replaced *replacedEdges

	waiters []uint32 // nodes
	waits   []wait   // by object
	waited  dominator.Set

	state
	stack []uint32
	woken []uint32 // waiters that have joined in since the caller looked last
}

// state is how far a marking has come.
type state struct {
	marked dominator.Set
	live   dominator.Set // by waiter
	asleep int           // waiters that are not live
}

func (s *state) clone() state {
	return state{marked: slices.Clone(s.marked), live: slices.Clone(s.live), asleep: s.asleep}
}

// wait says that a waiter waits for an object, perhaps among others. They sort by object.
type wait uint64

func newWait(object, waiter uint32) wait { return wait(object)<<32 | wait(waiter) }

func (w wait) object() uint32 { return uint32(w >> 32) }
func (w wait) waiter() uint32 { return uint32(w) }

// newMarking prepares a marking. waiters are nodes of the graph that nothing marks
// but their waits; the waits may come in any order.
func newMarking(g *dominator.Graph, replaced *replacedEdges, waiters []uint32, waits []wait) *marking {
	m := &marking{
		graph: g, replaced: replaced,
		waiters: waiters, waits: waits, waited: dominator.NewSet(g.Nodes()),
		state: state{marked: dominator.NewSet(g.Nodes()), live: dominator.NewSet(len(waiters)), asleep: len(waiters)},
	}
	replaced.seal(g.Nodes())
	slices.Sort(m.waits)
	for _, w := range m.waits {
		m.waited.Add(w.object())
	}
	return m
}

// mark marks a node; what it leads to run marks.
func (m *marking) mark(v uint32) {
	if m.marked.Has(v) {
		return
	}
	m.marked.Add(v)
	if m.waited.Has(v) {
		m.wakeWaiting(v)
	}
	if m.graph.Offsets[v] != m.graph.Offsets[v+1] {
		m.stack = append(m.stack, v)
	}
}

// wakeWaiting lets all join in that wait for an object.
func (m *marking) wakeWaiting(object uint32) {
	i, _ := slices.BinarySearch(m.waits, newWait(object, 0))
	for ; i < len(m.waits) && m.waits[i].object() == object; i++ {
		m.wake(m.waits[i].waiter())
	}
}

// wake lets a waiter join in.
func (m *marking) wake(waiter uint32) {
	if m.live.Has(waiter) {
		return
	}
	m.live.Add(waiter)
	m.asleep--
	m.woken = append(m.woken, waiter)
	m.mark(m.waiters[waiter])
}

// patience is how many nodes are marked between two looks at the context.
const patience = 1 << 16

// run goes on until nothing is left to mark, or no waiter is left to be woken: what
// else can be reached is nobody's question then.
func (m *marking) run(ctx context.Context) error {
	for n := 0; len(m.stack) > 0; n++ {
		if m.asleep == 0 {
			m.stack = m.stack[:0]
			break
		}
		if n%patience == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		v := m.stack[len(m.stack)-1]
		m.stack = m.stack[:len(m.stack)-1]
		for _, t := range m.edges(v) {
			m.mark(t)
		}
	}
	return ctx.Err()
}

// edges returns what a node leads to.
func (m *marking) edges(v uint32) []uint32 {
	if edges, ok := m.replaced.of(v); ok {
		return edges
	}
	return m.graph.Targets[m.graph.Offsets[v]:m.graph.Offsets[v+1]]
}
