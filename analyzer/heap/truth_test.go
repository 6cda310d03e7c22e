package heap_test

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"postmortem/analyzer"
	"postmortem/analyzer/facts"
	"postmortem/coreread"
	"postmortem/internal/testcores"

	"github.com/google/pprof/profile"
)

// analyze reports on a core with one of its binaries.
func analyze(t testing.TB, c *testcores.Core, binary string, cfg analyzer.Config) (*facts.Document, map[string]*profile.Profile) {
	t.Helper()
	snap, err := coreread.Open(context.Background(), coreread.Config{Core: c.CorePath(t), Binary: binary})
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	doc, written := analyzer.Analyze(context.Background(), snap, cfg)
	if doc.Heap == nil {
		t.Fatalf("no heap: %+v", doc.Completeness.Sections[facts.PartHeap])
	}
	profiles := map[string]*profile.Profile{}
	for _, p := range written {
		var b bytes.Buffer
		if err := p.Write(&b); err != nil {
			t.Fatal(err)
		}
		if profiles[p.Name], err = profile.ParseData(b.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	return doc, profiles
}

// eachHeap runs a test on the cores of processes that know their heap.
func eachHeap(t *testing.T, test func(t *testing.T, c *testcores.Core, truth testcores.Truth)) {
	for _, c := range testcores.All(t) {
		if c.Program == "heap" {
			t.Run(c.Name, func(t *testing.T) {
				t.Parallel()
				test(t, c, c.Truth(t))
			})
		}
	}
}

// TestTypesAreThoseOfTheProcess counts types in cores of processes that know how
// many of each they have.
func TestTypesAreThoseOfTheProcess(t *testing.T) {
	eachHeap(t, func(t *testing.T, c *testcores.Core, truth testcores.Truth) {
		if c.Variant == "w" {
			t.Skip("without DWARF")
		}
		doc, _ := analyze(t, c, c.BinaryPath(t), analyzer.Config{})
		counts := map[string]uint64{}
		for _, row := range doc.Heap.Types {
			if row.Name.Known {
				counts[row.Name.V] = row.Count
			}
		}
		for _, name := range slices.Sorted(maps.Keys(truth.Heap.Live)) {
			if want := uint64(truth.Heap.Live[name]); counts[name] != want {
				t.Errorf("%d objects of type %s, want %d", counts[name], name, want)
			}
		}
		for name := range truth.Heap.Dead {
			if n := counts[name]; n > 0 {
				t.Errorf("%d objects of type %s can be reached, and are garbage", n, name)
			}
		}
		if typed := doc.Heap.TypedBytes.V; typed*100 < doc.Heap.ReachableBytes.V*95 {
			t.Errorf("%d of %d bytes are of known type", typed, doc.Heap.ReachableBytes.V)
		}
	})
}

// TestObjectsAreThoseOfMemStats holds the objects against what the process counted
// right before it died.
func TestObjectsAreThoseOfMemStats(t *testing.T) {
	eachHeap(t, func(t *testing.T, c *testcores.Core, truth testcores.Truth) {
		if c.Scenario != "plain" {
			t.Skip("counted long before it died")
		}
		doc, _ := analyze(t, c, c.BinaryPath(t), analyzer.Config{})
		h := doc.Heap
		slack := max(truth.HeapObjects/1000, 200)
		if d := int64(h.Objects) - int64(truth.HeapObjects); d < -int64(slack) || d > int64(slack) {
			t.Errorf("%d objects, the process counted %d", h.Objects, truth.HeapObjects)
		}
		if !h.Books.Agree.Known || !h.Books.Agree.V {
			t.Errorf("the books do not agree: %+v", h.Books)
		}
		if sum := h.ReachableBytes.V + h.GarbageBytes.V; sum != h.ObjectBytes {
			t.Errorf("reachable and garbage bytes are %d, all are %d", sum, h.ObjectBytes)
		}
	})
}

// TestHoldersRetain holds what variables and goroutines retain against what the
// process gave them.
func TestHoldersRetain(t *testing.T) {
	eachHeap(t, func(t *testing.T, c *testcores.Core, truth testcores.Truth) {
		doc, _ := analyze(t, c, c.BinaryPath(t), analyzer.Config{})
		counted := map[string]int{}
		for _, r := range doc.Heap.Roots {
			if least, ok := truth.Heap.RetainedAtLeast[r.Name.V]; ok && r.Kind == facts.RootGlobal {
				if counted[r.Name.V]++; r.RetainedBytes.V < uint64(least) {
					t.Errorf("%s retains %d bytes, want %d and more", r.Name.V, r.RetainedBytes.V, least)
				}
			}
			own, ok := truth.Heap.GoroutineBytes[r.Name.V]
			if !ok || r.Kind != facts.RootGoroutine {
				continue
			}
			// Besides, the goroutine keeps its runtime.g and what that refers to.
			if counted[r.Name.V]++; r.RetainedBytes.V < uint64(own) || r.RetainedBytes.V > uint64(own)+1024 {
				t.Errorf("goroutine %d of %s retains %d bytes, want %d and its own", r.Goroutine.V, r.Name.V, r.RetainedBytes.V, own)
			}
		}
		for name, want := range truth.Heap.GoroutineCount {
			if _, ok := truth.Heap.GoroutineBytes[name]; ok && counted[name] != want {
				t.Errorf("%d goroutines of %s, want %d", counted[name], name, want)
			}
		}
		for name := range truth.Heap.RetainedAtLeast {
			if counted[name] == 0 {
				t.Errorf("%s is no root", name)
			}
		}
	})
}

// TestWithoutDWARF takes the debug information away: objects, bytes, what is
// reachable and what is retained must be the same.
func TestWithoutDWARF(t *testing.T) {
	eachHeap(t, func(t *testing.T, c *testcores.Core, _ testcores.Truth) {
		if c.Variant == "w" {
			t.Skip("it has none")
		}
		with, _ := analyze(t, c, c.BinaryPath(t), analyzer.Config{})
		without, _ := analyze(t, c, c.StrippedPath(t), analyzer.Config{})
		if without.Completeness.Symbols != facts.SymbolsSymtab {
			t.Fatalf("symbols are %s", without.Completeness.Symbols)
		}
		for _, h := range []*facts.Heap{with.Heap, without.Heap} {
			h.Types, h.TypesTotal, h.Suspects, h.Waste = nil, 0, nil, nil
			h.TypedBytes, h.UnknownTypeBytes, h.TypeConflicts = facts.Maybe[uint64]{}, facts.Maybe[uint64]{}, facts.Maybe[uint64]{}
			for i := range h.Dominators {
				h.Dominators[i].Type, h.Dominators[i].Path = facts.Maybe[string]{}, nil
			}
			for i := range h.LargeObjects.Top {
				h.LargeObjects.Top[i].Type = facts.Maybe[string]{}
			}
			for i := range h.AllocationSites {
				h.AllocationSites[i].RetainingPath = nil
			}
		}
		a, b := marshal(t, with.Heap), marshal(t, without.Heap)
		if a != b {
			t.Errorf("differ: %s", firstDifference(a, b))
		}
	})
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func firstDifference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return strings.Join(as[max(i-3, 0):i+1], "\n") + "\nand\n" + bs[i]
		}
	}
	return "one is longer"
}

// TestRetainedProfile adds up the samples: together they are what is reachable.
func TestRetainedProfile(t *testing.T) {
	eachHeap(t, func(t *testing.T, c *testcores.Core, _ testcores.Truth) {
		doc, profiles := analyze(t, c, c.BinaryPath(t), analyzer.Config{Profiles: true})
		p := profiles["retained"]
		if p == nil {
			t.Fatal("no profile")
		}
		var objects, bytes int64
		for _, s := range p.Sample {
			objects += s.Value[0]
			bytes += s.Value[1]
		}
		if uint64(bytes) != doc.Heap.ReachableBytes.V || uint64(objects) != doc.Heap.ReachableObjects.V {
			t.Errorf("%d objects, %d bytes; reachable are %d, %d", objects, bytes, doc.Heap.ReachableObjects.V, doc.Heap.ReachableBytes.V)
		}
	})
}
