package leaks

import (
	"slices"

	"postmortem/analyzer/graph"
	"postmortem/coreread/goheap"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// waking are the functions that take a goroutine from a queue and then make it
// runnable. In between it waits, and nothing but their frames leads to it.
var waking = map[string]bool{
	"runtime.goready": true, "runtime.goready.func1": true, "runtime.ready": true, "runtime.readyWithTime": true,
	"runtime.send": true, "runtime.recv": true, "runtime.chansend": true, "runtime.chanrecv": true, "runtime.closechan": true, "runtime.selectgo": true,
	"runtime.semrelease1": true, "runtime.notifyListNotifyAll": true, "runtime.notifyListNotifyOne": true,
}

// wakeGrasped wakes the waiters that another goroutine is about to wake: its
// frames in such functions refer to their runtime.g or sudog.
func (s *search) wakeGrasped() {
	owners := make(map[uint32]uint32, len(s.waiters)) // of runtime.gs; built when needed
	frame, wakes := graph.NoFrame, false
	for _, slot := range s.roots.Slots {
		if slot.Frame == graph.NoFrame || s.waiterOf[slot.Holder] != noWaiter {
			continue
		}
		if slot.Frame != frame {
			frame = slot.Frame
			fn, ok := s.function(s.roots.Frames[frame].PC)
			wakes = ok && waking[fn.Name()]
		}
		if !wakes {
			continue
		}
		if len(owners) == 0 {
			s.ownersByObject(owners)
		}
		if w, ok := owners[uint32(s.heap.Heap.FindObject(slot.Value))]; ok {
			s.wakeList(w, owners)
		}
	}
}

// ownersByObject has the waiters by their runtime.g and by their sudogs.
func (s *search) ownersByObject(owners map[uint32]uint32) {
	for i := range s.waiters {
		w := &s.waiters[i]
		owners[uint32(s.roots.Holders[w.holder].Own)] = uint32(i)
		for _, t := range s.targetsOf(w) {
			owners[uint32(s.heap.Heap.FindObject(t.sudog))] = uint32(i)
		}
	}
	delete(owners, uint32(goheap.NoObject))
}

// wakeList wakes a waiter and those that are linked behind it: closing a channel
// collects all that it wakes first (runtime/chan.go, closechan).
func (s *search) wakeList(w uint32, owners map[uint32]uint32) {
	for range len(s.waiters) {
		s.marking.wake(w)
		next, err := s.heap.Heap.Process().Image.Addr(s.waiters[w].g + image.Addr(s.schedLink))
		if err != nil || next == 0 {
			return
		}
		following, ok := owners[uint32(s.heap.Heap.FindObject(next))]
		if !ok || s.marking.live.Has(following) {
			return
		}
		w = following
	}
}

// firing are the functions that run a timer, which may be in no heap of timers by then.
var firing = map[string]bool{"runtime.runOneTimer": true, "runtime.(*timer).unlockAndRun": true}

// systemStack is what threads have at least of a stack for the runtime, bytes
// (runtime/proc.go, allocm).
const systemStack = 16 << 10

// markFiring marks what threads refer to that run a timer on their system stack:
// what the timer refers to may be nowhere else. Every word counts.
func (s *search) markFiring() {
	p := s.heap.Heap.Process()
	for _, t := range p.Threads() {
		if !s.fires(t) {
			continue
		}
		registers := t.Interrupted
		if registers == nil {
			registers = t.Regs.Named
		}
		for _, r := range registers {
			s.markWord(image.Addr(r.Value))
		}
		stack := p.Image.Present(image.Range{Start: t.Frames[0].SP, End: t.Frames[0].SP + systemStack})
		for ; len(stack) >= 8; stack = stack[8:] {
			s.markWord(image.Addr(s.order.Uint64(stack)))
		}
	}
}

// fires reports whether a thread runs a timer.
func (s *search) fires(t *gort.Thread) bool {
	return slices.ContainsFunc(t.Frames, func(f gort.Frame) bool {
		fn, ok := s.function(f.PC)
		return ok && firing[fn.Name()]
	})
}

// markWord marks what a word points to, if it is a pointer. To a goroutine's
// runtime.g it may lead that is about to be woken.
func (s *search) markWord(word image.Addr) {
	o := s.heap.Heap.FindObject(word)
	switch {
	case o == goheap.NoObject:
	case s.owned.Has(uint32(o)):
		for i := range s.waiters {
			if s.roots.Holders[s.waiters[i].holder].Own == o {
				s.marking.wake(uint32(i))
			}
		}
	default:
		s.marking.mark(uint32(o))
	}
}
