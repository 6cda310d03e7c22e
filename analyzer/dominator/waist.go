package dominator

import "postmortem/internal/bulk"

// waist is the place in the root's region below which almost all of the region's
// exits are: that of a map which holds nearly everything, or else the root's own.
// What no other exit leads to hangs at the waist or below, and an entry at the
// waist is the best that it can have.
type waist struct {
	at uint32
	// heads and leaves are the ids of those that the other exits lead to.
	heads, leaves []uint32
}

const (
	// Of the root's exits, 1 in waistShare may be outside of the waist.
	waistShare = 10
	// Following those may take some steps, and 1 more in waistEffort exits of all.
	waistEffort = 20
	waistSteps  = 64
)

// findWaist is to come before the search, which uses up the exits.
func (r *regions) findWaist(root uint32, pace *pacer) (waist, error) {
	start, end := r.starts[root], r.starts[root+1]
	heads := r.headExits(root)
	leaves := r.leafExits(root)
	w := waist{at: start}
	below := bulk.Make[uint32](int(end - start)) // exits, by place from start
	for _, e := range heads {
		below[e.from()-start]++
	}
	for _, e := range leaves {
		below[e.from()-start]++
	}
	total := len(heads) + len(leaves)
	for p := end - 1; p > start; p-- {
		// Places with almost all exits below them are on one way down.
		if n := below[p-start]; w.at == start && int(n) >= total-total/waistShare {
			w.at = p
		} else {
			below[r.trees.up[p]-start] += n
		}
	}
	if err := pace.spend(int(end-start) + total); err != nil || w.at == start {
		return waist{at: start}, err
	}
	// From now on: whether a place is in the waist's tree.
	clear(below[:w.at-start])
	below[w.at-start] = 1
	for p := w.at + 1; p < end; p++ {
		below[p-start] = below[r.trees.up[p]-start]
	}
	o := outside{regions: r, seenHeads: NewSet(r.classes.heads), seenLeaves: NewSet(r.classes.leaves)}
	o.seenHeads.Add(root)
	for _, e := range heads {
		if below[e.from()-start] == 0 {
			o.addHead(e.to())
		}
	}
	for _, e := range leaves {
		if below[e.from()-start] == 0 {
			o.addLeaf(e.to())
		}
	}
	effort, ok := o.run(waistSteps + len(r.exits)/waistEffort)
	if err := pace.spend(effort); err != nil || !ok {
		return waist{at: start}, err
	}
	w.heads, w.leaves = o.heads, o.leaves
	return w, nil
}

// outside finds what some heads lead to.
type outside struct {
	*regions
	seenHeads, seenLeaves Set
	heads, leaves         []uint32
}

func (o *outside) addHead(id uint32) {
	if !o.seenHeads.Has(id) {
		o.seenHeads.Add(id)
		o.heads = append(o.heads, id)
	}
}

func (o *outside) addLeaf(id uint32) {
	if !o.seenLeaves.Has(id) {
		o.seenLeaves.Add(id)
		o.leaves = append(o.leaves, id)
	}
}

// run gives up when it takes more than most steps.
func (o *outside) run(most int) (steps int, ok bool) {
	for i := 0; i < len(o.heads); i++ {
		id := o.heads[i]
		heads := o.headExits(id)
		leaves := o.leafExits(id)
		if steps += 1 + len(heads) + len(leaves); steps > most {
			return steps, false
		}
		for _, e := range heads {
			o.addHead(e.to())
		}
		for _, e := range leaves {
			o.addLeaf(e.to())
		}
	}
	return steps, true
}

// past are the numbers of heads and leaves that can be reached past the waist.
func (s *search) past(w *waist) (heads, leaves Set) {
	heads, leaves = NewSet(len(s.heads)), NewSet(len(s.leaves))
	for _, id := range w.heads {
		heads.Add(s.doors[id].number)
	}
	for _, id := range w.leaves {
		leaves.Add(s.leafNumber[id])
	}
	return heads, leaves
}
