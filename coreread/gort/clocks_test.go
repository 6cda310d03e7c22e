package gort_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"postmortem/coreread/gort"
	"postmortem/coreread/layout"
)

func TestClocksOfNothing(t *testing.T) {
	c := newWorld(t, "amd64").open().Clocks()
	if c.Now != 0 || c.Basis != "" || c.Wall != 0 {
		t.Errorf("got %+v", c)
	}
	if up, ok := c.Uptime(); ok {
		t.Errorf("up %v", up)
	}
	if at, ok := c.Started(); ok {
		t.Errorf("started %v", at)
	}
}

// TestNowIsTheLargestClock sets one clock after the other ahead of all others.
func TestNowIsTheLargestClock(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := w.processors(2)[1]
		now := uint64(1000e9)
		w.put64(w.global("runtime.runtimeInitTime"), now)
		event := func(kind, at uint64) uint64 { return kind<<61 | at }
		for _, clock := range []struct {
			basis string
			set   func(at uint64)
		}{
			{"last network poll", func(at uint64) { w.sched("lastpoll", at) }},
			{"last start of the world", func(at uint64) { w.sched("procresizetime", at) }},
			{"time slice of P1", func(at uint64) { w.set(p, "runtime.p", "sysmontick.schedwhen", at) }},
			{"system call of P1", func(at uint64) { w.set(p, "runtime.p", "sysmontick.syscallwhen", at) }},
			{"GC worker of P1", func(at uint64) { w.set(p, "runtime.p", "gcMarkWorkerStartTime", at) }},
			{"halt of P1", func(at uint64) { w.set(p, "runtime.p", "gcStopTime", at) }},
			{"going idle of P1", func(at uint64) { w.set(p, "runtime.p", "limiterEvent", event(4, at)) }},
			{"start of a GC cycle", func(at uint64) { w.set(w.global("runtime.work"), "runtime.workType", "tSweepTerm", at) }},
			{"end of a GC cycle", func(at uint64) { w.set(w.global("runtime.work"), "runtime.workType", "tEnd", at) }},
			{"end of the last GC cycle", func(at uint64) {
				w.set(w.global("runtime.memstats"), "runtime.mstats", "last_gc_nanotime", at)
				w.set(w.global("runtime.memstats"), "runtime.mstats", "last_gc_unix", 1700000000e9)
			}},
			{"CPU limiter", func(at uint64) {
				w.set(w.global("runtime.gcCPULimiter"), "runtime.gcCPULimiterState", "lastUpdate", at)
			}},
			{"time.Ticker on P1", func(at uint64) { ticker(w, p, at+3e9, 3e9) }},
		} {
			now += 1e9
			clock.set(now)
			c := w.open().Clocks()
			want(t, "now after "+clock.basis, c.Now, int64(now))
			if !strings.Contains(c.Basis, clock.basis) {
				t.Errorf("basis is %q, want %q", c.Basis, clock.basis)
			}
			up, ok := c.Uptime()
			want(t, "uptime known", ok, true)
			want(t, "uptime", up, time.Duration(now-1000e9))
		}
		// Two seconds have passed since the collection ended.
		c := w.open().Clocks()
		seen, ok := c.LastSeen()
		want(t, "wall time known", ok, true)
		want(t, "last seen", seen.UnixNano(), 1700000002e9)
		started, _ := c.Started()
		want(t, "started", started.UnixNano(), int64(1700000002e9-12e9))
	})
}

// ticker gives p a heap of one timer.
func ticker(w *world, p, when, period uint64) {
	timer, heap := w.object("runtime.timer"), w.alloc(16)
	w.set(timer, "runtime.timer", "when", when)
	w.set(timer, "runtime.timer", "period", period)
	w.put64(heap, timer)
	w.put64(heap+8, when)
	off := w.lay.Struct("runtime.p").Offset("timers.heap")
	w.put64(p+off, heap)
	w.put64(p+off+8, 1)
}

// TestWhatIsNoClock leaves readings out that cannot be the clock's.
func TestWhatIsNoClock(t *testing.T) {
	w := newWorld(t, "amd64")
	p := w.processors(1)[0]
	w.sched("lastpoll", 7e9)
	w.set(p, "runtime.p", "sysmontick.schedwhen", math.MaxInt64)
	w.set(p, "runtime.p", "sysmontick.syscallwhen", 1<<63)
	w.set(p, "runtime.p", "limiterEvent", 9e9) // of no kind
	ticker(w, p, math.MaxInt64, math.MaxInt64-100e9)
	w.set(w.global("runtime.memstats"), "runtime.mstats", "last_gc_nanotime", 6e9)
	w.set(w.global("runtime.memstats"), "runtime.mstats", "last_gc_unix", 12345)
	c := w.open().Clocks()
	want(t, "now", c.Now, int64(7e9))
	want(t, "wall", c.Wall, 0)
}

func TestWaitedAtLeast(t *testing.T) {
	c := gort.Clocks{Init: 10e9, Now: 100e9}
	for _, test := range []struct {
		status layout.GStatus
		since  int64
		waited time.Duration
		ok     bool
	}{
		{layout.GWaiting, 40e9, 60e9, true},
		{layout.GSyscall, 99e9, 1e9, true},
		{layout.GLeaked, 10e9, 90e9, true},
		{layout.GWaiting, 0, 0, false},     // not stamped
		{layout.GWaiting, 101e9, 0, false}, // after all clocks
		{layout.GWaiting, 9e9, 0, false},   // before the start
		{layout.GRunning, 40e9, 0, false},  // a stale stamp
		{layout.GRunnable, 40e9, 0, false},
		{layout.GWaiting, -1 << 63, 0, false},
	} {
		waited, ok := c.WaitedAtLeast(&gort.Goroutine{Status: test.status, WaitSince: test.since})
		if waited != test.waited || ok != test.ok {
			t.Errorf("%v since %d: %v, %v", test.status, test.since, waited, ok)
		}
	}
}
