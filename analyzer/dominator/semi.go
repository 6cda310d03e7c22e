package dominator

// forest finds semidominators: for each number, in falling order, the smallest
// number from which a path leads to it over greater numbers only.
type forest struct {
	*search
	// links has, for each number greater than the current one, the way up in the
	// search tree as far as paths have been compressed. It takes the place of
	// search.nodes, which has at least count+1 entries.
	links []visit
	path  []uint32 // stack of compress
}

// In links, visit.first is the ancestor to go on from, and visit.number the
// smallest semidominator from the number itself up to below that ancestor.

// semidominators leaves the semidominator of number i in others[i], or 0 where it
// is the parent.
func (f *forest) semidominators(e *effort) error {
	f.links, f.nodes = f.nodes, nil
	for i := f.count; i > 1; i-- {
		parent := f.parent[i]
		semi := parent
		steps := 1
		for r := f.others[i]; r != 0; steps++ {
			record := f.records[len(f.records)-int(r)]
			r = uint32(record)
			from := uint32(record >> 32)
			if from > i {
				from = f.smallest(from, i, e)
			}
			semi = min(semi, from)
		}
		f.links[i] = visit{parent, semi}
		if semi == parent {
			f.others[i] = 0
		} else {
			f.others[i] = semi
		}
		if err := f.pace.spend(steps); err != nil {
			return err
		}
	}
	f.records, f.path = nil, nil
	return nil
}

// smallest is the smallest semidominator on the search tree's path from v up to,
// and without, its first ancestor that is not greater than limit.
func (f *forest) smallest(v, limit uint32, e *effort) uint32 {
	l := f.links[v]
	if l.first <= limit {
		return l.number
	}
	up := f.links[l.first]
	if up.first > limit {
		e.compressed += uint64(f.compress(l.first, limit))
		up = f.links[l.first]
	}
	l.number = min(l.number, up.number)
	l.first = up.first
	f.links[v] = l
	return l.number
}

// compress lets v and all on its path lead directly to v's first ancestor that is
// not greater than limit, and gives the number of nodes on the path.
func (f *forest) compress(v, limit uint32) int {
	f.path = f.path[:0]
	for f.links[v].first > limit {
		f.path = append(f.path, v)
		v = f.links[v].first
	}
	up := f.links[v]
	for i := len(f.path) - 1; i >= 0; i-- {
		at := &f.links[f.path[i]]
		up.number = min(up.number, at.number)
		*at = up
	}
	return len(f.path)
}
