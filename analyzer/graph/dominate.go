package graph

import (
	"context"
	"fmt"

	"postmortem/analyzer/dominator"
)

// Dominators is what every node of a graph keeps alive by itself.
type Dominators struct {
	*dominator.Tree
	// Retained is by node the bytes of the objects that nothing else than through
	// the node can be reached, itself included; for an object that is not reached,
	// its own.
	Retained []uint64
}

// Dominate computes the dominators of the graph from its root.
func (g *Graph) Dominate(ctx context.Context) (*Dominators, error) {
	tree, err := dominator.Compute(ctx, &g.Edges, g.Root())
	if err != nil {
		return nil, fmt.Errorf("computing what retains what: %w", err)
	}
	d := &Dominators{Tree: tree, Retained: make([]uint64, g.Edges.Nodes())}
	for i := range g.Heap.Spans {
		s := &g.Heap.Spans[i]
		for o := range s.Count {
			d.Retained[uint32(s.First)+o] = s.ElemBytes
		}
	}
	if err := dominator.Retained(tree, d.Retained); err != nil {
		return nil, err
	}
	return d, nil
}
