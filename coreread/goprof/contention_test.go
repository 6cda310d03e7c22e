package goprof_test

import (
	"math"
	"strings"
	"testing"

	"postmortem/coreread/gort"
)

func TestContention(t *testing.T) {
	eachVersion(t, func(t *testing.T, p *program) {
		w := p.world(t)
		w.set("runtime.blockprofilerate", 5000)
		w.set("runtime.mutexprofilerate", 10)
		known := w.ticks(2e9)
		w.bucket(2, 0, []uint64{1}, math.Float64bits(2.9), 4000)
		w.bucket(2, 0, []uint64{2}, math.Float64bits(0.5), 9000)
		w.bucket(3, 0, []uint64{3}, math.Float64bits(30), 600)
		ps, _, _ := w.read()
		if ps.Block.Rate != 5000 || ps.Mutex.Rate != 10 || len(ps.Block.Buckets) != 2 || len(ps.Mutex.Buckets) != 1 {
			t.Fatalf("%+v and %+v", ps.Block, ps.Mutex)
		}
		// The longest wait is first; a block event that was less than one is one.
		if b := ps.Block.Buckets[0]; b.Count != 1 || b.Ticks != 9000 {
			t.Errorf("the first block bucket is %+v", b)
		}
		if b := ps.Block.Buckets[1]; b.Count != 2 || b.Ticks != 4000 {
			t.Errorf("the second block bucket is %+v", b)
		}
		scale := int64(1)
		if p.Minor() < 20 {
			scale = 10 // the record is of what was sampled
		}
		m := ps.Mutex.Buckets[0]
		if m.Count != 30*scale || m.Ticks != 600*scale {
			t.Errorf("the mutex bucket is %+v", m)
		}
		if ns, ok := ps.Mutex.Nanoseconds(&m); ok != known || (ok && ns != 300*scale) {
			t.Errorf("it is %d ns, %v; the clock's frequency is known: %v", ns, ok, known)
		}
	})
}

func TestUnmeasuredClock(t *testing.T) {
	for _, perSecond := range []uint64{0, 1 << 63} {
		w := withTicks(t)
		w.ticks(perSecond)
		w.bucket(3, 0, []uint64{3}, math.Float64bits(30), 600)
		ps, _, gaps := w.read()
		if ns, ok := ps.Mutex.Nanoseconds(&ps.Mutex.Buckets[0]); ok || ps.Mutex.TicksPerSecond != 0 {
			t.Errorf("it is %d ns, of a clock at %d Hz", ns, ps.Mutex.TicksPerSecond)
		}
		wantGap(t, gaps, "clock")
	}
}

// withTicks is a world of a program that uses the CPU's clock.
func withTicks(t *testing.T) *world {
	t.Helper()
	for _, c := range binaries(t) {
		if w := openProgram(t, c).world(t); w.ticks(0) {
			return w
		}
	}
	t.Fatal("no committed program uses runtime.ticks")
	return nil
}

func TestImpossibleCounts(t *testing.T) {
	p := openProgram(t, binaries(t)[0])
	for _, count := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 1e30} {
		w := p.world(t)
		w.bucket(2, 0, []uint64{1}, math.Float64bits(7), 70)
		w.bucket(2, 0, []uint64{1}, math.Float64bits(count), 70)
		w.ticks(1e9)
		ps, _, gaps := w.read()
		if len(ps.Block.Buckets) != 1 || ps.Block.Buckets[0].Count != 7 {
			t.Errorf("%g: %+v", count, ps.Block.Buckets)
		}
		wantGap(t, gaps, "impossible")
	}
}

func wantGap(t *testing.T, gaps []gort.Gap, about string) {
	t.Helper()
	if len(gaps) != 1 || !strings.Contains(gaps[0].What, about) || gaps[0].Effect == "" {
		t.Errorf("gaps %+v, want one about %q", gaps, about)
	}
}
