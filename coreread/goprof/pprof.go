package goprof

import (
	"bytes"

	"github.com/google/pprof/profile"
)

// Heap returns the heap profile that the process would have written, as
// pprof.Lookup("heap").WriteTo does: the same samples in the same order, the same
// values and labels, stacks that begin behind the allocator's own functions. Only
// the time is another, the last at which the process is known to have lived;
// functions that are not Go's have no line instead of a nameless one; and every
// instance of a generic function has its own name, where Go 1.21.0 to 1.21.5 call
// all by the name of the first. It is nil when the memory profiler never sampled,
// or when the program could not have written it.
func (ps *Profiles) Heap() *profile.Profile {
	m := &ps.Memory
	if len(m.Buckets) == 0 || m.Disabled {
		return nil
	}
	prof := ps.newProfile(&profile.ValueType{Type: "space", Unit: "bytes"}, m.Rate,
		&profile.ValueType{Type: "alloc_objects", Unit: "count"}, &profile.ValueType{Type: "alloc_space", Unit: "bytes"},
		&profile.ValueType{Type: "inuse_objects", Unit: "count"}, &profile.ValueType{Type: "inuse_space", Unit: "bytes"})
	l := newLocations(ps, prof)
	for i := range m.Buckets {
		b := &m.Buckets[i]
		s := &profile.Sample{Location: l.of(ps.allocation(b)), Value: make([]int64, 4)}
		s.Value[0], s.Value[1] = Scale(int64(b.Served.Allocs), b.Size, m.Rate)
		s.Value[2], s.Value[3] = Scale(b.Served.Live(), b.Size, m.Rate)
		if b.Served.Allocs != 0 || !m.hasBytes {
			s.NumLabel = map[string][]int64{"bytes": {int64(b.Size)}}
		}
		prof.Sample = append(prof.Sample, s)
	}
	return prof
}

// Contention returns the block or mutex profile c as the process would have
// written it, with the exceptions that Heap names. Where the frequency of the CPU's
// clock is not known, the delays are in the unit "ticks" instead of "nanoseconds",
// and the ledger of gaps says so. It is nil when no event was sampled.
func (ps *Profiles) Contention(c *Contention) *profile.Profile {
	if len(c.Buckets) == 0 {
		return nil
	}
	unit := "nanoseconds"
	if c.TicksPerSecond == 0 {
		unit = "ticks"
	}
	prof := ps.newProfile(&profile.ValueType{Type: "contentions", Unit: "count"}, 1,
		&profile.ValueType{Type: "contentions", Unit: "count"}, &profile.ValueType{Type: "delay", Unit: unit})
	l := newLocations(ps, prof)
	for i := range c.Buckets {
		b := &c.Buckets[i]
		delay, ok := c.Nanoseconds(b)
		if !ok {
			delay = b.Ticks
		}
		prof.Sample = append(prof.Sample, &profile.Sample{Location: l.of(ps.wait(b)), Value: []int64{b.Count, delay}})
	}
	return prof
}

// newProfile returns a profile without samples.
func (ps *Profiles) newProfile(periodType *profile.ValueType, period int64, types ...*profile.ValueType) *profile.Profile {
	prof := &profile.Profile{SampleType: types, PeriodType: periodType, Period: period, Mapping: ps.mappings()}
	if at, ok := ps.p.Clocks().LastSeen(); ok {
		prof.TimeNanos = at.UnixNano()
	}
	return prof
}

// Bytes returns a profile as a file has it: compressed, and the same bytes for
// the same profile.
func Bytes(p *profile.Profile) ([]byte, error) {
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
