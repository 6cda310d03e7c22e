package leaks_test

import (
	"slices"
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/analyzer/frames"
	"postmortem/analyzer/groups"
	"postmortem/analyzer/heap"
	"postmortem/analyzer/leaks"
	"postmortem/coreread"
	"postmortem/coreread/gopoll"
	"postmortem/coreread/gosync"
	"postmortem/internal/testcores"
)

// find finds the leaks in a core, and returns the verdict and the reason by goroutine.
func find(t testing.TB, c *testcores.Core) (*facts.Leaks, map[int64]facts.LeakGroup) {
	t.Helper()
	found, byID, err := tryFind(t, c.CorePath(t), c.BinaryPath(t))
	if err != nil {
		t.Fatal(err)
	}
	return found, byID
}

// tryFind is find for a core of which parts may be missing.
func tryFind(t testing.TB, core, binary string) (*facts.Leaks, map[int64]facts.LeakGroup, error) {
	t.Helper()
	snap, err := coreread.Open(t.Context(), coreread.Config{Core: core, Binary: binary})
	if err != nil {
		return nil, nil, err
	}
	defer snap.Close()
	builder := frames.NewBuilder(snap.Runtime, frames.NewModules(nil, nil))
	goroutines := groups.Collect(t.Context(), snap.Runtime, builder, groups.Options{Clocks: snap.Runtime.Clocks()}).Goroutines
	h, err := heap.Analyze(t.Context(), snap, heap.Options{Goroutines: goroutines, Frames: builder, Workers: 2})
	if err != nil {
		return nil, nil, err
	}
	sync, err := gosync.New(snap.Runtime)
	if err != nil {
		return nil, nil, err
	}
	poll, err := gopoll.New(snap.Runtime)
	if err != nil {
		return nil, nil, err
	}
	found, err := leaks.Find(t.Context(), h, sync, poll, goroutines)
	if err != nil {
		return nil, nil, err
	}
	byID := map[int64]facts.LeakGroup{}
	for _, g := range found.Groups {
		for _, r := range g.GoidRanges {
			for id := r[0]; id <= r[1]; id++ {
				byID[id] = g
			}
		}
	}
	return found, byID, nil
}

// TestProvenIsWhatTheRuntimeFinds compares the verdicts with the goroutineleak
// profile that the process took of itself, and where there is none with what the
// program knows by construction.
func TestProvenIsWhatTheRuntimeFinds(t *testing.T) {
	for _, c := range testcores.All(t) {
		if c.Program != "waits" {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			truth := c.Truth(t).Waits
			found, verdicts := find(t, c)
			if found.NotProven.Known {
				t.Fatalf("nothing can be proven: %s", found.NotProven.V)
			}
			leaked := 0
			for _, g := range truth.Goroutines {
				want := g.Verdict == testcores.VerdictLeaked
				if truth.Profiled {
					want = slices.Contains(truth.Profile, g.ID)
				}
				if want {
					leaked++
				}
				switch got := verdicts[g.ID]; {
				case g.ID == 1 && g.Op == "select-none":
				case g.Shape == "channel in a sync.Pool": // which a collection since the profile may have emptied
				case want != (got.Verdict == facts.ConfidenceProven):
					t.Errorf("goroutine %d (%s): %q (%s), leaked %v", g.ID, g.Shape, got.Verdict, got.Reason, want)
				case g.Verdict == testcores.VerdictLive && got.Verdict != "":
					t.Errorf("goroutine %d (%s) is alive: %q (%s)", g.ID, g.Shape, got.Verdict, got.Reason)
				}
				if v := verdicts[g.ID]; g.Verdict == testcores.VerdictBlind {
					t.Logf("goroutine %d (%s): %q %s %q", g.ID, g.Shape, v.Verdict, v.Reason, v.Path)
				}
			}
			if leaked == 0 || found.Proven == 0 {
				t.Errorf("%d leaked goroutines, %d proven", leaked, found.Proven)
			}
		})
	}
}
