package dominator

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
)

// Layout is a dominator tree in preorder: what a node dominates is one range, and
// children are found by skipping ranges. It takes 12 bytes per node of the graph.
type Layout struct {
	tree *Tree
	// nodes is the preorder; by node, what it dominates is nodes[end-count:end],
	// the node itself first. count is 0 for nodes that are not reached.
	nodes      []uint32
	count, end []uint32
}

// Layout makes the layout. Siblings are in the order of t.Order.
func (t *Tree) Layout() *Layout {
	l := &Layout{
		tree:  t,
		nodes: bulk[uint32](len(t.Order)),
		count: bulk[uint32](len(t.Idom)),
		end:   bulk[uint32](len(t.Idom)),
	}
	for i := len(t.Order) - 1; i > 0; i-- {
		v := t.Order[i]
		l.count[v]++
		l.count[t.Idom[v]] += l.count[v]
	}
	l.count[t.Root()]++
	// Until all it dominates has its place, end is where a node's next child goes.
	l.end[t.Root()] = 1
	l.nodes[0] = t.Root()
	for _, v := range t.Order[1:] {
		place := l.end[t.Idom[v]]
		l.end[t.Idom[v]] = place + l.count[v]
		l.nodes[place] = v
		l.end[v] = place + 1
	}
	return l
}

// Dominated is the nodes that v dominates in preorder, v first; empty when v is
// not reached. The slice belongs to the layout.
func (l *Layout) Dominated(v uint32) []uint32 {
	return l.nodes[l.end[v]-l.count[v] : l.end[v] : l.end[v]]
}

// Children goes over the nodes whose immediate dominator is v.
func (l *Layout) Children(v uint32) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		below := l.Dominated(v)
		for i := uint32(1); i < uint32(len(below)); i += l.count[below[i]] {
			if !yield(below[i]) {
				return
			}
		}
	}
}

// Largest is the children of v that retain at least atLeast, the largest first and
// of equals the lowest number first.
func (l *Layout) Largest(v uint32, retained []uint64, atLeast uint64) []uint32 {
	var large []uint32
	for c := range l.Children(v) {
		if retained[c] >= atLeast {
			large = append(large, c)
		}
	}
	slices.SortFunc(large, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(retained[b], retained[a]), cmp.Compare(a, b))
	})
	return large
}

// Accumulation goes down from v as long as one child retains at least the given
// share of what its parent does, and gives the last node: the one below which the
// memory spreads out. The share is from 0 to 1, exclusive.
func (l *Layout) Accumulation(v uint32, retained []uint64, share float64) uint32 {
	for {
		largest := None
		for c := range l.Children(v) {
			if largest == None || retained[c] > retained[largest] {
				largest = c
			}
		}
		if largest == None || float64(retained[largest]) < share*float64(retained[v]) {
			return v
		}
		v = largest
	}
}

// RetainedByClass sums for every class below classes what its nodes retain
// together, as far as the tree tells: a node below another one of its class does
// not count again. classOf has the class by node; nodes of other classes do not
// count.
func (l *Layout) RetainedByClass(classOf []uint32, classes int, retained []uint64) ([]uint64, error) {
	if len(classOf) != len(l.end) || len(retained) != len(l.end) {
		return nil, fmt.Errorf("%d classes and %d sizes for %d nodes", len(classOf), len(retained), len(l.end))
	}
	sums := make([]uint64, classes)
	covered := make([]uint32, classes) // the end of the last node that counted
	for i, v := range l.nodes {
		c := classOf[v]
		if uint64(c) >= uint64(classes) || uint32(i) < covered[c] {
			continue
		}
		sums[c] += retained[v]
		covered[c] = l.end[v]
	}
	return sums, nil
}
