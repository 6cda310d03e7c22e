package typing

import (
	"math/rand/v2"
	"testing"
)

// TestTinyExtents puts random strings into a block: what overlaps is one, what
// adjoins is not.
func TestTinyExtents(t *testing.T) {
	for range 20_000 {
		var joined [16]bool // byte i and the next are of one string
		var covered [17]bool
		var extent Extent
		for range rand.IntN(6) {
			at := rand.IntN(16)
			n := 1 + rand.IntN(16-at)
			extent |= tinyExtent(uint64(at), uint64(n))
			for i := at; i < at+n; i++ {
				covered[i] = true
				joined[i] = joined[i] || i+1 < at+n
			}
		}
		for i := 0; i < 16; {
			if !covered[i] {
				i++
				continue
			}
			n := 1
			for joined[i+n-1] {
				n++
			}
			if at, got, _ := extent.TinyFrom(uint(i)).CutTiny(); at != 0 || got != uint64(n) {
				t.Fatalf("%#x: a string of %d bytes at %d from %d, want %d", extent, got, at, i, n)
			}
			var at, got uint64
			rest := extent
			if at, got, extent = extent.CutTiny(); at != uint64(i) || got != uint64(n) {
				t.Fatalf("%#x: %d bytes at %d, want %d at %d", rest, got, at, n, i)
			}
			i += n
			// What was cut off must not come back.
			for j := range i {
				covered[j] = false
			}
			if extent != restOf(covered, joined, i) {
				t.Fatalf("%#x leaves %#x", rest, extent)
			}
		}
		if extent != 0 {
			t.Fatalf("%#x is left", extent)
		}
	}
}

// restOf writes down the extent of what lies from a byte on.
func restOf(covered [17]bool, joined [16]bool, from int) (extent Extent) {
	for i := from; i < 16; i++ {
		if covered[i] {
			extent |= 1 << i
		}
		if joined[i] {
			extent |= 1 << (16 + i)
		}
	}
	return extent
}
