package dominator

// search numbers the heads that the root reaches from 1 in preorder of a
// depth-first search over regions, and the shared leaves from 1 in the order they
// are met. A leaf is met as soon as the first region that leads to it is entered,
// as if it were numbered right behind that region's head.
type search struct {
	*regions
	pace *pacer

	headNumber []uint32 // by id; 0: not reached
	leafNumber []uint32
	headID     []uint32 // by number
	heads      []entry  // by number; entry 0 is unused
	leaves     []entry
	// toHeads and toLeaves keep the edges from regions with greater numbers:
	// number of the shared node (for a leaf: its own) and of the region.
	toHeads, toLeaves shelf
	frames            []frame
}

// entry says how paths come to a shared node.
type entry struct {
	// parent is the number of the head before it in the search tree; in the end,
	// of the head whose region has its immediate dominator.
	parent uint32
	// region is the smallest number of a head from whose region a path leads here
	// over greater heads only (its semidominator), as far as known; at is the
	// nearest place of that region on all these paths. In the end, at is the
	// place of the immediate dominator.
	region uint32
	at     uint32
}

// frame is a region with exits that have yet to be followed.
type frame struct {
	number    uint32
	next, end uint32 // of exits
}

func newSearch(r *regions, pace *pacer) *search {
	return &search{
		regions: r, pace: pace,
		headNumber: make([]uint32, r.classes.heads),
		leafNumber: make([]uint32, r.classes.leaves),
		headID:     append(make([]uint32, 0, r.classes.heads+1), 0),
		heads:      append(make([]entry, 0, r.classes.heads+1), entry{}),
		leaves:     append(make([]entry, 0, r.classes.leaves+1), entry{}),
		toHeads:    newShelf(r.classes.heads + 1),
		toLeaves:   newShelf(r.classes.leaves + 1),
	}
}

func (s *search) run(root uint32) error {
	b := &s.blocks[root/64]
	s.enter(b.id(1<<(root%64)), 0, 0)
	for len(s.frames) > 0 {
		f := &s.frames[len(s.frames)-1]
		e, number := s.exits[f.next], f.number
		if f.next++; f.next == f.end {
			s.frames = s.frames[:len(s.frames)-1]
		}
		if known := s.headNumber[e.to]; known != 0 {
			// Reached meanwhile through a descendant, or by another edge.
			s.heads[known].meet(number, e.from, &s.trees)
			continue
		}
		exits := s.enter(e.to, number, e.from)
		if err := s.pace.spend(1 + exits); err != nil {
			return err
		}
	}
	return nil
}

// enter numbers a head and looks at its region's exits; those to heads without a
// number are left in a frame. It gives the number of exits.
func (s *search) enter(id, parent, from uint32) int {
	number := uint32(len(s.heads))
	s.headNumber[id] = number
	s.headID = append(s.headID, id)
	s.heads = append(s.heads, entry{parent, parent, from})
	first, end := s.firsts[id], s.firsts[id+1]
	open := first // exits from first up to here are for the frame
	for i := first; i < end; i++ {
		e := s.exits[i]
		if e.to&leafFlag != 0 {
			s.meetLeaf(e.to&^leafFlag, number, e.from)
			continue
		}
		known := s.headNumber[e.to]
		if known == 0 {
			s.exits[open] = e
			open++
		} else if known != number && known != 1 {
			s.toHeads.put(known, number)
		}
	}
	if open > first {
		s.frames = append(s.frames, frame{number, first, open})
	}
	return int(end - first)
}

func (s *search) meetLeaf(id, number, from uint32) {
	known := s.leafNumber[id]
	switch {
	case known == 0:
		s.leafNumber[id] = uint32(len(s.leaves))
		s.leaves = append(s.leaves, entry{number, number, from})
	case s.leaves[known].parent == number:
		s.leaves[known].meet(number, from, &s.trees)
	default:
		s.toLeaves.put(known, number)
	}
}

// meet lets paths from another place of a region lead to e.
func (e *entry) meet(region, at uint32, trees *ladder) {
	switch {
	case region < e.region:
		e.region, e.at = region, at
	case region == e.region && at != e.at:
		e.at = trees.common(e.at, at)
	}
}
