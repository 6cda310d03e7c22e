// Package units writes numbers, sizes, durations and goroutine ids as people read
// them, in one way for reports and findings. It knows nothing of what they count.
package units

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Count writes a number with thousands separators: 48,212.
func Count[T int | int64 | uint64](n T) string {
	s := fmt.Sprint(n)
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if neg {
		return "-" + s
	}
	return s
}

// Plural writes "1 goroutine", "2 goroutines".
func Plural[T int | int64 | uint64](n T, one string) string {
	if n == 1 {
		return "1 " + one
	}
	if strings.HasSuffix(one, "s") {
		return Count(n) + " " + one + "es"
	}
	return Count(n) + " " + one + "s"
}

// Size writes bytes in IEC units: 512 B, 1.5 KiB, 1.93 GiB.
func Size(n uint64) string {
	if n < 1<<10 {
		return strconv.FormatUint(n, 10) + " B"
	}
	v, units := float64(n)/1024, "KMGTPE"
	for v >= 999.5 && len(units) > 1 { // 1000 KiB would need a fourth digit
		v /= 1024
		units = units[1:]
	}
	digits := 0
	switch {
	case v < 9.995:
		digits = 2
	case v < 99.95:
		digits = 1
	}
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s + " " + units[:1] + "iB"
}

// Duration writes nanoseconds with the two largest units: 9d4h, 3h12m, 6m20s,
// 12s, 1.5ms.
func Duration(ns int64) string {
	if ns < 0 {
		return "-" + Duration(max(-ns, 0))
	}
	d := time.Duration(ns)
	pair := func(big, small time.Duration, b, s string) string {
		if n := d % big / small; n > 0 {
			return fmt.Sprintf("%d%s%d%s", d/big, b, n, s)
		}
		return fmt.Sprintf("%d%s", d/big, b)
	}
	const day = 24 * time.Hour
	switch {
	case d >= day:
		return pair(day, time.Hour, "d", "h")
	case d >= time.Hour:
		return pair(time.Hour, time.Minute, "h", "m")
	case d >= time.Minute:
		return pair(time.Minute, time.Second, "m", "s")
	case d >= 10*time.Second:
		return fmt.Sprintf("%ds", d/time.Second)
	case d >= time.Second:
		return fraction(ns, time.Second) + "s"
	case d >= time.Millisecond:
		return fraction(ns, time.Millisecond) + "ms"
	case d >= time.Microsecond:
		return fraction(ns, time.Microsecond) + "µs"
	}
	return fmt.Sprintf("%dns", ns)
}

// fraction writes ns in a unit with at most one decimal, cut, not rounded: wait
// times are lower bounds.
func fraction(ns int64, unit time.Duration) string {
	whole, tenth := ns/int64(unit), ns%int64(unit)*10/int64(unit)
	if tenth == 0 || whole >= 100 {
		return strconv.FormatInt(whole, 10)
	}
	return fmt.Sprintf("%d.%d", whole, tenth)
}

// Goroutine writes a goroutine's id: g17.
func Goroutine(id int64) string { return "g" + strconv.FormatInt(id, 10) }

// Goroutines writes ranges of ids, both ends inclusive, compactly and at most n of
// them: g1, g5–g9, … 12 more.
func Goroutines(ranges [][2]int64, n int) string {
	var b strings.Builder
	var rest int64
	for i, r := range ranges {
		if i >= n {
			rest += max(r[1]-r[0]+1, 0)
			continue
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(Goroutine(r[0]))
		if r[1] > r[0] {
			b.WriteString("–" + Goroutine(r[1]))
		}
	}
	if rest > 0 {
		fmt.Fprintf(&b, " … %s more", Count(rest))
	}
	return b.String()
}
