package bulk_test

import (
	"testing"

	"postmortem/internal/bulk"
)

func TestMake(t *testing.T) {
	for _, n := range []int{0, 1, 1000, 1 << 20, 1<<20 + 7, 3_000_001} {
		s := bulk.Make[uint64](n)
		if len(s) != n {
			t.Fatalf("%d elements, want %d", len(s), n)
		}
		for i := range s {
			if s[i] != 0 {
				t.Fatalf("element %d of %d is %d", i, n, s[i])
			}
			s[i] = uint64(i)
		}
		for i := range s {
			if s[i] != uint64(i) {
				t.Fatalf("element %d of %d is %d", i, n, s[i])
			}
		}
	}
}

func TestWhenMade(t *testing.T) {
	calls := 0
	bulk.WhenMade(0, func() { calls++ })
	for range 3 {
		bulk.Make[uint64](1000) // too small to count
	}
	if calls != 0 {
		t.Errorf("%d calls for small arrays", calls)
	}
	for range 3 {
		bulk.Make[uint64](1 << 20)
	}
	if calls != 1 {
		t.Errorf("%d calls for large arrays, want one", calls)
	}
}
