package goheap_test

import (
	"context"
	"testing"

	"postmortem/coreread"
	"postmortem/coreread/goheap"
	"postmortem/coreread/gotypes"
	"postmortem/internal/testcores"
)

// TestBooksAgree holds the three books of allocated slots against each other in
// every core whose heap is whole.
func TestBooksAgree(t *testing.T) {
	for _, c := range testcores.All(t) {
		if c.Cut != 0 {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			h := read(t, c)
			if h.Objects() == 0 || !h.Whole || h.Lost != 0 {
				t.Fatalf("%d objects, whole %v, %d bytes lost", h.Objects(), h.Whole, h.Lost)
			}
			b := h.Books()
			if b.Statistics == nil {
				t.Fatal("no statistics")
			}
			if !b.Agree() {
				t.Errorf("slots %v, alloc counts %v, statistics %v", b.Slots, b.AllocCount, *b.Statistics)
			}
		})
	}
}

func read(t *testing.T, c *testcores.Core) *goheap.Heap {
	t.Helper()
	snap := open(t, c)
	u, err := gotypes.New(snap.Runtime)
	if err != nil {
		t.Fatal(err)
	}
	h, err := goheap.Read(snap.Runtime, u)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func open(t testing.TB, c *testcores.Core) *coreread.Snapshot {
	t.Helper()
	snap, err := coreread.Open(context.Background(), coreread.Config{Core: c.CorePath(t), Binary: c.BinaryPath(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := snap.Close(); err != nil {
			t.Error(err)
		}
	})
	return snap
}
