package values

import (
	"go/constant"
	"time"

	"github.com/go-delve/delve/pkg/proc"
)

// Layout of time.Time, unchanged since Go 1.9 (time/time.go, "type Time struct"): the top bit of wall says that it
// also holds seconds since 1885 (33 bits, above 30 bits of nanoseconds), and ext the monotonic clock; without it ext
// holds seconds since year 1.
const (
	hasMonotonic     = 1 << 63
	nanosecondBits   = 30
	secondsTo1885    = 59453308800  // from year 1
	secondsFrom1970  = -62135596800 // of year 1
	timeType         = "time.Time"
	displayPrecision = time.RFC3339Nano
)

// wallClock returns a loaded time.Time in UTC. Delve's own text depends on the host's time zone database.
func wallClock(v *proc.Variable) (string, bool) {
	if v.TypeString() != timeType {
		return "", false
	}
	wallText, ok1 := field(v.Children, "wall")
	extText, ok2 := field(v.Children, "ext")
	if !ok1 || !ok2 {
		return "", false
	}
	wall, ok1 := constant.Uint64Val(wallText)
	ext, ok2 := constant.Int64Val(extText)
	if !ok1 || !ok2 {
		return "", false
	}
	nsec := int64(wall & (1<<nanosecondBits - 1))
	sec := ext
	if wall&hasMonotonic != 0 {
		sec = int64(wall<<1>>(nanosecondBits+1)) + secondsTo1885
	}
	if sec == 0 && nsec == 0 {
		return "0001-01-01T00:00:00Z", true
	}
	t := time.Unix(sec+secondsFrom1970, nsec).UTC()
	if y := t.Year(); y < 1 || y > 9999 {
		return "", false // not a time that anyone meant: the fields say more
	}
	return t.Format(displayPrecision), true
}

// field returns the loaded integer field of that name.
func field(fields []proc.Variable, name string) (constant.Value, bool) {
	for i := range fields {
		f := &fields[i]
		if f.Name == name && f.Unreadable == nil && f.Value != nil && f.Value.Kind() == constant.Int {
			return f.Value, true
		}
	}
	return nil, false
}

func duration(ns int64) string { return time.Duration(ns).String() }
