package gort_test

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"postmortem/coreread"
	"postmortem/coreread/gort"
	"postmortem/internal/testcores"
)

// TestAsTheProcessSaid holds the scheduler, the collector and the clocks of
// every committed core against what the process printed of itself shortly
// before it died: runtime.MemStats, GOMAXPROCS and the memory limit.
func TestAsTheProcessSaid(t *testing.T) {
	for _, c := range testcores.All(t) {
		if c.Cut != 0 {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			p, truth := openCore(t, c), c.Truth(t)
			checkScheduler(t, p, truth)
			checkCollector(t, p, truth)
			checkClocks(t, p, truth)
			checkThreads(t, p)
			checkStop(t, p, c)
			noGaps(t, p)
		})
	}
}

func openCore(t *testing.T, c *testcores.Core) *gort.Process {
	t.Helper()
	snap, err := coreread.Open(context.Background(), coreread.Config{Core: c.CorePath(t), Binary: c.BinaryPath(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { snap.Close() })
	return snap.Runtime
}

func checkScheduler(t *testing.T, p *gort.Process, truth testcores.Truth) {
	s := p.Scheduler()
	want(t, "GOMAXPROCS", known(t, "GOMAXPROCS", s.GOMAXPROCS), truth.GOMAXPROCS)
	want(t, "processors", len(s.Processors), truth.GOMAXPROCS)
	want(t, "Ms", known(t, "Ms", s.Ms), len(p.Machines()))
	ids := known(t, "goroutine ids", s.GoroutineIDs)
	all, queued := make(map[uint64]bool), 0
	p.Goroutines(func(g *gort.Goroutine) {
		all[uint64(g.Addr)] = true
		if g.ID > ids {
			t.Errorf("g%d lies above the last id %d", g.ID, ids)
		}
	})
	idle := 0
	for _, pp := range s.Processors {
		for _, g := range pp.RunQueue {
			queued++
			if !all[uint64(g)] {
				t.Errorf("P%d has %v in its queue, which is no goroutine", pp.ID, g)
			}
		}
		if pp.Status.String() == "idle" && pp.M == 0 {
			idle++
		}
	}
	// The count is changed after the status, and threads run on until the dump.
	if counted := known(t, "idle processors", s.IdlePs); counted < idle-1 || counted > idle+1 {
		t.Errorf("%d idle processors are counted, and %d are idle", counted, idle)
	}
	known(t, "global queue", s.RunQueue)
}

func checkCollector(t *testing.T, p *gort.Process, truth testcores.Truth) {
	c := p.Collector()
	cycles, forced := known(t, "cycles", c.Cycles), known(t, "forced cycles", c.Forced)
	if cycles < truth.NumGC || forced < truth.NumForcedGC || known(t, "started cycles", c.Started) < cycles {
		t.Errorf("%d cycles, %d forced, %d started, after %d and %d", cycles, forced, *c.Started, truth.NumGC, truth.NumForcedGC)
	}
	if c.Pauses == nil {
		t.Fatal("pauses are unknown")
	}
	if cycles == truth.NumGC {
		want(t, "total pause", c.Pauses.Total, truth.PauseTotalNs)
		want(t, "end of the last cycle", known(t, "end", c.LastEndWall), int64(truth.LastGCUnixNs))
		if *c.Started == cycles {
			want(t, "goal", known(t, "goal", c.HeapGoal), truth.NextGC)
		}
		var sum uint64
		for _, ns := range c.Pauses.Sample {
			sum += ns
		}
		want(t, "sum of the pauses", sum, truth.PauseTotalNs)
	}
	unset := truth.MemoryLimit == math.MaxInt64 || truth.MemoryLimit == 0 // Go 1.18 has none
	want(t, "limit is set", known(t, "limit", c.MemoryLimit).Set, !unset)
	percent := int32(100)
	if truth.Scenario == "profile" {
		percent = -1 // it turns collections off
	}
	want(t, "GOGC", known(t, "GOGC", c.GOGC), percent)
	if live := known(t, "live heap", c.HeapLive); cycles == truth.NumGC && live < truth.HeapAlloc-truth.HeapAlloc/8 {
		t.Errorf("live heap of %d bytes, and %d were allocated", live, truth.HeapAlloc)
	}
	if stacks := known(t, "stacks", c.Memory.Stacks); stacks < truth.StackInuse/2 {
		t.Errorf("%d bytes of stacks, and there were %d", stacks, truth.StackInuse)
	}
	known(t, "phase", c.Phase)
	known(t, "limiter", c.CPULimiter)
}

func checkClocks(t *testing.T, p *gort.Process, truth testcores.Truth) {
	c := p.Clocks()
	up, ok := c.Uptime()
	if !ok || up > time.Hour {
		t.Errorf("up %v (%v)", up, ok)
	}
	seen, ok := c.LastSeen()
	want(t, "wall time known", ok, *p.Collector().Cycles > 0)
	if last := time.Unix(0, int64(truth.LastGCUnixNs)); ok && truth.NumGC > 0 && (seen.Before(last) || seen.After(last.Add(time.Hour))) {
		t.Errorf("last seen %v, and the last cycle ended %v", seen, last)
	}
}

func checkThreads(t *testing.T, p *gort.Process) {
	want(t, "threads", len(p.Threads()), len(p.Core.Threads))
	for _, th := range p.Threads() {
		if th.Activity == gort.ActivityUnknown || len(th.Frames) == 0 {
			t.Errorf("thread %d: %s", th.TID, th.State)
		}
	}
}

// checkStop expects a stop-the-world of one scenario alone: a loop without a
// place to stop in, a collection that waits for it, and SIGQUIT from outside.
func checkStop(t *testing.T, p *gort.Process, c *testcores.Core) {
	stop := p.StopTheWorld()
	if stop == nil {
		t.Fatal("whether the world was being stopped is unknown")
	}
	switch c.Scenario {
	case "gcphase", "oom": // may die at such a time
	case "stwstall":
		want(t, "stop-the-world in progress", stop.InProgress && !stop.Complete, true)
		want(t, "a freeze before it", stop.Frozen, c.Producer == "kernel")
		want(t, "reason", stop.Reason, "GC sweep termination")
		if len(stop.Waiting) != 1 || !strings.HasSuffix(stop.Waiting[0].Doing, " in main.tightLoop") {
			t.Errorf("it waits for %+v", stop.Waiting)
		}
	default:
		if stop.InProgress || len(stop.Waiting) > 0 {
			t.Errorf("stop-the-world %+v", stop)
		}
	}
}
