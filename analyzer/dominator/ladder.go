package dominator

// ladder is a forest whose nodes stand behind their parents: up[i] < i, but for
// roots, whose up is themselves. Ways up are walked step by step until that has
// taken long; from then on every node also has a jump.
type ladder struct {
	up    []uint32
	jumps []jump
	steps uint64 // taken so far
}

// jump leads to an ancestor far up, such that every ancestor is O(log depth) steps
// and jumps away, and nodes of the same depth jump the same height (Myers's
// skew-binary pointers).
type jump struct{ to, depth uint32 }

// patience is how many steps per node a ladder takes before it makes jumps.
const patience = 2

// impatient reports whether jumps are worth their price.
func (l *ladder) impatient() bool {
	return l.jumps == nil && l.steps > patience*uint64(len(l.up))
}

// build makes the jumps of the first n nodes.
func (l *ladder) build(n int) {
	l.jumps = make([]jump, len(l.up))
	for i := range n {
		l.extend(uint32(i))
	}
}

// extend makes the jump of node i; those of smaller nodes are made.
func (l *ladder) extend(i uint32) {
	up := l.up[i]
	if up == i {
		l.jumps[i] = jump{i, 0}
		return
	}
	near := l.jumps[up]
	mid := l.jumps[near.to]
	far := l.jumps[mid.to]
	if near.depth-mid.depth == mid.depth-far.depth {
		l.jumps[i] = jump{mid.to, near.depth + 1}
	} else {
		l.jumps[i] = jump{up, near.depth + 1}
	}
}

// common is the nearest common ancestor of two nodes of one tree.
func (l *ladder) common(a, b uint32) uint32 {
	if low := min(a, b); a == b || l.up[low] == low {
		return low
	}
	if l.impatient() {
		l.build(len(l.up))
	}
	if l.jumps != nil {
		return l.commonByJumps(a, b)
	}
	for ; a != b; l.steps++ {
		if a > b {
			a = l.up[a]
		} else {
			b = l.up[b]
		}
	}
	return a
}

func (l *ladder) commonByJumps(a, b uint32) uint32 {
	if l.jumps[a].depth < l.jumps[b].depth {
		a, b = b, a
	}
	for depth := l.jumps[b].depth; l.jumps[a].depth > depth; l.steps++ {
		if j := l.jumps[a].to; l.jumps[j].depth >= depth {
			a = j
		} else {
			a = l.up[a]
		}
	}
	for ; a != b; l.steps++ {
		if l.jumps[a].to != l.jumps[b].to {
			a, b = l.jumps[a].to, l.jumps[b].to
		} else {
			a, b = l.up[a], l.up[b]
		}
	}
	return a
}

// lastAbove is the last node on the way up from a that is greater than limit,
// which a is and its root is not.
func (l *ladder) lastAbove(a, limit uint32) uint32 {
	for l.up[a] > limit {
		l.steps++
		if l.jumps != nil && l.jumps[a].to > limit {
			a = l.jumps[a].to
		} else {
			a = l.up[a]
		}
	}
	return a
}
