// Package goprof is what the runtime's own profilers had recorded when a process
// died: which code allocated memory, waited, and held contended mutexes, and
// which objects of the heap the memory profiler had sampled.
//
// It reads no CPU profile and no trace, and of the heap nothing but the records
// that tie an object to its sample; what else the heap holds is goheap's.
package goprof

import (
	"errors"
	"fmt"

	"postmortem/coreread/exe"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// Profiles are the profiles that were in a process's memory. Its methods are not
// safe for concurrent use: they share a cache of decoded program counters.
type Profiles struct {
	Memory Memory
	// Block says where goroutines waited, Mutex who made others wait. They are
	// empty unless the program asked for them.
	Block, Mutex Contention

	p       *gort.Process
	offsets offsets
	calls   calls
	byAddr  map[image.Addr]uint32 // index in Memory.Buckets
}

// Bucket is one stack of a profile: the runtime.bucket, which all events at that
// stack share.
type Bucket struct {
	Addr  image.Addr
	depth uint32 // words of its stack, which follows the header
}

// Memory is the profile of allocations. Its counts are of samples; Scale
// turns them into an estimate of all.
type Memory struct {
	// Rate is runtime.MemProfileRate: one sample in so many bytes, on average. 1
	// samples every object; 0 means that the program never sampled, or no longer did.
	Rate int64
	// RateKnown is whether Rate could be read.
	RateKnown bool
	// Disabled is whether the linker found that nothing in the program asks for the
	// profile: the runtime then sets Rate to 0. Newer versions (1.25) sample the
	// first object all the same, before they come to it.
	Disabled bool
	Buckets  []MemoryBucket // newest stack first

	hasBytes bool // the runtime counts bytes too
}

// MemoryBucket is the samples of objects of one size that were allocated at one stack.
type MemoryBucket struct {
	Bucket
	Size uint64 // bytes of each object's slot
	// Served is what the process would have answered when asked for its heap
	// profile: it is complete as of the end of a collection, one or two ago. Later
	// is what it would have withheld until further collections are over.
	Served, Later Tally
}

// Tally counts sampled objects since the process began.
type Tally struct {
	Allocs, Frees uint64
}

// Live is how many of the objects had not been freed.
func (t Tally) Live() int64 { return int64(t.Allocs - t.Frees) }

func (t Tally) plus(u Tally) Tally { return Tally{t.Allocs + u.Allocs, t.Frees + u.Frees} }

// Contention is a block or a mutex profile.
type Contention struct {
	// Rate is how much was sampled when the process died: of the block profile, one
	// event in so many ticks of waiting; of the mutex profile, one of so many
	// events. 0 is nothing (any more).
	Rate    int64
	Buckets []ContentionBucket // longest wait first
	// TicksPerSecond is the frequency of the clock that Ticks are of. It is 0 when
	// the process had not measured it: it does so when first asked for such a
	// profile, or when a block rate above 1 is set.
	TicksPerSecond int64
}

// ContentionBucket is the events at one stack, scaled so that they stand for all
// events, sampled or not.
type ContentionBucket struct {
	Bucket
	Count int64
	Ticks int64 // waited, of the CPU's clock
}

// Read reads the profiles of p. What could not be read is a gap of p; what is
// left is what could.
func Read(p *gort.Process) *Profiles {
	ps := &Profiles{p: p, calls: newCalls(p), byAddr: make(map[image.Addr]uint32)}
	if err := ps.offsets.bind(p.Layout()); err != nil {
		p.AddGap(gort.Gap{What: fmt.Sprintf("profiles: %v", err), Effect: "the process's own profiles are missing"})
		return ps
	}
	budget := imageBytes(p.Image)
	ps.readMemory(&budget)
	ps.readContention(&ps.Block, blockProfile, &budget)
	ps.readContention(&ps.Mutex, mutexProfile, &budget)
	if len(ps.Block.Buckets)+len(ps.Mutex.Buckets) > 0 {
		ps.Block.TicksPerSecond = ps.ticksPerSecond()
		ps.Mutex.TicksPerSecond = ps.Block.TicksPerSecond
	}
	return ps
}

// imageBytes is how much memory there is: no honest list of buckets takes more.
func imageBytes(m *image.Image) uint64 {
	var n uint64
	for _, s := range m.Segments() {
		n += s.Len()
	}
	return n
}

// global reads a variable of the runtime of n bytes, 1, 4 or 8, that lies offset bytes
// behind name. Without it the report has the effect; but what the linker left out
// of the program since nothing there uses it is no loss.
func (ps *Profiles) global(name string, offset, n uint64, effect string) (uint64, bool) {
	v, err := ps.variable(name, offset, n)
	if errors.Is(err, exe.ErrNoSymbol) {
		return 0, false
	}
	if err != nil {
		ps.p.AddGap(gort.Gap{What: fmt.Sprintf("%s: %v", name, err), Effect: effect})
		return 0, false
	}
	return v, true
}

func (ps *Profiles) variable(name string, offset, n uint64) (uint64, error) {
	static, _, err := ps.p.Exe.Global(name)
	if err != nil {
		return 0, err
	}
	at := static.Add(ps.p.Bias) + image.Addr(offset)
	switch n {
	case 1:
		v, err := ps.p.Image.Uint8(at)
		return uint64(v), err
	case 4:
		v, err := ps.p.Image.Uint32(at)
		return uint64(v), err
	}
	return ps.p.Image.Uint64(at)
}

// offsets are where the fields are that this package reads, in bytes.
type offsets struct {
	header, next, typ, size, depth uint64 // runtime.bucket
	record                         uint64 // bytes of a memRecord, which follows the stack
	active, allocs, frees          uint64
	hasBytes                       bool
	future                         layout.Array
	blockRecord, count, cycles     uint64
	special, nextSpecial           uint64 // runtime.special
	at                             layout.Field
	kind, bucket                   uint64
}

func (o *offsets) bind(l *layout.Layout) error {
	b := l.Struct("runtime.bucket")
	o.header, o.next, o.typ, o.size, o.depth = b.Size(), b.Offset("allnext"), b.Offset("typ"), b.Offset("size"), b.Offset("nstk")
	m := l.Struct("runtime.memRecord")
	o.record, o.active, o.future = m.Size(), m.Offset("active"), m.Array("future")
	c := l.Struct("runtime.memRecordCycle")
	o.allocs, o.frees = c.Offset("allocs"), c.Offset("frees")
	_, o.hasBytes = c.Optional("alloc_bytes")
	w := l.Struct("runtime.blockRecord")
	o.blockRecord, o.count, o.cycles = w.Size(), w.Offset("count"), w.Offset("cycles")
	s := l.Struct("runtime.special")
	o.special, o.nextSpecial, o.at, o.kind = s.Size(), s.Offset("next"), s.Field("offset"), s.Offset("kind")
	p := l.Struct("runtime.specialprofile")
	o.bucket = p.Offset("b")
	for _, s := range []*layout.Struct{b, m, c, w, s, p} {
		if err := s.Err(); err != nil {
			return err
		}
	}
	return nil
}
