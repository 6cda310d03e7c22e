package dominator

import (
	"math/bits"

	"postmortem/internal/bulk"
)

// immediate turns entries' semidominators into immediate dominators. A head's
// comes from the dominators of its parent in the search tree: the first of them
// that is not greater than its semidominator.
func (f *forest) immediate() error {
	doms := &ladder{up: f.leafEnds[:len(f.heads)]} // whose entries nobody needs any more
	doms.up[0] = 0
	f.level = bulk.Make[uint32](len(f.heads))
	for i := uint32(1); i < uint32(len(f.heads)); i++ {
		if i > 1 {
			f.resolve(&f.heads[i], doms)
			doms.up[i] = f.heads[i].parent
			f.level[i] = f.level[f.heads[i].parent] + 1
			f.deepest = max(f.deepest, f.level[i])
		} else {
			doms.up[i] = i
		}
		if doms.jumps != nil {
			doms.extend(i)
		} else if doms.impatient() {
			doms.build(int(i) + 1)
		}
		if i%checkEvery == 0 && f.pace.ctx.Err() != nil {
			return f.pace.ctx.Err()
		}
	}
	for i := 1; i < len(f.leaves); i++ {
		f.resolve(&f.leaves[i], doms)
	}
	f.ascended = doms.steps
	return nil
}

// resolve finds the immediate dominator's region and place.
func (f *forest) resolve(e *entry, doms *ladder) {
	if e.parent == e.region {
		return
	}
	last := &f.heads[doms.lastAbove(e.parent, e.region)]
	if last.parent == e.region {
		e.at = f.trees.common(e.at, last.at)
	} else {
		e.at = last.at
	}
	e.parent = last.parent
}

// tree writes the result by node.
func (f *forest) tree() *Tree {
	head, leaf := 0, 0
	for i, b := range f.blocks {
		for w := b.shared; w != 0; w &= w - 1 {
			v := 64*i + bits.TrailingZeros64(w)
			if b.leaf&w&-w != 0 {
				if number := f.leafNumber[leaf]; number != 0 {
					f.idom[v] = f.place[f.leaves[number].at]
				}
				leaf++
				continue
			}
			switch number := f.doors[head].number; number {
			case 0:
				f.forget(head)
			case 1:
			default:
				f.idom[v] = f.place[f.heads[number].at]
			}
			head++
		}
	}
	return f.sorted()
}

// forget makes the single nodes of a region unreached.
func (f *forest) forget(head int) {
	for _, v := range f.place[f.starts[head]:f.starts[head+1]] {
		for _, t := range f.g.Targets[f.g.Offsets[v]:f.g.Offsets[v+1]] {
			if f.blocks[t/64].shared>>(t%64)&1 == 0 {
				f.idom[t] = None
			}
		}
	}
}

// sorted completes the tree with the order of the nodes: regions by how many heads
// are above them, those of one level in order of memory, and then all leaves.
func (f *forest) sorted() *Tree {
	order := f.trees.up[:cap(f.trees.up)]
	next := make([]uint32, f.deepest+2) // by level: the next free place
	for id := range f.classes.heads {
		if number := f.doors[id].number; number != 0 {
			next[f.level[number]+1] += f.starts[id+1] - f.starts[id]
		}
	}
	for level := range f.deepest + 1 {
		next[level+1] += next[level]
	}
	inner := int(next[f.deepest+1])
	for id := range f.classes.heads {
		if number := f.doors[id].number; number != 0 {
			at := &next[f.level[number]]
			*at += uint32(copy(order[*at:], f.place[f.starts[id]:f.starts[id+1]]))
		}
	}
	order = order[:inner]
	for i, b := range f.blocks {
		for w := b.leaf; w != 0; w &= w - 1 {
			v := uint32(64*i + bits.TrailingZeros64(w))
			if f.idom[v] != None {
				order = append(order, v)
			}
		}
	}
	return &Tree{Idom: f.idom, Order: order, Inner: inner, room: f.room}
}
