package dominator

import (
	"fmt"
	"math/bits"
	"postmortem/internal/bulk"
)

// classes tells nodes apart by their edges. A node is shared when more than one
// edge leads to it, wherever those come from; otherwise it is single. The root
// counts as shared and never as a leaf.
type classes struct {
	blocks []block
	heads  int // shared nodes with edges, and the root
	leaves int // shared leaves
	single int // nodes with exactly one edge in, without the root
	inner  int // nodes with edges, and the root
}

// block has the classes of 64 nodes, the first in the lowest bit.
type block struct {
	shared uint64
	leaf   uint64
	// before counts the heads (upper half) and the shared leaves (lower half) of
	// the blocks before. While edges are counted it has the nodes seen so far.
	before uint64
}

// classify checks all of the graph.
func classify(g *Graph, root uint32, pace *pacer) (*classes, error) {
	if err := g.checkShape(); err != nil {
		return nil, err
	}
	if err := g.checkNode(root); err != nil {
		return nil, err
	}
	c := &classes{blocks: bulk.Make[block]((g.Nodes() + 63) / 64)}
	if err := c.findLeaves(g); err != nil {
		return nil, err
	}
	if err := c.findShared(g, pace); err != nil {
		return nil, err
	}
	b, bit := &c.blocks[root/64], uint64(1)<<(root%64)
	b.before &^= bit
	b.shared |= bit
	b.leaf &^= bit
	c.count(g)
	return c, nil
}

func (c *classes) findLeaves(g *Graph) error {
	last := uint32(0)
	for i := range c.blocks {
		offsets := g.Offsets[64*i+1 : min(64*i+65, len(g.Offsets))]
		leaf := uint64(0)
		for j, o := range offsets {
			if o < last {
				return errFallingOffset(64*i + j + 1)
			}
			if o == last {
				leaf |= 1 << j
			}
			last = o
		}
		c.blocks[i].leaf = leaf
	}
	return nil
}

func (c *classes) findShared(g *Graph, pace *pacer) error {
	n := uint32(g.Nodes())
	for rest := g.Targets; len(rest) > 0; {
		part := rest[:min(len(rest), checkEvery)]
		rest = rest[len(part):]
		for _, t := range part {
			if t >= n {
				return fmt.Errorf("%w: edge to node %d of %d", ErrGraph, t, n)
			}
			b, bit := &c.blocks[t/64], uint64(1)<<(t%64)
			b.shared |= b.before & bit
			b.before |= bit
		}
		if err := pace.spend(len(part)); err != nil {
			return err
		}
	}
	return nil
}

// count turns the blocks' seen nodes into the counts before them.
func (c *classes) count(g *Graph) {
	leaves := 0
	for i := range c.blocks {
		b := &c.blocks[i]
		c.single += bits.OnesCount64(b.before &^ b.shared)
		b.before = uint64(c.heads)<<32 | uint64(c.leaves)
		c.heads += bits.OnesCount64(b.shared &^ b.leaf)
		c.leaves += bits.OnesCount64(b.shared & b.leaf)
		leaves += bits.OnesCount64(b.leaf)
	}
	c.inner = g.Nodes() - leaves
}

// headID numbers a head, given by its bit, among the heads in order of the nodes.
func (b *block) headID(bit uint64) uint32 {
	return uint32(b.before>>32) + uint32(bits.OnesCount64(b.shared&^b.leaf&(bit-1)))
}

// leafID numbers a shared leaf among the shared leaves.
func (b *block) leafID(bit uint64) uint32 {
	return uint32(b.before) + uint32(bits.OnesCount64(b.shared&b.leaf&(bit-1)))
}
