package typing

import (
	"postmortem/coreread/goheap"
	"postmortem/coreread/image"
)

// region is memory of a known type that is no object of its own.
type region struct {
	addr  image.Addr
	bytes uint64
	entry index
	class Class
}

// place tells regions apart.
type place struct {
	addr  image.Addr
	entry index
}

// maxFollowed bounds how many such places are followed.
const maxFollowed = 1 << 20

// outside has memory outside of the heap's objects scanned that a claim gives a
// type: statically made values, stacks, the runtime's own memory.
func (f *inference) outside(addr image.Addr, c *claim) {
	if f.entries[c.entry].pointers && !f.constant(addr) {
		f.outer = f.enter(f.outer, addr, c)
	}
}

// enter adds a region to a list, once.
func (f *inference) enter(list []region, addr image.Addr, c *claim) []region {
	at := place{addr, c.entry}
	if _, known := f.followed[at]; known {
		return list
	}
	if len(f.followed) >= maxFollowed {
		f.incomplete = "there are too many pointers into the middle of objects and outside of the heap"
		return list
	}
	f.followed[at] = struct{}{}
	return append(list, region{addr, c.bytes, c.entry, c.class})
}

// constant reports whether an address is in the binary's read-only memory.
func (f *inference) constant(a image.Addr) bool {
	for _, r := range f.readOnly {
		if r.Contains(a) {
			return true
		}
	}
	return false
}

// outsideHeap scans the regions outside of the heap that were found.
func (f *inference) outsideHeap() {
	for len(f.outer) > 0 {
		list := f.outer
		f.outer = nil
		for i := range list {
			f.scanRegion(&list[i])
		}
		f.flush()
	}
}

// scanRegion scans memory that a typed pointer led to.
func (f *inference) scanRegion(r *region) {
	mem, err := f.image.Bytes(r.addr, r.bytes)
	if err != nil || !f.charge(r.bytes) {
		return
	}
	if i, ok := f.heap.SpanIndex(r.addr); ok && !f.heap.Spans[i].InUse() {
		if f.stackAgrees(&f.entries[r.entry], r.addr, mem) {
			f.scanStack(r.entry, r.addr, mem, min(r.class, Part))
		}
		return
	}
	f.scan(r.entry, r.addr, mem)
}

// follow remembers a typed part of an object that has no type of its own.
func (f *inference) follow(addr image.Addr, c *claim, word Key) {
	if word == 0 && f.entries[c.entry].pointers && f.entries[c.entry].form == Single {
		f.later = f.enter(f.later, addr, c)
	}
}

// maxRounds bounds how often what was found last is used to find more.
const maxRounds = 64

// settle uses the evidence that only counts where there is no better.
func (f *inference) settle() {
	for range maxRounds {
		found := f.followParts()
		found = f.shapes() || found
		if !found || f.ctx.Err() != nil {
			return
		}
		f.run()
	}
}

// followParts scans the typed parts of objects that have still no type.
func (f *inference) followParts() bool {
	list := f.later
	f.later = nil
	for i := range list {
		r := &list[i]
		o, off, ok := f.heap.Find(r.addr)
		if !ok || f.words[o] != 0 || off < 0 {
			continue
		}
		mem := f.heap.Memory(o)
		if uint64(off)+r.bytes > uint64(len(mem)) || !f.partAgrees(o, uint64(off), r) || !f.charge(r.bytes) {
			continue
		}
		f.scan(r.entry, r.addr, mem[off:uint64(off)+r.bytes])
	}
	f.flush()
	return f.queued > 0 || len(f.outer) > 0 || len(f.later) > 0
}

// partAgrees reports whether the pointers of a part of an object are those of its type.
func (f *inference) partAgrees(o goheap.Object, off uint64, r *region) bool {
	e := &f.entries[r.entry]
	if off%8 != 0 || e.words > 64 {
		return false
	}
	s := f.heap.SpanOf(o)
	words := (s.ElemBytes - s.Header) / 8
	if s.NoScan || off/8+e.words > words {
		return false
	}
	first := uint64(f.heap.Address(o)-s.Start)/8 + off/8
	var have [2]uint64
	f.heap.PointerWords(s, first&^63, have[:])
	shift := first % 64
	got := have[0]>>shift | have[1]<<(64-shift)
	return (got^e.mask)&lowBits(min(e.words, 64)) == 0
}
