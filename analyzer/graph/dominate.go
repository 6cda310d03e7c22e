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

// Dominate computes the dominators of the graph from its root.
func (g *Graph) Dominate(ctx context.Context) (*Dominators, error) {
	tree, err := dominator.Compute(ctx, &g.Edges, g.Root())
	if err != nil {
		return nil, fmt.Errorf("computing what retains what: %w", err)
	}
	d := &Dominators{Tree: tree, retained: tree.Room()}
	g.measure(d.retained)
	d.Retain(d.retained)
	return d, nil
}

// measure fills the bytes of the objects themselves, by node; those of holders are none.
func (g *Graph) measure(sizes []uint64) {
	for i := range g.Heap.Spans {
		s := &g.Heap.Spans[i]
		objects := sizes[s.First:][:s.Count]
		for o := range objects {
			objects[o] = s.ElemBytes
		}
	}
	clear(sizes[g.Heap.Objects():])
}
