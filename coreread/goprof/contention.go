package goprof

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// rates are the variables that say how much is sampled.
var rates = map[bucketType]string{
	blockProfile: "runtime.blockprofilerate",
	mutexProfile: "runtime.mutexprofilerate",
}

var (
	errImpossible = errors.New("its count of events is impossible")
	errUnmeasured = errors.New("the process had not measured the CPU's clock")
)

// readContention reads a block or mutex profile as the process would have answered
// (runtime/mprof.go, blockProfileInternal and mutexProfileInternal).
func (ps *Profiles) readContention(c *Contention, t bucketType, budget *uint64) {
	rate, known := ps.global(rates[t], 0, 8, "whether the "+lists[t].name+" was on is not known")
	c.Rate = int64(rate)
	scale := int64(1)
	if t == mutexProfile && known && !ps.p.Layout().Has(layout.MutexEventsScaled) {
		scale = c.Rate // runtime/pprof/pprof.go, scaleMutexProfile: by the rate when asked, whatever it was before
	}
	order, o := ps.p.Image.ByteOrder(), &ps.offsets
	ps.eachBucket(t, budget, make(map[image.Addr]uint32), func(f found) {
		count := math.Float64frombits(order.Uint64(f.record[o.count:]))
		if !(count >= 0 && count < 1<<62) {
			ps.bucketGap(t, f.Addr, errImpossible)
			return
		}
		b := ContentionBucket{Bucket: f.Bucket, Count: int64(count), Ticks: int64(order.Uint64(f.record[o.cycles:]))}
		if t == blockProfile && b.Count == 0 {
			b.Count = 1
		}
		b.Count *= scale
		b.Ticks *= scale
		c.Buckets = append(c.Buckets, b)
	})
	slices.SortStableFunc(c.Buckets, func(a, b ContentionBucket) int {
		switch {
		case a.Ticks > b.Ticks:
			return -1
		case a.Ticks < b.Ticks:
			return 1
		}
		return 0
	})
}

// maxTicksPerSecond is more than any CPU's clock has.
const maxTicksPerSecond = 1e12

// ticksPerSecond returns the frequency of the CPU's clock as the process measured
// it (runtime/runtime.go), 0 when it had not.
func (ps *Profiles) ticksPerSecond() int64 {
	const effect = "the delays of block and mutex profiles are in ticks of the CPU's clock, of which no frequency is known"
	s := ps.p.Layout().Struct("runtime.ticksType")
	if s.Err() != nil {
		s = ps.p.Layout().Struct("runtime.ticks") // 1.18: the variable's type has no name
	}
	v, err := ps.variable("runtime.ticks", s.Offset("val"), 8)
	if err == nil {
		err = s.Err()
	}
	if (err != nil || v == 0) && ps.p.GOARCH() == "arm64" {
		return 1e9 // the clock is nanotime (runtime/os_linux_arm64.go, cputicks)
	}
	if err == nil && (v == 0 || v > maxTicksPerSecond) {
		err = errUnmeasured
	}
	if err != nil {
		ps.p.AddGap(gort.Gap{What: fmt.Sprintf("runtime.ticks: %v", err), Effect: effect})
		return 0
	}
	return int64(v)
}

// Nanoseconds returns the delay of a bucket; ok is false when the clock's
// frequency is not known.
func (c *Contention) Nanoseconds(b *ContentionBucket) (ns int64, ok bool) {
	if c.TicksPerSecond <= 0 {
		return 0, false
	}
	return int64(float64(b.Ticks) / (float64(c.TicksPerSecond) / 1e9)), true
}
