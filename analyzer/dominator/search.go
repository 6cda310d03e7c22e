package dominator

import (
	"unsafe"

	"postmortem/internal/bulk"
)

// search numbers the heads that the root reaches from 1 in preorder of a
// depth-first search over regions, and the shared leaves from 1 in the order they
// are met. A leaf is met as soon as the first region that leads to it is entered,
// as if it were numbered right behind that region's head.
type search struct {
	*regions
	pace *pacer

	leafNumber []uint32 // by id; 0: not met
	headID     []uint32 // by number
	heads      []entry  // by number; entry 0 is unused
	leaves     []entry
	// toHeads and toLeaves keep the edges from regions with greater numbers:
	// number of the shared node (for a leaf: its own) and of the region.
	toHeads, toLeaves shelf
	frames            []frame
	room              []uint64 // what the exits took
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
		leafNumber: bulk.Make[uint32](r.classes.leaves),
		headID:     append(bulk.Make[uint32](r.classes.heads + 1)[:0], 0),
		heads:      append(bulk.Make[entry](r.classes.heads + 1)[:0], entry{}),
		leaves:     append(bulk.Make[entry](r.classes.leaves + 1)[:0], entry{}),
		frames:     bulk.Make[frame](r.classes.heads)[:0],
		toHeads:    newShelf(r.classes.heads + 1),
		toLeaves:   newShelf(r.classes.leaves + 1),
	}
}

func (s *search) run(root uint32) error {
	b := &s.blocks[root/64]
	s.enter(b.headID(1<<(root%64)), 0, 0)
	for len(s.frames) > 0 {
		f := &s.frames[len(s.frames)-1]
		e, number := s.exits[f.next], f.number
		if f.next++; f.next == f.end {
			s.frames = s.frames[:len(s.frames)-1]
			s.lookBack()
		}
		if known := s.doors[e.to()].number; known != 0 {
			// Reached meanwhile through a descendant, or by another edge.
			s.heads[known].meet(number, e.from(), &s.trees)
			continue
		}
		exits := s.enter(e.to(), number, e.from())
		if err := s.pace.spend(1 + exits); err != nil {
			return err
		}
	}
	return nil
}

// lookBack asks for what the frames some way down the stack will need.
func (s *search) lookBack() {
	const far, near, next = 24, 16, 8
	n := len(s.frames)
	if n < far {
		return
	}
	prefetch(unsafe.Pointer(&s.exits[s.frames[n-far].next]))
	f := s.frames[n-near]
	for _, e := range s.exits[f.next:f.end] {
		prefetch(unsafe.Pointer(&s.doors[e.to()]))
	}
	f = s.frames[n-next]
	for _, e := range s.exits[f.next:f.end] {
		prefetch(unsafe.Pointer(&s.heads[s.doors[e.to()].number]))
	}
}

// enter numbers a head and looks at its region's exits to heads; those to heads
// without a number are left in a frame. It gives the number of exits.
func (s *search) enter(id, parent, from uint32) int {
	number := uint32(len(s.heads))
	s.doors[id].number = number
	s.headID = append(s.headID, id)
	s.heads = append(s.heads, entry{parent, parent, from})
	first, end := s.doors[id].exits, s.doors[id+1].exits
	last := uint32(len(s.exits) - 1)
	open := first // exits from first up to here are for the frame
	for i := first; i < end; i++ {
		e := s.exits[i]
		door := &s.doors[e.to()]
		if known := door.number; known == 0 {
			s.exits[open] = e
			open++
			// What the head will ask for is on its way when it is its turn.
			prefetch(unsafe.Pointer(&s.exits[min(door.exits, last)]))
		} else if known != number && known != 1 {
			s.toHeads.put(known, number)
		}
	}
	if open > first {
		s.frames = append(s.frames, frame{number, first, open})
	}
	return int(end - first)
}

// meetLeaves goes over the exits to leaves in order of the regions, and lets go of
// all that only the search needs.
func (s *search) meetLeaves() error {
	for number := uint32(1); number < uint32(len(s.heads)); number++ {
		id := s.headID[number]
		first, end := s.leafEnds[id+1], s.leafEnds[id]
		before := uint32(len(s.leaves))
		s.readAhead(number)
		for i := end; i > first; i-- {
			e := s.exits[i-1]
			switch known := s.leafNumber[e.to()]; {
			case known == 0:
				s.leafNumber[e.to()] = uint32(len(s.leaves))
				s.leaves = append(s.leaves, entry{number, number, e.from()})
			case known >= before:
				s.leaves[known].meet(number, e.from(), &s.trees)
			default:
				s.toLeaves.put(known, number)
			}
		}
		if err := s.pace.spend(1 + int(end-first)); err != nil {
			return err
		}
	}
	s.frames = nil
	s.exits, s.room = nil, numbers(s.exits)
	return nil
}

// numbers are the exits as memory for something else.
func numbers(exits []exit) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.SliceData(exits)), len(exits))
}

// readAhead asks for what meetLeaves will read some regions later.
func (s *search) readAhead(number uint32) {
	const farther, far, near = 40, 24, 8
	if number+farther >= uint32(len(s.heads)) {
		return
	}
	prefetch(unsafe.Pointer(&s.leafEnds[s.headID[number+farther]]))
	id := s.headID[number+far]
	if end := s.leafEnds[id]; end > s.leafEnds[id+1] {
		prefetch(unsafe.Pointer(&s.exits[end-1]))
	}
	id = s.headID[number+near]
	for _, e := range s.leafExits(id) {
		prefetch(unsafe.Pointer(&s.leafNumber[e.to()]))
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
