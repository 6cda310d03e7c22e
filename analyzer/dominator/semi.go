package dominator

// forest finds semidominators, from the greatest head to the smallest.
type forest struct {
	*search
	// links has, for each head greater than the current one, the way up in the
	// search tree as far as paths have been compressed.
	links []link
	path  []uint32 // stack of compress
	sink  uint32   // keeps reads ahead alive
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
	f.links = make([]link, len(f.heads))
	leaf := len(f.leaves) - 1
	for i := uint32(len(f.heads) - 1); i > 0; i-- {
		steps := 1
		for ; leaf > 0 && f.leaves[leaf].parent == i; leaf-- {
			from, to := f.toLeaves.get(uint32(leaf))
			steps += f.improve(&f.leaves[leaf], i, f.toLeaves.seconds, from, to)
		}
		if i > 1 {
			from, to := f.toHeads.get(i)
			steps += f.improve(&f.heads[i], i, f.toHeads.seconds, from, to)
			f.links[i] = link{f.heads[i].parent, f.heads[i].region, f.heads[i].at}
		}
		if err := f.pace.spend(steps); err != nil {
			return err
		}
	}
	return nil
}

// ahead is how many edges ahead links are read, because they lie anywhere.
const ahead = 16

// improve takes the edges from regions[from:to] into account, all of them greater
// than limit.
func (f *forest) improve(e *entry, limit uint32, regions []uint32, from, to uint32) int {
	for i := to; i > from; i-- {
		if i > ahead {
			f.sink += f.links[regions[i-1-ahead]].up
		}
		l := f.follow(regions[i-1], limit)
		e.meet(l.region, l.at, &f.trees)
	}
	return int(to - from)
}

// follow is the best entry on the search tree's path from v up to, and without,
// its first ancestor that is not greater than limit.
func (f *forest) follow(v, limit uint32) link {
	l := f.links[v]
	if l.up <= limit {
		return l
	}
	up := f.links[l.up]
	if up.up > limit {
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
	for l.up > limit {
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
