package units_test

import (
	"math"
	"testing"

	"postmortem/internal/units"
)

func TestCount(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 48212: "48,212", 1234567: "1,234,567", -1000: "-1,000", -100: "-100", math.MinInt64: "-9,223,372,036,854,775,808"} {
		if got := units.Count(n); got != want {
			t.Errorf("Count(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 B", 1023: "1023 B", 1024: "1 KiB", 1536: "1.5 KiB", 1 << 20: "1 MiB", 2072317952: "1.93 GiB",
		1023 << 10: "1 MiB", 10 << 20: "10 MiB", 100<<20 + 1<<19: "100 MiB", 150<<20 + 1<<20: "151 MiB", math.MaxUint64: "16 EiB",
	} {
		if got := units.Size(n); got != want {
			t.Errorf("Size(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	const s = int64(1e9)
	for ns, want := range map[int64]string{
		0: "0ns", 999: "999ns", 1500: "1.5µs", 41_000: "41µs", 2_345_678: "2.3ms", 1_999_999_999: "1.9s", 9 * s: "9s", 12*s + 1: "12s",
		60 * s: "1m", 380 * s: "6m20s", 3600 * s: "1h", 3*3600*s + 12*60*s + 59*s: "3h12m", 9*86400*s + 4*3600*s: "9d4h", 86400 * s: "1d", -5: "-5ns", math.MaxInt64: "106751d23h",
	} {
		if got := units.Duration(ns); got != want {
			t.Errorf("Duration(%d) = %s, want %s", ns, got, want)
		}
	}
}

func TestGoroutines(t *testing.T) {
	r := [][2]int64{{1, 1}, {5, 9}, {12, 13}, {20, 29}}
	for n, want := range map[int]string{4: "g1, g5–g9, g12–g13, g20–g29", 2: "g1, g5–g9 … 12 more", 9: "g1, g5–g9, g12–g13, g20–g29"} {
		if got := units.Goroutines(r, n); got != want {
			t.Errorf("Goroutines(%d) = %s, want %s", n, got, want)
		}
	}
}
