package graph

import (
	"context"
	"fmt"

	"postmortem/analyzer/dominator"
	"postmortem/coreread/goheap"
)

// Graph is the object graph. Its nodes are the objects by their numbers and
// behind them the holders.
type Graph struct {
	Heap  *goheap.Heap
	Roots *Roots
	// Edges are what nodes refer to: a holder to the holders that it gathers and
	// to objects. References to objects that a holder owns count from it only.
	Edges dominator.Graph
}

// Build reads what every object refers to with so many workers.
func Build(ctx context.Context, h *goheap.Heap, roots *Roots, workers int) (*Graph, error) {
	if len(roots.Holders) == 0 || uint64(h.Objects())+uint64(len(roots.Holders)) >= uint64(dominator.None) {
		return nil, ErrTooLarge
	}
	if err := h.PreparePointers(ctx, workers); err != nil {
		return nil, err
	}
	r := edgeReader{heap: h, own: newOwnership(h, roots.Holders)}
	extra := uint64(len(roots.Slots) + 2*len(roots.Holders))
	edges, err := r.readEdges(ctx, workers, len(roots.Holders), extra)
	if err != nil {
		return nil, fmt.Errorf("reading the references between objects: %w", err)
	}
	g := &Graph{Heap: h, Roots: roots, Edges: edges}
	g.addHolders(&r.own)
	return g, nil
}

// Node returns the node of a holder.
func (g *Graph) Node(holder uint32) uint32 { return uint32(g.Heap.Objects()) + holder }

// Root returns the node from which all else is reached.
func (g *Graph) Root() uint32 { return g.Node(0) }

// HolderOf returns the holder of a node; false for an object's.
func (g *Graph) HolderOf(node uint32) (uint32, bool) {
	n := uint32(g.Heap.Objects())
	return node - n, node >= n
}

// addHolders appends what holders refer to.
func (g *Graph) addHolders(own *ownership) {
	holders, slots := g.Roots.Holders, g.Roots.Slots
	targets := make([]uint32, len(slots))
	counts := make([]uint32, len(holders)+1)
	for i, s := range slots {
		o := g.Heap.FindObject(s.Value)
		if o == goheap.NoObject || own.has(uint32(o)) {
			targets[i] = dominator.None
			continue
		}
		targets[i] = uint32(o)
		counts[s.Holder]++
	}
	for i, h := range holders {
		if i > 0 {
			counts[h.Parent]++
		}
		if h.Own != goheap.NoObject {
			counts[i]++
		}
	}
	at, n := len(g.Edges.Targets), g.Heap.Objects()
	next := make([]int, len(holders))
	for i := range holders {
		next[i] = at
		at += int(counts[i])
		g.Edges.Offsets[n+i+1] = uint32(at)
	}
	g.Edges.Targets = g.Edges.Targets[:at]
	put := func(holder, node uint32) {
		g.Edges.Targets[next[holder]] = node
		next[holder]++
	}
	for i, h := range holders {
		if h.Own != goheap.NoObject {
			put(uint32(i), uint32(h.Own))
		}
		if i > 0 {
			put(h.Parent, g.Node(uint32(i)))
		}
	}
	for i, target := range targets {
		if target != dominator.None {
			put(slots[i].Holder, target)
		}
	}
}
