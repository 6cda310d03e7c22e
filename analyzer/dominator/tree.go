package dominator

// Tree is the dominator tree of the nodes that a root reaches.
type Tree struct {
	// Idom is the immediate dominator by node; None for the root and for nodes
	// that are not reached.
	Idom []uint32
	// Order has the reached nodes, each behind its immediate dominator; the root
	// is first. It is the preorder of a depth-first search of the graph, so what
	// a node dominates is not contiguous: see Tree.Layout.
	Order []uint32
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
