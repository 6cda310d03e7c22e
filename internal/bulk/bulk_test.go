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

func TestTrim(t *testing.T) {
	for _, n := range []int{0, 5, 100, 2_999_000, 3_000_001} {
		s := bulk.Make[uint32](3_000_001)
		for i := range s {
			s[i] = uint32(i)
		}
		s = bulk.Trim(s, n)
		if len(s) != n || cap(s) != n {
			t.Fatalf("%d of %d elements, want %d", len(s), cap(s), n)
		}
		for i := range s {
			if s[i] != uint32(i) {
				t.Fatalf("element %d of %d is %d", i, n, s[i])
			}
		}
	}
}
