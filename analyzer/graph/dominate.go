package graph

import (
	"context"
	"fmt"

	"postmortem/analyzer/dominator"
)

// Dominators is what every node of a graph keeps alive by itself, in bytes of
// objects, and the tree of it.
type Dominators struct {
	*dominator.Layout
	// Idom is the immediate dominator by node; dominator.None for the root and for
	// nodes that are not reached.
	Idom []uint32
}

// Dominate computes the dominators of the graph from its root.
func (g *Graph) Dominate(ctx context.Context) (*Dominators, error) {
	tree, err := dominator.Compute(ctx, &g.Edges, g.Root())
	if err != nil {
		return nil, fmt.Errorf("computing what retains what: %w", err)
	}
	d := &Dominators{Layout: dominator.NewLayout(g.Edges.Nodes()), Idom: tree.Idom}
	for i := range g.Heap.Spans {
		s := &g.Heap.Spans[i]
		for o := range s.Count {
			d.SetSize(uint32(s.First)+o, s.ElemBytes)
		}
	}
	d.Fill(tree)
	return d, nil
}
