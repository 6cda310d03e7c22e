package dominator

import "postmortem/internal/bulk"

// Tree is the dominator tree of the nodes that a root reaches.
type Tree struct {
	// Idom is the immediate dominator by node; None for the root and for nodes
	// that are not reached.
	Idom []uint32
	// Order has the reached nodes, each behind its immediate dominator; the root
	// is first. Neighbours in it are mostly neighbours by number, too.
	Order []uint32
	// Inner is how many of Order have edges, or are the root. They come first: the
	// others, which dominate nothing, follow by number.
	Inner int

	room []uint64 // that the computation has left
}

// Room returns an array for a number of each node, whose contents are arbitrary:
// if it is large enough, memory that the computation is done with.
func (t *Tree) Room() []uint64 {
	n := len(t.Idom)
	room := t.room
	t.room = nil
	if len(room) < n {
		return bulk.Make[uint64](n)
	}
	return room[:n:n]
}

// Root is the node that everything was reached from.
func (t *Tree) Root() uint32 { return t.Order[0] }

// Reached reports whether the root reaches node v.
func (t *Tree) Reached(v uint32) bool { return t.Idom[v] != None || v == t.Root() }

// Dominates reports whether every path from the root to b passes a, which is so
// for a == b. Its time is b's depth.
func (t *Tree) Dominates(a, b uint32) bool {
	for ; b != None; b = t.Idom[b] {
		if a == b {
			return t.Reached(a)
		}
	}
	return false
}

// Retain turns the nodes' own sizes into what they retain: adds to each those of
// all that it dominates, which is what would become unreachable with it. Nodes
// that are not reached keep their own.
func (t *Tree) Retain(sizes []uint64) {
	for i := len(t.Order) - 1; i > 0; i-- {
		v := t.Order[i]
		sizes[t.Idom[v]] += sizes[v]
	}
}
