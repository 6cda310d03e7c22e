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

// StoredFrames is how many physical frames a Stack keeps at each end.
const StoredFrames = 100

// Stack is a stack that was walked whole. Where it has more than twice
// StoredFrames frames, those in between are counted and not kept.
type Stack struct {
	Inner []Frame // innermost first, at most StoredFrames
	Outer []Frame // what follows, or the last StoredFrames, in the same direction

	Physical uint64 // frames walked
	Logical  uint64 // functions they stand for: inlined ones count too
	Hash     uint64 // of every program counter in order
	Cycle    *Cycle // the repeating part of a runaway recursion

	// Broken says why the walk ended before the stack's outermost frame; nil
	// when it did not.
	Broken error

	origin origin
	defers bool // a function in it may have open-coded deferred calls

	ring  []Frame // the last frames walked, a ring once Outer is full
	next  int
	watch cycleWatch
}

// Elided returns how many physical frames lie between Inner and Outer.
func (s *Stack) Elided() uint64 {
	return s.Physical - uint64(len(s.Inner)) - uint64(len(s.Outer))
}

// Empty reports whether no frame was found.
func (s *Stack) Empty() bool { return s.Physical == 0 }

// reset makes s ready for another walk, keeping its memory.
func (s *Stack) reset() {
	*s = Stack{Inner: s.Inner[:0], ring: s.ring[:0], Hash: fnvOffset}
}

// FNV-1a over 64-bit words.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func (s *Stack) push(f *Frame, logical uint32) {
	s.Physical++
	s.Logical += uint64(logical)
	s.Hash = (s.Hash ^ uint64(f.PC)) * fnvPrime
	if len(s.Inner) < StoredFrames {
		s.Inner = append(s.Inner, *f)
		if len(s.Inner) == StoredFrames {
			s.watch.begin(s.Inner)
		}
		return
	}
	s.watch.follow(f.PC)
	if len(s.ring) < StoredFrames {
		s.ring = append(s.ring, *f)
		return
	}
	// Field by field: the processor is slow to load as a whole what the unwinder
	// has just stored in parts.
	r := &s.ring[s.next]
	r.PC, r.SP, r.FP, r.Exact, r.Trust = f.PC, f.SP, f.FP, f.Exact, f.Trust
	if s.next++; s.next == StoredFrames {
		s.next = 0
	}
}

// each visits the frames of s, innermost first. Those that s does not keep are
// walked again, if all is set.
func (s *Stack) each(all bool, visit func(Frame)) {
	if all && s.Elided() > 0 {
		// It ends where the first walk did, which has said why.
		_ = s.origin.walk(func(f *Frame, _ *pcInfo) { visit(*f) })
		return
	}
	for _, frames := range [][]Frame{s.Inner, s.Outer} {
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
