package dominator

import "fmt"

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

// Retained turns the nodes' own sizes into what each retains: its own size and
// those of all nodes that it dominates, which is what would become unreachable
// with it. Sizes of nodes that are not reached stay as they are. Sizes may also
// be ones, to count nodes; their sum must fit T.
func Retained[T uint32 | uint64](t *Tree, sizes []T) error {
	if len(sizes) != len(t.Idom) {
		return fmt.Errorf("%d sizes for %d nodes", len(sizes), len(t.Idom))
	}
	for i := len(t.Order) - 1; i > 0; i-- {
		v := t.Order[i]
		sizes[t.Idom[v]] += sizes[v]
	}
	return nil
}
