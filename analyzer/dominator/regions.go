package dominator

import (
	"math/bits"

	"postmortem/internal/bulk"
)

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
	// exits has the edges to heads, region by region from the left, and those to
	// shared leaves, region by region from the right.
	exits    []exit
	doors    []door   // by head; and an end
	leafEnds []uint32 // where its exits to leaves end, going down; and the last begin
	// idom by node: of the single nodes for now.
	idom []uint32
}

// door is what the search looks up of a head at a time.
type door struct {
	number uint32 // in order of the search; 0: not reached
	exits  uint32 // where its region's exits to heads begin
}

// exit is an edge out of a region, or to its own head.
type exit uint64

func makeExit(to, from uint32) exit { return exit(to)<<32 | exit(from) }

// to is which one of the heads or the shared leaves, in order of their nodes.
func (e exit) to() uint32 { return uint32(e >> 32) }

// from is the place of the edge's source.
func (e exit) from() uint32 { return uint32(e) }

func divide(g *Graph, c *classes, pace *pacer) (*regions, error) {
	r := &regions{
		classes: c, g: g,
		place:    bulk.Make[uint32](c.inner),
		trees:    ladder{up: bulk.Make[uint32](g.Nodes())},
		starts:   bulk.Make[uint32](c.heads + 1),
		exits:    bulk.Make[exit](len(g.Targets) - c.single),
		doors:    bulk.Make[door](c.heads + 1),
		leafEnds: bulk.Make[uint32](c.heads + 1),
		idom:     bulk.Make[uint32](g.Nodes()),
	}
	for v := range r.idom {
		r.idom[v] = None
	}
	head := 0
	var at cursor
	at.toLeaves = len(r.exits)
	for i, b := range c.blocks {
		before := at.place
		for w := b.shared &^ b.leaf; w != 0; w &= w - 1 {
			r.begin(head, at)
			at = r.explore(uint32(64*i+bits.TrailingZeros64(w)), at)
			head++
		}
		if err := pace.spend(1 + 4*(at.place-before)); err != nil {
			return nil, err
		}
	}
	r.begin(head, at)
	r.trees.up = r.trees.up[:at.place]
	return r, nil
}

// cursor is how far the arrays of regions are filled.
type cursor struct{ place, toHeads, toLeaves int }

func (r *regions) begin(head int, at cursor) {
	r.starts[head] = uint32(at.place)
	r.doors[head].exits = uint32(at.toHeads)
	r.leafEnds[head] = uint32(at.toLeaves)
}

// explore numbers the nodes of one region and lists its exits.
func (r *regions) explore(head uint32, to cursor) cursor {
	offsets, blocks, place, up, idom, exits := r.g.Offsets, r.blocks, r.place, r.trees.up, r.idom, r.exits
	at := to.place
	place[at], up[at] = head, uint32(at)
	to.place++
	for ; at < to.place; at++ {
		v := place[at]
		for _, t := range r.g.Targets[offsets[v]:offsets[v+1]] {
			b, bit := &blocks[t/64], uint64(1)<<(t%64)
			if b.shared&bit == 0 {
				idom[t] = v
				if b.leaf&bit == 0 {
					place[to.place], up[to.place] = t, uint32(at)
					to.place++
				}
			} else if b.leaf&bit == 0 {
				exits[to.toHeads] = makeExit(b.headID(bit), uint32(at))
				to.toHeads++
			} else {
				to.toLeaves--
				exits[to.toLeaves] = makeExit(b.leafID(bit), uint32(at))
			}
		}
	}
	return to
}

// headExits are the exits of a region to heads.
func (r *regions) headExits(id uint32) []exit { return r.exits[r.doors[id].exits:r.doors[id+1].exits] }

// leafExits are the exits of a region to shared leaves.
func (r *regions) leafExits(id uint32) []exit { return r.exits[r.leafEnds[id+1]:r.leafEnds[id]] }
