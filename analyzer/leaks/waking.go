package leaks

import (
	"fmt"

	"postmortem/analyzer/graph"
	"postmortem/coreread/goheap"
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
		for _, sudog := range w.sudogs {
			owners[uint32(s.heap.Heap.FindObject(sudog))] = uint32(i)
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

// firingTimer says which thread runs a timer on its system stack: what the timer
// refers to is nowhere else.
func (s *search) firingTimer() (why string, found bool) {
	for _, t := range s.heap.Heap.Process().Threads() {
		for _, f := range t.Frames {
			if fn, ok := s.function(f.PC); ok && firing[fn.Name()] {
				return fmt.Sprintf("thread %d was running a timer, which may wake a goroutine", t.TID), true
			}
		}
	}
	return "", false
}
