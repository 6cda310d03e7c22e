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
	method       // not a lock: a method that was called through an interface
)

// holding is a lock that a function has taken and not given back, or given back
// without having taken it, at one place of its code.
type holding struct {
	addr value // 0 when unknown
	// target is the code of a method that was called, addr its receiver, or the
	// function value if value is set.
	target value
	value  bool
	kind   Kind
	site   image.Addr // instruction that took it or gave it back, of the first when there are several
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
	// first is, while ways are joined, what the first had in the places whose
	// values depend on the way.
	first map[int64]value
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
		if t.restsOn(s.held[i].target, d) {
			s.held[i].target = 0
		}
	}
	s.held = slices.DeleteFunc(s.held, holding.useless)
	if t.restsOn(s.last.addr, d) {
		s.last = attempt{}
	}
	if t.restsOn(s.test, d) {
		s.test = 0
	}
}

// take notes that a lock was taken, and calls again with the place where it was
// taken before if it seems to be held already.
func (s *state) take(t *values, h holding, again func(site image.Addr)) {
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
		if !o.given {
			again(o.site)
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

// equal reports whether two states say the same.
func (s *state) equal(o *state) bool {
	return s.regs == o.regs && s.last == o.last && s.test == o.test && s.lost == o.lost && slices.Equal(s.slots, o.slots) && slices.Equal(s.held, o.held)
}

// join merges the state at the end of another way that leads to block b into s.
func (s *state) join(t *values, b int64, from *state) {
	places := make([]joint, 0, 8)
	for i := range s.regs {
		s.regs[i] = s.joinPlace(t, b, int64(i), false, s.regs[i], from.regs[i], &places)
	}
	kept := s.slots[:0]
	for _, x := range s.slots {
		if v := s.joinPlace(t, b, maxRegs+x.off, true, x.v, from.slot(x.off), &places); v != 0 {
			kept = append(kept, slot{x.off, v})
		}
	}
	s.slots = kept
	if s.last != from.last {
		s.last = attempt{}
	}
	if s.test != from.test {
		s.test = 0
	}
	s.lost = s.lost || from.lost
	s.joinHeld(t, from, places)
}

// joint is a place whose value depends on the way.
type joint struct {
	before, from, v value // on the first way, on the one that joins, and since
	inFrame         bool
}

func (s *state) joinPlace(t *values, b, place int64, inFrame bool, v, from value, places *[]joint) value {
	if v == from {
		return v
	}
	if v == 0 || from == 0 {
		return 0
	}
	j := t.joinedAt(b, place)
	if from == j {
		return v // it comes back as it was
	}
	before, joined := s.first[place]
	if v == j && !joined {
		s.first[place] = j
		return from
	}
	if !joined {
		before = v
		s.first[place] = v
	}
	*places = append(*places, joint{before: before, from: from, v: j, inFrame: inFrame})
	return j
}

// joinHeld merges the locks held.
func (s *state) joinHeld(t *values, from *state, places []joint) {
	seen := make([]bool, len(s.held))
	for _, h := range from.held {
		if i := s.matching(t, h, places, seen); i >= 0 {
			seen[i] = true
			o := &s.held[i]
			o.must = o.must && h.must
			o.tried = o.tried || h.tried
			o.calls = o.calls || h.calls
			o.site = min(o.site, h.site)
			continue
		}
		h.must = false
		if s.stale(t, h.addr, places) {
			if h.addr = 0; h.useless() {
				continue
			}
		}
		if j := slices.IndexFunc(s.held, h.like); j >= 0 {
			s.held[j].must, s.held[j].calls = false, s.held[j].calls || h.calls
			continue
		}
		s.add(h)
	}
	for i := range seen {
		if !seen[i] {
			s.held[i].must = false
		}
	}
}

// useless reports whether a holding that lost its address has nothing left to tell.
func (h holding) useless() bool {
	return h.past && h.addr == 0 || h.kind == method && (h.addr == 0 || h.target == 0)
}

// called notes that a method was called through an interface; only the last one of
// each receiver counts.
func (s *state) called(t *values, h holding) {
	s.held = slices.DeleteFunc(s.held, func(o holding) bool { return o.kind == method && t.alike(o.addr, h.addr) })
	methods := 0
	for _, o := range s.held {
		if o.kind == method {
			methods++
		}
	}
	if methods == maxMethods {
		i := slices.IndexFunc(s.held, func(o holding) bool { return o.kind == method })
		s.held = slices.Delete(s.held, i, i+1)
	}
	s.add(h)
}

// maxMethods bounds the methods that are kept in one state, the last ones.
const maxMethods = 8

// like reports whether two holdings are one as far as can be told.
func (h holding) like(o holding) bool {
	return o.addr == h.addr && o.kind == h.kind && o.given == h.given && o.past == h.past && o.site == h.site && o.target == h.target
}

// stale reports whether an address rests on a value that is no more where the
// ways meet.
func (s *state) stale(t *values, addr value, places []joint) bool {
	return slices.ContainsFunc(places, func(j joint) bool { return t.restsOn(addr, j.v) })
}

// matching finds the lock of s that is h of a state that joins, and gives it a
// name that is right on both ways.
func (s *state) matching(t *values, h holding, places []joint, seen []bool) int {
	for i := range seen {
		o := &s.held[i]
		if seen[i] || o.kind != h.kind || o.given != h.given || o.past != h.past || o.target != h.target || o.addr == 0 || h.addr == 0 {
			continue
		}
		if o.addr == h.addr && !s.stale(t, h.addr, places) {
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
