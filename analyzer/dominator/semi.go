package dominator

import "postmortem/internal/bulk"

// forest finds semidominators, from the greatest head to the smallest.
type forest struct {
	*search
	// links has, for each head greater than the current one, the way up in the
	// search tree as far as paths have been compressed.
	links []link
	// best is the entry that no other betters for what is being improved: by way of
	// the waist or of the root itself.
	best  link
	waist waist
	path  []uint32 // stack of compress
	// level is how many heads dominate a head, by number; deepest the greatest.
	level   []uint32
	deepest uint32
	// compressed counts the heads that compress passed, ascended the steps up the
	// unfinished dominator tree.
	compressed, ascended uint64
}

// link leads from a head to an ancestor; region and at are the best entry from
// the head itself up to, and without, that ancestor.
type link struct {
	up, region, at uint32
}

func (f *forest) semidominators() error {
	f.links = bulk.Make[link](len(f.heads))
	heads, leaves := f.past(&f.waist)
	leaf := len(f.leaves) - 1
	for i := uint32(len(f.heads) - 1); i > 0; i-- {
		steps := 1
		for ; leaf > 0 && f.leaves[leaf].parent == i; leaf-- {
			from, to := f.toLeaves.get(uint32(leaf))
			f.best = f.floor(leaves.Has(uint32(leaf)))
			f.improve(&f.leaves[leaf], i, &f.toLeaves, from, to)
			steps += int(to - from)
		}
		if i > 1 {
			from, to := f.toHeads.get(i)
			f.best = f.floor(heads.Has(i))
			f.improve(&f.heads[i], i, &f.toHeads, from, to)
			steps += int(to - from)
			f.links[i] = link{f.heads[i].parent, f.heads[i].region, f.heads[i].at}
		}
		if err := f.pace.spend(steps); err != nil {
			return err
		}
	}
	f.links, f.toHeads, f.toLeaves = nil, shelf{}, shelf{}
	return nil
}

// floor is the best entry of a shared node. Unless ways past the waist lead to it,
// that is the waist: such ways lead to all that their heads lead to, so none of the
// heads before the node has an entry past the waist either. Links that stopped
// there are still right for other nodes, only shorter.
func (f *forest) floor(past bool) link {
	if past {
		return link{0, 1, f.starts[f.headID[1]]}
	}
	return link{0, 1, f.waist.at}
}

// window is how many edges look ahead at a time.
const window = 32

// lookAhead walks the ways that the next edges will go, all at once, so that the
// links on them are in a cache when follow reads them one after the other.
func (f *forest) lookAhead(regions []uint32, limit uint32) {
	var at [window]uint32
	n := copy(at[:], regions)
	for range 8 {
		going := 0
		for _, v := range at[:n] {
			if l := &f.links[v]; l.up > limit && !f.isBest(*l) {
				at[going] = l.up
				going++
			}
		}
		n = going
	}
}

// improve takes the edges from the regions s.seconds[from:to] into account, all of
// them greater than limit.
func (f *forest) improve(e *entry, limit uint32, s *shelf, from, to uint32) {
	for i := to; i > from; i-- {
		if e.region == f.best.region && e.at == f.best.at {
			break
		}
		if i <= s.looked {
			s.looked = i - min(i, window)
			f.lookAhead(s.seconds[s.looked:i], limit)
		}
		l := f.follow(s.seconds[i-1], limit)
		e.meet(l.region, l.at, &f.trees)
	}
}

// follow is the best entry on the search tree's path from v up to, and without,
// its first ancestor that is not greater than limit; or on a part of it, when that
// is the best of all.
func (f *forest) follow(v, limit uint32) link {
	l := f.links[v]
	if l.up <= limit || f.isBest(l) {
		return l
	}
	up := f.links[l.up]
	if up.up > limit && !f.isBest(up) {
		f.compress(l.up, limit)
		up = f.links[l.up]
	}
	l = l.join(up, &f.trees)
	f.links[v] = l
	return l
}

// compress lets v and all on its path lead directly to v's first ancestor that is
// not greater than limit.
func (f *forest) compress(v, limit uint32) {
	f.path = f.path[:0]
	l := f.links[v]
	for l.up > limit && !f.isBest(l) {
		f.path = append(f.path, v)
		v = l.up
		l = f.links[v]
	}
	f.compressed += uint64(len(f.path))
	for i := len(f.path) - 1; i >= 0; i-- {
		v = f.path[i]
		l = f.links[v].join(l, &f.trees)
		f.links[v] = l
	}
}

func (f *forest) isBest(l link) bool { return l.region == f.best.region && l.at == f.best.at }

// join is l and, from where it leads, above.
func (l link) join(above link, trees *ladder) link {
	switch {
	case above.region < l.region:
		l.region, l.at = above.region, above.at
	case above.region == l.region && above.at != l.at:
		l.at = trees.common(l.at, above.at)
	}
	l.up = above.up
	return l
}
