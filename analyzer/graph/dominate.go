package graph

import (
	"context"
	"fmt"
	"iter"

	"postmortem/analyzer/dominator"
)

// Dominators is what every node of a graph keeps alive by itself, and the tree
// of it as a row: each node is followed by all that it dominates, so that a
// subtree is a run of the row.
type Dominators struct {
	// Idom is the immediate dominator by node; dominator.None for the root and for
	// nodes that are not reached.
	Idom []uint32
	// Row has the reached nodes. Dominators come before what they dominate.
	Row []uint32

	nodes []subtree // by node
}

// subtree is a node with all that it dominates.
type subtree struct {
	retained uint64 // bytes of objects
	count    uint32 // nodes, itself included; 0 when it is not reached
	end      uint32 // place in the row behind it
}

// Dominate computes the dominators of the graph from its root.
func (g *Graph) Dominate(ctx context.Context) (*Dominators, error) {
	tree, err := dominator.Compute(ctx, &g.Edges, g.Root())
	if err != nil {
		return nil, fmt.Errorf("computing what retains what: %w", err)
	}
	d := &Dominators{Idom: tree.Idom, nodes: make([]subtree, g.Edges.Nodes())}
	for i := range g.Heap.Spans {
		s := &g.Heap.Spans[i]
		for o := range s.Count {
			d.nodes[uint32(s.First)+o].retained = s.ElemBytes
		}
	}
	d.sum(tree.Order)
	d.layOut(tree.Order)
	return d, nil
}

// sum adds up the subtrees. The order has dominators first.
func (d *Dominators) sum(order []uint32) {
	for i := len(order) - 1; i > 0; i-- {
		v := &d.nodes[order[i]]
		v.count++
		up := &d.nodes[d.Idom[order[i]]]
		up.retained += v.retained
		up.count += v.count
	}
	d.nodes[order[0]].count++
}

// layOut gives each node its place in the row: the next that is free in its
// dominator's run. Until all are placed, end is that next free place.
func (d *Dominators) layOut(order []uint32) {
	d.Row = make([]uint32, len(order))
	d.Row[0], d.nodes[order[0]].end = order[0], 1
	for _, v := range order[1:] {
		up, node := &d.nodes[d.Idom[v]], &d.nodes[v]
		d.Row[up.end] = v
		node.end = up.end + 1
		up.end += node.count
	}
}

// Reached reports whether the root reaches a node.
func (d *Dominators) Reached(node uint32) bool { return d.nodes[node].count != 0 }

// Retained returns the bytes of the objects that can be reached only through a
// node, itself included; of an object that is not reached, its own.
func (d *Dominators) Retained(node uint32) uint64 { return d.nodes[node].retained }

// Run returns the places in the row of a node and all that it dominates, the
// last exclusive.
func (d *Dominators) Run(node uint32) (first, end uint32) {
	n := &d.nodes[node]
	return n.end - n.count, n.end
}

// Children returns the nodes whose immediate dominator a node is.
func (d *Dominators) Children(node uint32) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		first, end := d.Run(node)
		if first == end {
			return
		}
		for at := first + 1; at < end; at = d.nodes[d.Row[at]].end {
			if !yield(d.Row[at]) {
				return
			}
		}
	}
}
