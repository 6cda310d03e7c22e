package goprof_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"postmortem/coreread/goprof"
)

// The counts that a process would answer with, worked out by hand from the rules
// of runtime/mprof.go: {active, future[0], future[1], future[2]}.
func TestServedCounts(t *testing.T) {
	tests := []struct {
		name          string
		cycle         uint64
		flushed       bool
		records       [][4][2]uint64
		served, later []goprof.Tally
	}{{
		name: "flushed", cycle: 4, flushed: true, // 4%3 = 1 is empty: it was moved
		records: [][4][2]uint64{{{10, 3}, {5, 0}, {0, 0}, {0, 2}}},
		served:  []goprof.Tally{{10, 3}}, later: []goprof.Tally{{5, 2}},
	}, {
		name: "the last cycle not yet moved", cycle: 5, // 5%3 = 2
		records: [][4][2]uint64{{{10, 3}, {5, 0}, {1, 1}, {4, 2}}},
		served:  []goprof.Tally{{14, 5}}, later: []goprof.Tally{{6, 1}},
	}, {
		name: "no collection yet: everything", cycle: 0, flushed: true,
		records: [][4][2]uint64{{{0, 0}, {0, 0}, {0, 1}, {7, 0}}, {{0, 0}, {0, 0}, {0, 0}, {1, 0}}},
		served:  []goprof.Tally{{7, 1}, {1, 0}}, later: []goprof.Tally{{}, {}},
	}, {
		name: "one stack's collection is all stacks'", cycle: 3, flushed: true,
		records: [][4][2]uint64{{{0, 0}, {0, 0}, {0, 0}, {7, 0}}, {{1, 1}, {0, 0}, {0, 0}, {2, 0}}},
		served:  []goprof.Tally{{}, {1, 1}}, later: []goprof.Tally{{7, 0}, {2, 0}},
	}, {
		name: "a cycle that wraps", cycle: 3*(2<<24) - 1,
		records: [][4][2]uint64{{{1, 0}, {2, 0}, {4, 0}, {8, 0}}},
		served:  []goprof.Tally{{9, 0}}, later: []goprof.Tally{{6, 0}},
	}}
	eachVersion(t, func(t *testing.T, p *program) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				w := p.world(t)
				w.cycle(tt.cycle, tt.flushed)
				for i := len(tt.records) - 1; i >= 0; i-- { // each goes to the front
					w.bucket(1, 48, []uint64{uint64(i + 1)}, w.memory(48, tt.records[i])...)
				}
				ps, _, gaps := w.read()
				if len(gaps) > 0 {
					t.Errorf("gaps: %v", gaps)
				}
				if len(ps.Memory.Buckets) != len(tt.records) {
					t.Fatalf("%d buckets, want %d", len(ps.Memory.Buckets), len(tt.records))
				}
				for i, b := range ps.Memory.Buckets {
					if b.Served != tt.served[i] || b.Later != tt.later[i] || b.Size != 48 {
						t.Errorf("bucket %d: %+v, want served %v, later %v", i, b, tt.served[i], tt.later[i])
					}
					if at, ok := ps.BucketAt(b.Addr); !ok || at != i {
						t.Errorf("the bucket at %s is %d, %v, want %d", b.Addr, at, ok, i)
					}
				}
			})
		}
	})
}

// Lists that end early: what came before is there, and the rest is a gap.
func TestDamagedLists(t *testing.T) {
	tests := []struct {
		name   string
		damage func(w *world, first, second uint64) // the list is second, first
		left   int
		gap    string
	}{
		{"circle", func(w *world, first, second uint64) { w.words[first+w.offset("runtime.bucket", "allnext")] = second }, 2, "circle"},
		{"absent header", func(w *world, first, _ uint64) { delete(w.words, first) }, 1, "not in the core"},
		{"absent record", func(w *world, first, _ uint64) { delete(w.words, w.next-8) }, 1, "not in the core"},
		{"absent stack", func(w *world, first, _ uint64) { delete(w.words, first+w.lay.Struct("runtime.bucket").Size()) }, 2, "of its stack"},
		{"another type", func(w *world, first, _ uint64) { w.words[first+w.offset("runtime.bucket", "typ")] = 2 }, 1, "type is 2"},
		{"deep stack", func(w *world, first, _ uint64) { w.words[first+w.offset("runtime.bucket", "nstk")] = 1 << 40 }, 1, "words"},
		{"more than there is", func(w *world, first, _ uint64) { w.words[first+w.offset("runtime.bucket", "nstk")] = 1000 }, 1, "more memory"},
		{"odd address", func(w *world, _, second uint64) { w.words[second+w.offset("runtime.bucket", "allnext")]++ }, 1, "odd"},
		{"no list", func(w *world, _, _ uint64) { delete(w.words, w.global("runtime.mbuckets")) }, 0, "runtime.mbuckets"},
	}
	eachVersion(t, func(t *testing.T, p *program) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				w := p.world(t)
				// The second one lies in front, so that the end of the first is the arena's.
				second := w.bucket(1, 32, []uint64{2}, w.memory(32, [4][2]uint64{{2, 1}})...)
				first := w.bucket(1, 16, []uint64{1}, w.memory(16, [4][2]uint64{{1, 0}})...)
				next := w.offset("runtime.bucket", "allnext")
				w.set("runtime.mbuckets", second)
				w.words[second+next], w.words[first+next] = first, 0
				tt.damage(w, first, second)
				ps, _, gaps := w.read()
				if len(ps.Memory.Buckets) != tt.left {
					t.Errorf("%d buckets are left, want %d", len(ps.Memory.Buckets), tt.left)
				}
				if tt.left > 0 && ps.Memory.Buckets[0].Served != (goprof.Tally{Allocs: 2, Frees: 1}) {
					t.Errorf("the first bucket is %+v", ps.Memory.Buckets[0])
				}
				if len(gaps) != 1 || !strings.Contains(gaps[0].What, tt.gap) || gaps[0].Effect == "" {
					t.Errorf("gaps %+v, want one about %q", gaps, tt.gap)
				}
			})
		}
	})
}

func TestUnknownRate(t *testing.T) {
	w := openProgram(t, binaries(t)[0]).world(t)
	delete(w.words, w.global("runtime.MemProfileRate"))
	ps, _, gaps := w.read()
	if ps.Memory.RateKnown || len(gaps) != 1 {
		t.Errorf("the rate is known: %v; gaps %v", ps.Memory.RateKnown, gaps)
	}
}

// A sample of size S at rate R is drawn with the chance 1-exp(-S/R).
func TestScale(t *testing.T) {
	for _, tt := range []struct {
		count          int64
		size           uint64
		rate           int64
		objects, bytes int64
	}{
		{0, 16, 512 << 10, 0, 0},
		{5, 0, 512 << 10, 0, 0},
		{5, 16, 1, 5, 80},
		{5, 16, 0, 5, 80},
		{-2, 16, 1, -2, -32},
		{1, 16, 512 << 10, 32768, 524296},
		{3, 512 << 10, 512 << 10, 4, 2488234},
		{1, 1 << 30, 512 << 10, 1, 1 << 30},
	} {
		t.Run(fmt.Sprint(tt.count, tt.size, tt.rate), func(t *testing.T) {
			objects, bytes := goprof.Scale(tt.count, tt.size, tt.rate)
			if objects != tt.objects || math.Abs(float64(bytes-tt.bytes)) > 1 {
				t.Errorf("%d objects of %d bytes, want %d of %d", objects, bytes, tt.objects, tt.bytes)
			}
		})
	}
}
