package gort_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"postmortem/coreread/gort"
	"postmortem/coreread/layout"
)

// TestPauseRing takes the last cycles from the ring, oldest first, wherever the
// count stands.
func TestPauseRing(t *testing.T) {
	for _, cycles := range []uint32{0, 1, 255, 256, 257, 1000, 1<<32 - 1} {
		w := newWorld(t, "amd64")
		stats := w.global("runtime.memstats")
		w.set(stats, "runtime.mstats", "numgc", uint64(cycles))
		ring := stats + w.lay.Struct("runtime.mstats").Offset("pause_ns")
		var last []uint64
		for i := uint32(0); i < min(cycles, 256); i++ {
			cycle := cycles - min(cycles, 256) + i // the runtime writes cycle n to n%256
			w.put64(ring+uint64(cycle%256)*8, uint64(cycle)+1)
			last = append(last, uint64(cycle)+1)
		}
		p := w.open().Collector().Pauses
		if p == nil || !slices.Equal(p.Sample, last) || p.Count != cycles {
			t.Errorf("after %d cycles the sample is %v", cycles, p)
			continue
		}
		ns, ok := p.Last()
		want(t, "last pause known", ok, cycles > 0)
		if ok {
			want(t, "last pause", ns, uint64(cycles))
		}
	}
}

// TestQuantiles holds the nearest rank against its definition.
func TestQuantiles(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		p := gort.Pauses{Sample: make([]uint64, 1+random.IntN(300))}
		for i := range p.Sample {
			p.Sample[i] = random.Uint64N(50)
		}
		q := math.Nextafter(random.Float64(), 1)
		got, ok := p.Quantile(q)
		if !ok {
			t.Fatal("no quantile of a sample")
		}
		notAbove, below := 0, 0
		for _, v := range p.Sample {
			if v <= got {
				notAbove++
			}
			if v < got {
				below++
			}
		}
		if n := float64(len(p.Sample)) * q; float64(notAbove) < n || float64(below) >= n {
			t.Fatalf("%v of %v is %d: %d are not above and %d below", q, p.Sample, got, notAbove, below)
		}
	}
	for _, q := range []float64{0, -1, 1.1, math.NaN()} {
		if v, ok := (&gort.Pauses{Sample: []uint64{1}}).Quantile(q); ok {
			t.Errorf("quantile %v is %d", q, v)
		}
	}
	if v, ok := new(gort.Pauses).Quantile(0.5); ok {
		t.Errorf("median of nothing is %d", v)
	}
}

func TestMemoryLimitAndPhase(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		control := w.global("runtime.gcController")
		set := func(path string, v uint64) { w.set(control, "runtime.gcControllerState", path, v) }
		set("gcPercent", uint64(1<<32-1))
		set("memoryLimit", math.MaxInt64)
		set("heapLive", 123456)
		binary.LittleEndian.PutUint32(w.bytes(w.global("runtime.gcphase")), uint32(layout.GCMarkTermination))
		p := w.open()
		c := p.Collector()
		want(t, "GOGC", known(t, "GOGC", c.GOGC), -1)
		want(t, "limit", known(t, "limit", c.MemoryLimit), gort.MemoryLimit{})
		want(t, "live", known(t, "live", c.HeapLive), 123456)
		want(t, "phase", known(t, "phase", c.Phase), layout.GCMarkTermination)
		noGaps(t, p)

		set("memoryLimit", 1<<30)
		binary.LittleEndian.PutUint32(w.bytes(w.global("runtime.gcphase")), 3)
		p = w.open()
		want(t, "limit", known(t, "limit", p.Collector().MemoryLimit), gort.MemoryLimit{Set: true, Bytes: 1 << 30})
		if p.Collector().Phase != nil {
			t.Errorf("phase 3 is %v", *p.Collector().Phase)
		}
		want(t, "gaps", len(p.Gaps()), 1)
	})
}

// TestHeapGoal works out by hand what the next collection's goal is; real
// processes that printed theirs are compared elsewhere.
func TestHeapGoal(t *testing.T) {
	const mib = 1 << 20
	type state map[string]uint64
	for name, c := range map[string]struct {
		state state
		goal  uint64
	}{
		"percent alone": {state{"gcPercentHeapGoal": 8 * mib, "memoryLimit": math.MaxInt64}, 8 * mib},
		"sweeping keeps its distance": {state{"gcPercentHeapGoal": 8 * mib, "memoryLimit": math.MaxInt64,
			"sweepDistMinTrigger": 9 * mib}, 9 * mib},
		"triggered late": {state{"gcPercentHeapGoal": 8 * mib, "memoryLimit": math.MaxInt64, "triggered": 8 * mib}, 8*mib + 64<<10},
		// 200 - (50 - 30 - 10) = 190, less 3%.
		"limit": {state{"gcPercentHeapGoal": 500 * mib, "memoryLimit": 200 * mib, "mappedReady": 50 * mib,
			"heapFree": 10 * mib, "totalAlloc": 40 * mib, "totalFree": 10 * mib}, 190*mib - 190*mib/100*3},
		// 20 - (30 - 0 - 15) - (30 - 20) is below nothing: what was marked.
		"over the limit": {state{"gcPercentHeapGoal": 500 * mib, "memoryLimit": 20 * mib, "mappedReady": 30 * mib,
			"totalAlloc": 15 * mib, "heapMarked": 12 * mib}, 12 * mib},
		// 20 - (18 - 17) = 19, less at least one: and not below what was marked.
		"small limit": {state{"gcPercentHeapGoal": 500 * mib, "memoryLimit": 20 * mib, "mappedReady": 18 * mib,
			"totalAlloc": 17 * mib, "heapMarked": 3 * mib}, 18 * mib},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "amd64")
			control := w.global("runtime.gcController")
			w.set(control, "runtime.gcControllerState", "triggered", math.MaxUint64)
			for path, v := range c.state {
				w.set(control, "runtime.gcControllerState", path, v)
			}
			goal := known(t, "goal", w.open().Collector().HeapGoal)
			want(t, "goal", goal, c.goal)
		})
	}
}

// TestTornCounters leaves the goal unknown when the counters under a limit do
// not fit one another.
func TestTornCounters(t *testing.T) {
	w := newWorld(t, "amd64")
	control := w.global("runtime.gcController")
	for path, v := range map[string]uint64{"gcPercentHeapGoal": 1 << 30, "memoryLimit": 1 << 28, "mappedReady": 100, "heapFree": 101} {
		w.set(control, "runtime.gcControllerState", path, v)
	}
	if goal := w.open().Collector().HeapGoal; goal != nil {
		t.Errorf("goal is %d", *goal)
	}
}

// TestGenerationsOfStatistics sums them up: one alone may be negative.
func TestGenerationsOfStatistics(t *testing.T) {
	w := newWorld(t, "amd64")
	stats := w.global("runtime.memstats")
	for i, v := range []int64{-100, 5000, 50} {
		w.set(stats, "runtime.mstats", []string{"heapStats.stats[0].inStacks", "heapStats.stats[1].inStacks", "heapStats.stats[2].inStacks"}[i], uint64(v))
	}
	want(t, "stacks", known(t, "stacks", w.open().Collector().Memory.Stacks), 4950)
}
