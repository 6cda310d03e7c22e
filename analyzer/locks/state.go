package locks

import (
	"slices"
	"sort"

	"postmortem/coreread/image"
)

// Kind is what a lock is, or how it is held.
type Kind uint8

// The kinds of locks.
const (
	Mutex   Kind = iota + 1
	RWMutex      // and, of a holder, that it holds it for writing
	reader       // holds a RWMutex for reading
)

// holding is a lock that a function has taken and not given back, or given back
// without having taken it, at one place of its code.
type holding struct {
	addr value // 0 when unknown
	kind Kind
	site image.Addr // instruction that took it or gave it back, of the first when there are several
	// given says that the function gave back what its caller held.
	given bool
	// past says that the function took it and has given it back.
	past bool
	must bool // on every way that leads here
	// tried is a TryLock of which it is not known whether it succeeded.
	tried bool
	// calls says that code which is not known was called since and has returned.
	calls bool
}

// maxHoldings bounds the locks of one state.
const maxHoldings = 24

// attempt is the last atomic instruction, which is the fast path of a lock when
// the call of the slow path follows.
type attempt struct {
	site image.Addr
	addr value
	op   opcode
	by   int32 // what is added; of a compare and swap 1 when it is 0 -> 1
}

// slot is a word of the frame whose value is known.
type slot struct {
	off int64 // from where the stack pointer was on entry
	v   value
}

// state is what is known at one place of a function's code.
type state struct {
	regs  [maxRegs]value
	slots []slot // by offset
	held  []holding
	last  attempt
	test  value // what the last test compared with 0
	lost  bool  // holdings were left out
}

func (s *state) copy() *state {
	c := *s
	c.slots, c.held = slices.Clone(s.slots), slices.Clone(s.held)
	return &c
}

func (s *state) slotIndex(off int64) int {
	return sort.Search(len(s.slots), func(i int) bool { return s.slots[i].off >= off })
}

func (s *state) slot(off int64) value {
	if i := s.slotIndex(off); i < len(s.slots) && s.slots[i].off == off {
		return s.slots[i].v
	}
	return 0
}

// maxSlots bounds the words of a frame that are followed.
const maxSlots = 256

// store notes a word of the frame; value 0 forgets it. What it overlaps is forgotten.
func (s *state) store(off int64, bytes int64, v value) {
	i := s.slotIndex(off - 7)
	j := i
	for j < len(s.slots) && s.slots[j].off < off+bytes {
		j++
	}
	if v == 0 || len(s.slots)-(j-i) >= maxSlots {
		s.slots = slices.Delete(s.slots, i, j)
		return
	}
	s.slots = slices.Replace(s.slots, i, j, slot{off, v})
}

// redefine forgets what rests on a definition that is made anew.
func (s *state) redefine(t *values, d value) {
	if d == 0 {
		return
	}
	for i, v := range s.regs {
		if t.restsOn(v, d) {
			s.regs[i] = 0
		}
	}
	s.slots = slices.DeleteFunc(s.slots, func(x slot) bool { return t.restsOn(x.v, d) })
	for i := range s.held {
		if t.restsOn(s.held[i].addr, d) {
			s.held[i].addr = 0
		}
	}
	if t.restsOn(s.last.addr, d) {
		s.last = attempt{}
	}
	if t.restsOn(s.test, d) {
		s.test = 0
	}
}

// take notes that a lock was taken.
func (s *state) take(t *values, h holding) {
	for i := range s.held {
		o := &s.held[i]
		if o.kind != h.kind || !t.alike(o.addr, h.addr) {
			continue
		}
		if o.past {
			s.held = slices.Delete(s.held, i, i+1)
			break
		}
		if o.given && h.must {
			s.held = slices.Delete(s.held, i, i+1) // it is the caller's again
			return
		}
		if !o.given && o.addr == h.addr {
			o.must = o.must || h.must
			return
		}
	}
	s.add(h)
}

func (s *state) add(h holding) {
	if len(s.held) >= maxHoldings {
		s.lost = true
		return
	}
	s.held = append(s.held, h)
}

// give notes that a lock was given back, for certain or perhaps, and calls matched with the
// place where it was taken if that was in this function.
func (s *state) give(t *values, h holding, matched func(site image.Addr)) {
	best := -1
	for i, o := range s.held {
		if o.given || o.past || o.kind != h.kind || !t.alike(o.addr, h.addr) {
			continue
		}
		if best < 0 || o.addr == h.addr {
			best = i
		}
	}
	if best >= 0 {
		matched(s.held[best].site)
		o := s.held[best]
		if !h.must {
			s.held[best].must = false
		} else {
			s.held = slices.Delete(s.held, best, best+1)
		}
		s.held = slices.DeleteFunc(s.held, func(p holding) bool { return p.past && p.kind == o.kind && p.addr == o.addr })
		o.past, o.tried = true, false
		s.add(o)
		return
	}
	for i := range s.held {
		if o := &s.held[i]; !o.given && !o.past && o.kind == h.kind && !t.apart(o.addr, h.addr) {
			o.must = false
		}
	}
	h.given = true
	s.add(h)
}

// join merges the state at the end of a way that leads to block b into s, the
// state at its start, and reports whether s has changed.
func (s *state) join(t *values, b int64, from *state) bool {
	changed := false
	places := make([]joint, 0, 8)
	for i := range s.regs {
		v := s.joinPlace(t, b, int64(i), s.regs[i], from.regs[i], &places)
		changed = changed || v != s.regs[i]
		s.regs[i] = v
	}
	kept := s.slots[:0]
	for _, x := range s.slots {
		v := s.joinPlace(t, b, maxRegs+x.off, x.v, from.slot(x.off), &places)
		changed = changed || v != x.v
		if v != 0 {
			kept = append(kept, slot{x.off, v})
		}
	}
	s.slots = kept
	if s.last != from.last && s.last != (attempt{}) {
		s.last, changed = attempt{}, true
	}
	if s.test != from.test && s.test != 0 {
		s.test, changed = 0, true
	}
	if from.lost && !s.lost {
		s.lost, changed = true, true
	}
	return s.joinHeld(t, from, places) || changed
}

// joint is a place whose value depends on the way.
type joint struct {
	before, from, v value // in the state before the join, in the one that joins, and since
	inFrame         bool
}

func (s *state) joinPlace(t *values, b, place int64, v, from value, places *[]joint) value {
	if v == from {
		return v
	}
	if v == 0 {
		return 0
	}
	j := t.of(expression{kind: joined, n: b, b: value(uint32(place))})
	if from == 0 && v != j {
		return 0
	}
	if from == 0 {
		return 0
	}
	*places = append(*places, joint{before: v, from: from, v: j, inFrame: place < 0 || place >= maxRegs})
	return j
}

// joinHeld merges the locks held.
func (s *state) joinHeld(t *values, from *state, places []joint) bool {
	changed := false
	seen := make([]bool, len(s.held))
	for _, h := range from.held {
		i := s.matching(t, h, places, seen)
		if i >= 0 {
			seen[i] = true
			o := &s.held[i]
			before := *o
			o.must = o.must && h.must
			o.tried = o.tried || h.tried
			o.calls = o.calls || h.calls
			o.site = min(o.site, h.site)
			changed = changed || before != *o
			continue
		}
		h.must = false
		for _, j := range places {
			if t.restsOn(h.addr, j.v) && j.from != j.v {
				h.addr = 0
			}
		}
		if j := slices.IndexFunc(s.held, func(o holding) bool {
			return o.addr == h.addr && o.kind == h.kind && o.given == h.given && o.past == h.past && o.site == h.site
		}); j >= 0 {
			if j < len(seen) {
				seen[j] = true
			}
			before := s.held[j]
			s.held[j].must, s.held[j].calls = false, before.calls || h.calls
			changed = changed || before != s.held[j]
			continue
		}
		n := len(s.held)
		s.add(h)
		changed = changed || len(s.held) != n
	}
	for i := range seen {
		if !seen[i] && s.held[i].must {
			s.held[i].must, changed = false, true
		}
	}
	return changed
}

// matching finds the lock of s that is h of a state that joins, and gives it a
// name that is right on both ways.
func (s *state) matching(t *values, h holding, places []joint, seen []bool) int {
	for i := range seen {
		o := &s.held[i]
		if seen[i] || o.kind != h.kind || o.given != h.given || o.past != h.past || o.addr == 0 || h.addr == 0 {
			continue
		}
		stale := slices.ContainsFunc(places, func(j joint) bool { return j.from != j.v && t.restsOn(h.addr, j.v) })
		if o.addr == h.addr && !stale {
			return i
		}
		best, found := value(0), false
		for _, j := range places {
			name := t.rename(h.addr, j.from, j.v)
			if !t.restsOn(name, j.v) || name != t.rename(o.addr, j.before, j.v) {
				continue
			}
			if !found || j.inFrame {
				best, found = name, true
			}
		}
		if found {
			o.addr = best
			return i
		}
	}
	return -1
}
