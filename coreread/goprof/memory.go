package goprof

import (
	"math"

	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// The runtime counts what is allocated and freed by cycles of the collector, so
// that a profile never has allocations whose frees it cannot have yet
// (runtime/mprof.go, memRecord): in cycle C allocations go to future[(C+2)%3] and
// frees to future[(C+1)%3]; after mark termination future[C%3] moves to active.
// runtime.GC moves future[(C+1)%3] too when it has swept.
//
// What the process would have answered (memProfileInternal) is active with
// future[C%3], since the answer begins by moving it. Only if all that is zero, no
// collection having ended yet, is it everything. The answer here differs in that
// nothing is moved: asking a living process twice, before its first collection,
// shows the first answer again, not the second state. And a process that died
// while it moved counts could have one stack's counts twice; memory does not tell.

const cycles = 3

func (ps *Profiles) readMemory(budget *uint64) {
	m := &ps.Memory
	m.hasBytes = ps.offsets.hasBytes
	rate, ok := ps.global("runtime.MemProfileRate", 0, 8, "the memory profile counts samples only: how many allocations one stands for is not known")
	m.Rate, m.RateKnown = int64(rate), ok
	disabled, _ := ps.global("runtime.disableMemoryProfiling", 0, 1, "whether the program can profile its memory is not known")
	m.Disabled = disabled != 0
	current, known := ps.cycle()
	collected := false
	ps.eachBucket(memoryProfile, budget, ps.byAddr, func(f found) {
		ps.byAddr[f.Addr] = uint32(len(m.Buckets))
		b := MemoryBucket{Bucket: f.Bucket, Size: f.size, Served: ps.tally(f.record, ps.offsets.active)}
		for i := range uint64(cycles) {
			t := ps.tally(f.record, ps.offsets.future.Offset+i*ps.offsets.future.Stride)
			if known && i == current {
				b.Served = b.Served.plus(t)
			} else {
				b.Later = b.Later.plus(t)
			}
		}
		collected = collected || b.Served != Tally{}
		m.Buckets = append(m.Buckets, b)
	})
	if collected {
		return
	}
	for i := range m.Buckets {
		b := &m.Buckets[i]
		b.Served, b.Later = b.Later, Tally{}
	}
}

// cycle returns which element of future the current cycle is.
func (ps *Profiles) cycle() (uint64, bool) {
	const effect = "the heap profile may lack the newest of the collections that are over"
	if ps.p.Layout().Has(layout.ProfileCycleHasFlag) {
		v, ok := ps.global("runtime.mProfCycle", 0, 4, effect)
		return (v >> 1) % cycles, ok
	}
	s := ps.p.Layout().Struct("runtime.mProf")
	v, ok := ps.global("runtime.mProf", s.Offset("cycle"), 4, effect)
	return v % cycles, ok && s.Err() == nil
}

// tally reads a memRecordCycle. The bytes that older versions keep beside the
// counts are always the counts times the bucket's size.
func (ps *Profiles) tally(record []byte, at uint64) Tally {
	order := ps.p.Image.ByteOrder()
	return Tally{
		Allocs: order.Uint64(record[at+ps.offsets.allocs:]),
		Frees:  order.Uint64(record[at+ps.offsets.frees:]),
	}
}

// BucketAt returns the index in Memory.Buckets of the runtime.bucket at an
// address, such as a profile record of an object names.
func (ps *Profiles) BucketAt(a image.Addr) (int, bool) {
	i, ok := ps.byAddr[a]
	return int(i), ok
}

// Scale estimates how many objects of a size, and how many bytes, there were when
// count of them were sampled at a rate: a sample stands for as many as the chance
// of being sampled was small (runtime/pprof/protomem.go, scaleHeapSample). At a
// rate of 1 or less nothing is estimated.
func Scale(count int64, size uint64, rate int64) (objects, bytes int64) {
	if count == 0 || size == 0 {
		return 0, 0
	}
	total := count * int64(size)
	if rate <= 1 {
		return count, total
	}
	scale := 1 / (1 - math.Exp(-float64(size)/float64(rate)))
	return int64(float64(count) * scale), int64(float64(total) * scale)
}
