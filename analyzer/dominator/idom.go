package dominator

// ascent turns the search tree into the dominator tree, in place and in rising
// order of the numbers: a number's immediate dominator is the first ancestor of
// its parent, in the dominator tree so far, that is not greater than its
// semidominator.
type ascent struct {
	*forest
	// jumps has for every number up to the current one an ancestor far up and
	// the depth, so that any ancestor is O(log depth) steps away (Myers's
	// skew-binary pointers): visit.first is the ancestor, visit.number the depth.
	// nil until plain ascents have grown long; then it takes the place of links.
	jumps []visit
}

// patience is how many steps per node plain ascents may take in all.
const patience = 2

func (a *ascent) immediate(e *effort) error {
	limit := patience * uint64(a.count)
	for i := uint32(2); i <= a.count; i++ {
		if semi := a.others[i]; semi != 0 {
			e.ascended += a.ascend(i, semi)
		}
		if a.jumps != nil {
			a.jumps[i] = a.jump(i)
		} else if e.ascended > limit {
			a.jumps = a.links
			a.jumps[1] = visit{1, 0}
			for j := uint32(2); j <= i; j++ {
				a.jumps[j] = a.jump(j)
			}
		}
		if i%checkEvery == 0 && a.pace.ctx.Err() != nil {
			return a.pace.ctx.Err()
		}
	}
	a.links, a.jumps = nil, nil
	return nil
}

// ascend finds the immediate dominator of i and gives the number of steps.
func (a *ascent) ascend(i, semi uint32) uint64 {
	steps := uint64(0)
	d := a.parent[i]
	for ; d > semi; steps++ {
		// A jump to semi itself, or to below it in the tree, passes no answer.
		if a.jumps != nil && a.jumps[d].first >= semi {
			d = a.jumps[d].first
		} else {
			d = a.parent[d]
		}
	}
	a.parent[i] = d
	return steps
}

// jump is the entry of i: two jumps of the same length from its immediate
// dominator become one, otherwise it leads there.
func (a *ascent) jump(i uint32) visit {
	up := a.parent[i]
	near := a.jumps[up]
	mid := a.jumps[near.first]
	far := a.jumps[mid.first]
	if near.number-mid.number == mid.number-far.number {
		return visit{mid.first, near.number + 1}
	}
	return visit{up, near.number + 1}
}
