package heap_test

import (
	"slices"
	"testing"

	"postmortem/analyzer"
	"postmortem/analyzer/facts"
	"postmortem/internal/testcores"
)

// TestWasteIsThatOfTheProcess looks for what processes wasted on purpose.
func TestWasteIsThatOfTheProcess(t *testing.T) {
	eachHeap(t, func(t *testing.T, c *testcores.Core, truth testcores.Truth) {
		doc, _ := analyze(t, c, c.BinaryPath(t), analyzer.Config{ShowValues: true})
		w := doc.Heap.Waste
		for content, n := range truth.Heap.Duplicates {
			i := slices.IndexFunc(w.DuplicateStrings.Top, func(s facts.DuplicateString) bool { return s.Value.V == content })
			if i < 0 {
				t.Errorf("%q is not among %+v", content, w.DuplicateStrings.Top)
				continue
			}
			// It is longer than 24 bytes, and no longer than 32, which are size classes.
			s := w.DuplicateStrings.Top[i]
			if s.Count != uint64(n) || s.Length != uint64(len(content)) || s.Bytes != uint64(n-1)*32 {
				t.Errorf("%+v, want %d times", s, n)
			}
		}
		if len(truth.Heap.Duplicates) == 0 {
			t.Error("the process has no strings to look for")
		}
		if c.Variant == "w" {
			return
		}
		want := facts.SpareSlice{Type: facts.Some("[n]main.spareElem"), Length: 3, Capacity: 900, Bytes: 897 * 8, Holder: facts.Some("main.spare")}
		i := slices.IndexFunc(w.SpareSlices.Top, func(s facts.SpareSlice) bool { return s.Type == want.Type })
		if i < 0 {
			t.Errorf("no %s in %+v", want.Type.V, w.SpareSlices.Top)
		} else if want.Address = w.SpareSlices.Top[i].Address; w.SpareSlices.Top[i] != want {
			t.Errorf("%+v, want %+v", w.SpareSlices.Top[i], want)
		}
		// 500 entries need 1024 slots, and of these 490 were deleted. A bucket or group
		// has 8 slots of 2 and 8 bytes: in buckets the keys stand together, in groups
		// each slot is padded.
		slot := uint64(8+8*(2+8)+8) / 8
		if c.Minor() >= 24 {
			slot = (8 + 8*(8+8)) / 8
		}
		thin := facts.SparseMap{Type: facts.Some("map[uint16]*main.thinMapValue"), Entries: 10, Capacity: 1024, Bytes: 1014 * slot, Holder: facts.Some("main.thinMap")}
		i = slices.IndexFunc(w.SparseMaps.Top, func(s facts.SparseMap) bool { return s.Type == thin.Type })
		if i < 0 {
			t.Errorf("no %s in %+v", thin.Type.V, w.SparseMaps.Top)
		} else if thin.Address = w.SparseMaps.Top[i].Address; w.SparseMaps.Top[i] != thin {
			t.Errorf("%+v, want %+v", w.SparseMaps.Top[i], thin)
		}
	})
}

// TestWasteHidesContents shows no string that was not asked for.
func TestWasteHidesContents(t *testing.T) {
	c := testcores.Get(t, "heap-plain-1.27.3-plain")
	doc, _ := analyze(t, c, c.BinaryPath(t), analyzer.Config{})
	d := doc.Heap.Waste.DuplicateStrings
	if len(d.Top) == 0 {
		t.Fatal("no duplicates")
	}
	for _, s := range d.Top {
		if s.Value.Known {
			t.Errorf("shows %q", s.Value.V)
		}
	}
}
