package graph

import (
	"context"
	"fmt"

	"postmortem/analyzer/dominator"
)

// Dominators is what every node of a graph keeps alive by itself, in bytes of
// objects, and the tree of it.
type Dominators struct {
	*dominator.Tree
	retained []uint64 // by node
}

// Retained is what node v retains; of one that is not reached, its own size.
func (d *Dominators) Retained(v uint32) uint64 { return d.retained[v] }

// Dominate computes the dominators of the graph from its root, once.
func (g *Graph) Dominate(ctx context.Context) (*Dominators, error) {
	tree, err := dominator.Compute(ctx, &g.Edges, g.Root())
	if err != nil {
		return nil, fmt.Errorf("computing what retains what: %w", err)
	}
	d := &Dominators{Tree: tree, retained: g.sizes}
	g.sizes = nil
	d.Retain(d.retained)
	return d, nil
}
