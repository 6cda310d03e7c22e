package gort

import (
	"postmortem/coreread/image"
)

// Trust is how a frame was found.
type Trust uint8

const (
	TrustPCLNTab   Trust = iota // by the frame sizes that the compiler recorded
	TrustRegisters              // a thread's own program counter
	TrustCgo                    // C code: the pc is known, its callers are not
)

// Frame is one physical frame of a stack.
type Frame struct {
	PC    image.Addr // return address, or the instruction itself when Exact
	SP    image.Addr // stack pointer inside the frame
	FP    image.Addr // the frame's base: the caller's stack pointer
	Exact bool
	Trust Trust
}

// maxBetween bounds the frames of one stack that are kept besides.
const maxBetween = 1 << 14

// StoredFrames is how many physical frames a Stack keeps at each end.
const StoredFrames = 100

// Stack is a stack that was walked whole. Where it has more than twice
// StoredFrames frames, those in between are counted and not kept.
type Stack struct {
	Inner []Frame // innermost first, at most System and StoredFrames
	Outer []Frame // what follows, or the last StoredFrames, in the same direction

	// System is how many of Inner, the innermost, are not on the goroutine's own
	// stack but on its thread's: what the runtime did for it last.
	System int

	Physical uint64 // frames walked
	Logical  uint64 // functions they stand for: inlined ones count too
	Hash     uint64 // of every program counter in order
	Cycle    *Cycle // the repeating part of a runaway recursion

	// Broken says why the walk ended before the stack's outermost frame; nil
	// when it did not.
	Broken error

	own    image.Range // the goroutine's own stack, empty when every frame counts as its own
	ring   []Frame     // the last frames walked, a ring once it is full
	marked [StoredFrames]bool
	next   int
	watch  cycleWatch

	// between are the frames between Inner and Outer that panics and deferred
	// calls may hang on, the innermost maxBetween; unkept is how many there are more.
	between []Frame
	unkept  uint64
}

// Elided returns how many physical frames lie between Inner and Outer.
func (s *Stack) Elided() uint64 {
	return s.Physical - uint64(len(s.Inner)) - uint64(len(s.Outer))
}

// Empty reports whether no frame was found.
func (s *Stack) Empty() bool { return s.Physical == 0 }

// reset makes s ready for another walk, keeping its memory.
func (s *Stack) reset() {
	*s = Stack{Inner: s.Inner[:0], ring: s.ring[:0], between: s.between[:0], Hash: fnvOffset}
}

// copy makes s the same as the stack from, before either is finished.
func (s *Stack) copy(from *Stack) {
	inner, ring, between := s.Inner[:0], s.ring[:0], s.between[:0]
	*s = *from
	s.Inner, s.ring, s.between = append(inner, from.Inner...), append(ring, from.ring...), append(between, from.between...)
}

// reaches reports whether a walk has come to a goroutine's stack, which it does not leave again.
func (s *Stack) reaches(r image.Range) bool {
	for _, frames := range [][]Frame{s.Inner, s.ring} {
		for _, f := range frames {
			if r.Contains(f.SP) {
				return true
			}
		}
	}
	return false
}

// FNV-1a over 64-bit words.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// push enters a frame that stands for so many functions; marked is whether it
// is to be kept even between Inner and Outer.
func (s *Stack) push(f *Frame, logical uint32, marked bool) {
	s.Physical++
	s.Logical += uint64(logical)
	s.Hash = (s.Hash ^ uint64(f.PC)) * fnvPrime
	if len(s.Inner) < StoredFrames+s.System {
		if s.System == len(s.Inner) && s.System < StoredFrames && s.own.Len() > 0 && !s.own.Contains(f.SP) {
			s.System++
		}
		s.Inner = append(s.Inner, *f)
		if len(s.Inner) == StoredFrames+s.System {
			s.watch.begin(s.Inner)
		}
		return
	}
	s.watch.follow(f.PC)
	if n := len(s.ring); n < StoredFrames {
		s.ring = append(s.ring, *f)
		s.marked[n] = marked
		return
	}
	if s.marked[s.next] {
		s.keepBetween(s.ring[s.next])
	}
	s.marked[s.next] = marked
	// Field by field: the processor is slow to load as a whole what the unwinder
	// has just stored in parts.
	r := &s.ring[s.next]
	r.PC, r.SP, r.FP, r.Exact, r.Trust = f.PC, f.SP, f.FP, f.Exact, f.Trust
	if s.next++; s.next == StoredFrames {
		s.next = 0
	}
}

func (s *Stack) keepBetween(f Frame) {
	if len(s.between) == maxBetween {
		s.unkept++
		return
	}
	s.between = append(s.between, f)
}

// eachMarked visits the frames of s that panics and deferred calls may hang on,
// and others, innermost first.
func (s *Stack) eachMarked(visit func(Frame)) {
	for _, frames := range [][]Frame{s.Inner, s.between, s.Outer} {
		for _, f := range frames {
			visit(f)
		}
	}
}

// finish puts the outermost frames into order.
func (s *Stack) finish() {
	s.Outer = s.ring
	if s.next != 0 {
		s.Outer = append(append(make([]Frame, 0, len(s.ring)), s.ring[s.next:]...), s.ring[:s.next]...)
	}
	s.Cycle = s.watch.cycle()
}
