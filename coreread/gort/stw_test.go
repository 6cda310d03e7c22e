package gort_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"postmortem/coreread/gort"
	"postmortem/coreread/layout"
)

func leUint64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// stopping makes a process of three processors: one that stops the world (its
// thread stands in stopper), one that has stopped and one that runs on.
func stopping(w *world, stopper string) {
	ps := w.processors(3)
	w.set(ps[0], "runtime.p", "status", uint64(layout.PGCStop))
	m := w.machine(100, ps[0], stopper, 0)
	w.goroutine(m, 7, layout.GWaiting)
	w.setString(m, "runtime.m", "preemptoff", "read mem stats")
	w.set(ps[1], "runtime.p", "status", uint64(layout.PGCStop))
	w.machine(101, 0, "runtime.gcstopm", 0)
	w.set(ps[2], "runtime.p", "status", uint64(layout.PRunning))
	m = w.machine(102, ps[2], "main.main", 0)
	w.goroutine(m, 9, layout.GRunning)
	w.sched("gcwaiting", 1)
	w.sched("stopwait", 1)
}

func TestNoStopTheWorld(t *testing.T) {
	w := newWorld(t, "amd64")
	w.processors(2)
	s := w.open().StopTheWorld()
	if s == nil || s.InProgress || s.Complete || s.Frozen || len(s.Waiting) != 0 {
		t.Errorf("got %+v", s)
	}
}

func TestStopTheWorldThatWaits(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		stopping(w, "runtime.stopTheWorldWithSema")
		p := w.open()
		s := p.StopTheWorld()
		checkStopping(t, s)
		want(t, "frozen", s.Frozen, false)
		noGaps(t, p)
	})
}

// TestStopTheWorldBehindFreeze is a stall that somebody ended with SIGABRT: the
// freeze has overwritten the count.
func TestStopTheWorldBehindFreeze(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		stopping(w, "runtime.stopTheWorldWithSema")
		freeze(w)
		s := w.open().StopTheWorld()
		checkStopping(t, s)
		want(t, "frozen", s.Frozen, true)
	})
}

func freeze(w *world) {
	w.sched("gcwaiting", 1)
	w.sched("stopwait", layout.FreezeStopWait-1)
	w.bytes(w.global("runtime.freezing"))[0] = 1
}

func checkStopping(t *testing.T, s *gort.StopTheWorld) {
	t.Helper()
	want(t, "in progress", s.InProgress, true)
	want(t, "complete", s.Complete, false)
	want(t, "reason", s.Reason, "read mem stats")
	if s.Machine == nil || s.Machine.TID != 100 {
		t.Errorf("the world is stopped by %+v, want thread 100", s.Machine)
	}
	if len(s.Waiting) != 1 || s.Waiting[0].Processor.ID != 2 || s.Waiting[0].Machine.TID != 102 {
		t.Fatalf("it waits for %+v, want P2 on thread 102", s.Waiting)
	}
	if doing := s.Waiting[0].Doing; !strings.Contains(doing, "g9") || !strings.Contains(doing, "main.main") {
		t.Errorf("P2 is said to be %q, want g9 in main.main", doing)
	}
}

// TestDeathWhileTheWorldIsStopped is a throw by whoever has stopped the world.
func TestDeathWhileTheWorldIsStopped(t *testing.T) {
	w := newWorld(t, "amd64")
	stopping(w, "runtime.throw")
	freeze(w)
	s := w.open().StopTheWorld()
	if !s.InProgress || !s.Complete || len(s.Waiting) != 0 || s.Reason != "read mem stats" {
		t.Errorf("got %+v", s)
	}
}

// TestFreezeThatStopsNobody is GODEBUG=dontfreezetheworld=1: only the flag says it.
func TestFreezeThatStopsNobody(t *testing.T) {
	w := newWorld(t, "amd64")
	w.processors(1)
	w.bytes(w.global("runtime.freezing"))[0] = 1
	s := w.open().StopTheWorld()
	if s == nil || s.InProgress || !s.Frozen {
		t.Errorf("got %+v", s)
	}
}

// TestStaleMachineOfStoppedProcessor does not take an M for the one that stops
// the world because a processor still names it.
func TestStaleMachineOfStoppedProcessor(t *testing.T) {
	w := newWorld(t, "amd64")
	p := w.processors(1)[0]
	m := w.machine(100, p, "runtime.stopm", 0)
	w.set(m, "runtime.m", "p", 0)
	w.set(p, "runtime.p", "status", uint64(layout.PGCStop))
	freeze(w)
	if s := w.open().StopTheWorld(); s == nil || s.InProgress {
		t.Errorf("got %+v", s)
	}
}

func TestFreezeAlone(t *testing.T) {
	w := newWorld(t, "amd64")
	ps := w.processors(2)
	w.set(ps[0], "runtime.p", "status", uint64(layout.PRunning))
	w.goroutine(w.machine(100, ps[0], "main.main", 0), 1, layout.GRunning)
	w.set(ps[1], "runtime.p", "status", uint64(layout.PGCStop))
	freeze(w)
	s := w.open().StopTheWorld()
	if s == nil || s.InProgress || !s.Frozen || len(s.Waiting) != 0 {
		t.Errorf("got %+v", s)
	}
}

// TestCollectorsOwnReasons are told by who asks, since nothing is written down.
func TestCollectorsOwnReasons(t *testing.T) {
	for fn, reason := range map[string]string{
		"runtime.gcStart":           "GC sweep termination",
		"runtime.gcMarkDone":        "GC mark termination",
		"runtime.gcMarkTermination": "GC mark termination",
	} {
		w := newWorld(t, "amd64")
		p := w.processors(1)[0]
		w.set(p, "runtime.p", "status", uint64(layout.PGCStop))
		w.goroutine(w.machine(100, p, fn, 0), 1, layout.GRunning)
		w.sched("gcwaiting", 1)
		s := w.open().StopTheWorld()
		want(t, "reason of "+fn, s.Reason, reason)
		want(t, "complete", s.Complete, true)
	}
}

func TestBarrier(t *testing.T) {
	w := newWorld(t, "amd64")
	ps := w.processors(2)
	w.goroutine(w.machine(100, ps[0], "runtime.forEachPInternal", 0), 5, layout.GWaiting)
	w.goroutine(w.machine(101, ps[1], "main.main", 0), 6, layout.GRunning)
	w.set(ps[1], "runtime.p", "runSafePointFn", 1)
	w.sched("safePointWait", 1)
	b := w.open().Barrier()
	if b == nil || b.Machine == nil || b.Machine.TID != 100 || len(b.Waiting) != 1 || b.Waiting[0].Machine.TID != 101 {
		t.Errorf("got %+v", b)
	}
	w.sched("safePointWait", 0)
	if b := w.open().Barrier(); b != nil {
		t.Errorf("without one: %+v", b)
	}
}
