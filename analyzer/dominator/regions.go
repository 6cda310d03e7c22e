package dominator

import "math/bits"

// regions divides the nodes: a region is a head and every single node that it
// reaches over single nodes. The head dominates its region, whose edges form a
// tree, and that tree is part of the dominator tree. What is left to find is where
// in other regions the heads and the shared leaves hang.
//
// Single nodes that no head reaches (they hang below a circle of single nodes or
// have no edge in) are in no region; the root does not reach them.
type regions struct {
	*classes
	g *Graph
	// place numbers the nodes with edges region by region, each behind the node
	// whose edge leads to it.
	place  []uint32 // node, by place
	trees  ladder   // place of the node before it, by place; a head's is its own
	starts []uint32 // first place, by head; and an end
	// exits are the edges to shared nodes, by region.
	exits  []exit
	firsts []uint32 // number of the first exit, by head; and an end
	// idom by node: of the single nodes for now.
	idom []uint32
}

// exit is an edge out of a region, or to its own head.
type exit struct {
	to   uint32 // id of a shared node
	from uint32 // place of the edge's source
}

func divide(g *Graph, c *classes, pace *pacer) (*regions, error) {
	r := &regions{
		classes: c, g: g,
		place:  make([]uint32, c.inner),
		trees:  ladder{up: make([]uint32, g.Nodes())},
		starts: make([]uint32, c.heads+1),
		exits:  make([]exit, len(g.Targets)-c.single),
		firsts: make([]uint32, c.heads+1),
		idom:   make([]uint32, g.Nodes()),
	}
	for v := range r.idom {
		r.idom[v] = None
	}
	head, places, exits := 0, 0, 0
	for i, b := range c.blocks {
		before := places
		for w := b.shared &^ b.leaf; w != 0; w &= w - 1 {
			r.starts[head], r.firsts[head] = uint32(places), uint32(exits)
			places, exits = r.explore(uint32(64*i+bits.TrailingZeros64(w)), places, exits)
			head++
		}
		if err := pace.spend(1 + 4*(places-before)); err != nil {
			return nil, err
		}
	}
	r.starts[head], r.firsts[head] = uint32(places), uint32(exits)
	r.trees.up = r.trees.up[:places]
	return r, nil
}

// explore numbers the nodes of one region and lists its exits.
func (r *regions) explore(head uint32, places, exits int) (int, int) {
	offsets, blocks, place, up, idom := r.g.Offsets, r.blocks, r.place, r.trees.up, r.idom
	at := places
	place[places], up[places] = head, uint32(places)
	places++
	for ; at < places; at++ {
		v := place[at]
		for _, t := range r.g.Targets[offsets[v]:offsets[v+1]] {
			b, bit := &blocks[t/64], uint64(1)<<(t%64)
			if b.shared&bit != 0 {
				r.exits[exits] = exit{b.id(bit), uint32(at)}
				exits++
				continue
			}
			idom[t] = v
			if b.leaf&bit == 0 {
				place[places], up[places] = t, uint32(at)
				places++
			}
		}
	}
	return places, exits
}
