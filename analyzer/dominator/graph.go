// Package dominator computes dominator trees, retained sizes, shortest paths and
// reachability of directed graphs with millions of nodes, held in flat arrays. It
// knows nothing of cores, objects or types: nodes are numbers.
package dominator

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// None is the number that no node has.
const None = ^uint32(0)

// ErrGraph is what every error about a malformed graph wraps.
var ErrGraph = errors.New("malformed graph")

// Graph is a directed graph of len(Offsets)-1 nodes, numbered from 0. The edges of
// node v lead to Targets[Offsets[v]:Offsets[v+1]]; loops and repeated edges are
// allowed. It has at most 1<<32-2 nodes and 1<<32-1 edges: a builder whose offsets
// would pass 32 bits must stop, and one that does not is found out, because
// Offsets then falls or does not end at len(Targets).
type Graph struct {
	Offsets []uint32
	Targets []uint32
}

// Nodes is the number of nodes.
func (g *Graph) Nodes() int { return max(len(g.Offsets)-1, 0) }

// leaf reports whether v has no edges.
func (g *Graph) leaf(v uint32) bool { return g.Offsets[v] == g.Offsets[v+1] }

// checkShape looks at all but the offsets' order and the targets, which the
// algorithms check as they come by them.
func (g *Graph) checkShape() error {
	switch n, m := g.Nodes(), uint64(len(g.Targets)); {
	case n == 0:
		return fmt.Errorf("%w: no nodes", ErrGraph)
	case uint64(n) >= uint64(None):
		return fmt.Errorf("%w: %d nodes do not fit 32 bits", ErrGraph, n)
	case m > math.MaxUint32:
		return fmt.Errorf("%w: %d edges do not fit 32 bits", ErrGraph, m)
	case g.Offsets[0] != 0 || uint64(g.Offsets[n]) != m:
		return fmt.Errorf("%w: offsets from %d to %d for %d edges", ErrGraph, g.Offsets[0], g.Offsets[n], m)
	}
	return nil
}

// check looks at the shape and at the order of the offsets.
func (g *Graph) check() error {
	if err := g.checkShape(); err != nil {
		return err
	}
	last := uint32(0)
	for v, o := range g.Offsets {
		if o < last {
			return errFallingOffset(v)
		}
		last = o
	}
	return nil
}

// checkNode looks at a node number that the caller gave.
func (g *Graph) checkNode(v uint32) error {
	if uint64(v) >= uint64(g.Nodes()) {
		return fmt.Errorf("%w: node %d of %d", ErrGraph, v, g.Nodes())
	}
	return nil
}

func errFallingOffset(v int) error {
	return fmt.Errorf("%w: offset of node %d is below the one before it", ErrGraph, v)
}

func errTarget(v, target uint32, nodes int) error {
	return fmt.Errorf("%w: edge from node %d to %d of %d", ErrGraph, v, target, nodes)
}

// checkEvery is how many steps of work go by between two looks at the context.
const checkEvery = 1 << 20

// pacer looks at a context once in checkEvery steps.
type pacer struct {
	ctx  context.Context
	left int
}

func newPacer(ctx context.Context) *pacer { return &pacer{ctx: ctx, left: checkEvery} }

// spend counts steps of work; its error is the context's.
func (p *pacer) spend(steps int) error {
	if p.left -= steps; p.left > 0 {
		return nil
	}
	p.left = checkEvery
	return p.ctx.Err()
}
