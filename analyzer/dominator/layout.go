package dominator

import (
	"iter"

	"postmortem/internal/bulk"
)

// Layout is a dominator tree as a row, each node followed by all that it
// dominates, with what each node retains: its own size and those of all that it
// dominates, which is what would become unreachable with it. It takes 16 bytes
// per node of the graph and 4 per node that is reached.
type Layout struct {
	// Row has the reached nodes. Dominators come before what they dominate.
	Row []uint32

	nodes []subtree // by node
}

// subtree is a node with all that it dominates: what is asked of a node together
// is in one place.
type subtree struct {
	retained uint64 // own size until the tree is known
	count    uint32 // nodes, itself included; 0 when it is not reached
	end      uint32 // place in the row behind it
}

// NewLayout returns the layout of a graph of so many nodes, whose sizes are 0 and
// of which none is reached.
func NewLayout(nodes int) *Layout { return &Layout{nodes: bulk.Make[subtree](nodes)} }

// SetSize gives a node its own size, before Fill.
func (l *Layout) SetSize(v uint32, size uint64) { l.nodes[v].retained = size }

// Fill lays out the tree, once. It is of the graph that the layout was made for.
func (l *Layout) Fill(t *Tree) {
	for i := len(t.Order) - 1; i > 0; i-- {
		v := &l.nodes[t.Order[i]]
		v.count++
		up := &l.nodes[t.Idom[t.Order[i]]]
		up.retained += v.retained
		up.count += v.count
	}
	root := &l.nodes[t.Root()]
	root.count++
	// A node's place is the next that is free in its dominator's run. Until all are
	// placed, end is that next free place.
	l.Row = bulk.Make[uint32](len(t.Order))
	l.Row[0], root.end = t.Root(), 1
	for _, v := range t.Order[1:] {
		up, node := &l.nodes[t.Idom[v]], &l.nodes[v]
		l.Row[up.end] = v
		node.end = up.end + 1
		up.end += node.count
	}
}

// Reached reports whether the root reaches node v.
func (l *Layout) Reached(v uint32) bool { return l.nodes[v].count != 0 }

// Retained is what node v retains; of one that is not reached, its own size.
func (l *Layout) Retained(v uint32) uint64 { return l.nodes[v].retained }

// Run is the places in the row of what v dominates, v first, the last exclusive;
// both are 0 when v is not reached.
func (l *Layout) Run(v uint32) (first, end uint32) {
	n := &l.nodes[v]
	return n.end - n.count, n.end
}

// Children goes over the nodes whose immediate dominator is v.
func (l *Layout) Children(v uint32) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		first, end := l.Run(v)
		for at := first + 1; at < end; at = l.nodes[l.Row[at]].end {
			if !yield(l.Row[at]) {
				return
			}
		}
	}
}
