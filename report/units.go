package report

import (
	"strconv"
	"time"

	"postmortem/analyzer/facts"
	"postmortem/internal/units"
)

func count[T int | int64 | uint64](n T) string              { return units.Count(n) }
func plural[T int | int64 | uint64](n T, one string) string { return units.Plural(n, one) }
func size(n uint64) string                                  { return units.Size(n) }
func duration(ns int64) string                              { return units.Duration(ns) }
func goid(id int64) string                                  { return units.Goroutine(id) }
func idRanges(ranges [][2]int64, n int) string              { return units.Goroutines(ranges, n) }

// hex writes an address.
func hex(w facts.Word) string { return "0x" + strconv.FormatUint(uint64(w), 16) }

// clock writes an RFC 3339 time shorter: 2026-11-20 02:41:07Z. What is no such
// time is left as it is.
func clock(s string) string {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return s
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}
