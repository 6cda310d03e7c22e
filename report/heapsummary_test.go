package report_test

import (
	"encoding/json"
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/report"
)

// fullHeap is as much of everything as the caps let through.
func fullHeap() *facts.Heap {
	h := leakedHeap()
	h.Types = repeat(h.Types, facts.TypesCap)
	h.Roots = repeat(h.Roots, facts.RootsCap)
	h.Dominators = repeat(h.Dominators, facts.DominatorsCap)
	h.Packages = repeat(h.Packages, facts.PackagesCap)
	h.Goroutines = repeat(h.Goroutines, facts.GoroutinesRetainedCap)
	h.Suspects = repeat(h.Suspects, facts.SuspectsCap)
	h.Arenas = repeat(h.Arenas, facts.ArenasCap)
	h.Spans.ByClass = repeat(h.Spans.ByClass, 136)
	h.AllocationSites = repeat(h.AllocationSites, facts.AllocationSitesCap)
	for i := range h.AllocationSites {
		h.AllocationSites[i].Frames = repeat(crashFrames(), facts.SiteFramesCap)
	}
	w := h.Waste
	w.DuplicateStrings.Top = repeat(w.DuplicateStrings.Top, facts.WasteTopCap)
	w.SpareSlices.Top = repeat(w.SpareSlices.Top, facts.WasteTopCap)
	w.SparseMaps.Top = repeat(w.SparseMaps.Top, facts.WasteTopCap)
	h.LargeObjects.Top = repeat(h.LargeObjects.Top, facts.LargeObjectsCap)
	return h
}

func repeat[T any](list []T, n int) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = list[i%len(list)]
	}
	return out
}

// TestSummaryKeepsTheHeap: the largest heap part leaves room for the stack of the
// crash and the groups, and its own first rows are there.
func TestSummaryKeepsTheHeap(t *testing.T) {
	doc := panicked()
	doc.Heap = fullHeap()
	var got facts.Document
	if err := json.Unmarshal(render(t, doc, report.Config{Format: report.JSONSummary}), &got); err != nil {
		t.Fatal(err)
	}
	h := got.Heap
	for _, l := range []struct {
		name      string
		got, want int
	}{
		{"types", len(h.Types), 20}, {"dominators", len(h.Dominators), 10}, {"suspects", len(h.Suspects), 5}, {"roots", len(h.Roots), 10},
		{"allocation sites", len(h.AllocationSites), 2}, {"accounting", len(h.Accounting), 5},
		{"frames of the crash", len(got.Crash.Frames), len(doc.Crash.Frames)}, {"groups", len(got.Goroutines.Groups), len(doc.Goroutines.Groups)},
		{"frames of a group", len(got.Goroutines.Groups[0].Frames), len(doc.Goroutines.Groups[0].Frames)},
	} {
		if l.got < l.want {
			t.Errorf("%d %s are kept, want %d", l.got, l.name, l.want)
		}
	}
}
