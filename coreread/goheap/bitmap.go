package goheap

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"

	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// arenaBitmap is the pointer bitmap of one arena, until Go 1.21: a part of its
// heapArena. Absent parts of it are nil.
type arenaBitmap struct {
	bitmap []byte
	noMore []byte // one bit for each 64 bits of the bitmap; 1.20 and 1.21
}

// Words of the heap that an arena has.
const arenaWords = layout.ArenaBytes / 8

// bindBitmaps finds the arenas' bitmaps where the version has them.
func (h *Heap) bindBitmaps(mheap image.Addr) error {
	o := &h.offsets
	if h.headers {
		return nil
	}
	if !o.bitmap.present {
		return fmt.Errorf("runtime.heapArena of %s has no pointer bitmap", h.process.Exe.GoVersion())
	}
	c := h.process.Image.Cursor()
	table := c.Addr(mheap + image.Addr(o.arenas))
	if err := c.Err(); err != nil {
		return fmt.Errorf("reading runtime.mheap_.arenas: %w", err)
	}
	base := image.Addr(h.process.Layout().ArenaBaseOffset())
	h.bitmaps = make([]arenaBitmap, len(h.Arenas))
	for i, r := range h.Arenas {
		at, err := h.process.Image.Addr(table + image.Addr(uint64(r.Start-base)/layout.ArenaBytes*8))
		if err != nil || at == 0 {
			h.gap("pointer bitmap of a heap arena", r.Start, layout.ArenaBytes)
			continue
		}
		b := &h.bitmaps[i]
		if b.bitmap, err = h.process.Image.Bytes(at+image.Addr(o.bitmap.at), o.bitmap.size); err != nil {
			b.bitmap = h.process.Image.Present(image.Range{Start: at + image.Addr(o.bitmap.at), End: at + image.Addr(o.bitmap.at+o.bitmap.size)})
			h.gap("pointer bitmap of a heap arena", at+image.Addr(o.bitmap.at), o.bitmap.size-uint64(len(b.bitmap)))
		}
		if o.noMorePointers.present {
			if b.noMore, err = h.process.Image.Bytes(at+image.Addr(o.noMorePointers.at), o.noMorePointers.size); err != nil {
				b.bitmap = nil
				h.gap("pointer bitmap of a heap arena", at+image.Addr(o.noMorePointers.at), o.noMorePointers.size)
			}
		}
	}
	return nil
}

// obletWords is how many words of a large object the collector scans at a time
// (mgcmark.go, maxObletBytes).
const obletWords = 128 << 10 / 8

// nowhereBitmap is that of memory outside of the arenas.
var nowhereBitmap arenaBitmap

// bitmapOf returns the bitmap of the arena that holds an address.
func (h *Heap) bitmapOf(a image.Addr) *arenaBitmap {
	start := a &^ (layout.ArenaBytes - 1)
	i, ok := slices.BinarySearchFunc(h.Arenas, start, func(r image.Range, a image.Addr) int { return cmp.Compare(r.Start, a) })
	if !ok {
		return &nowhereBitmap
	}
	return &h.bitmaps[i]
}

// arenaPointers reads the bitmaps of the arenas that the span lies in.
func (h *Heap) arenaPointers(s *Span, from uint64, into []uint64) {
	first := uint64(s.Start) / 8
	two := !h.offsets.noMorePointers.present
	to := from + 64*uint64(len(into))
	h.eachSlot(s, from, to, func(_, at uint64) {
		end := at + s.ElemBytes/8
		if s.Class == 0 && from > at {
			// The collector, too, begins at any piece of a large object.
			at += (from - at) / obletWords * obletWords
		}
		if two {
			h.twoBitPointers(first+at, first+min(end, to), first+from, into)
		} else {
			h.oneBitPointers(first+at, first+end, first+from, into)
		}
	})
}

// twoBitPointers reads the bits of the words [at, end), counted from address 0:
// each byte has the pointer bits of four words and above them their scan bits; a
// scan bit of 0 says that the object has no more pointers (mbitmap.go, 1.18).
func (h *Heap) twoBitPointers(at, end, from uint64, into []uint64) {
	var m *arenaBitmap
	for at < end {
		word := at % arenaWords
		if m == nil || word == 0 {
			m = h.bitmapOf(image.Addr(at * 8))
		}
		n := min(end-at, 4-word%4)
		if word/4 >= uint64(len(m.bitmap)) {
			return
		}
		b := m.bitmap[word/4]
		pointers, scan := uint64(b&0xf)>>(word%4), uint64(b>>4)>>(word%4)&lowBits(int64(n))
		more := lowBits(int64(bits.TrailingZeros64(^scan)))
		setBits(into, from, at, pointers&more)
		if scan != lowBits(int64(n)) {
			return
		}
		at += n
	}
}

// oneBitPointers reads the bits of the words [at, end), counted from address 0,
// 64 at a time; a bit in noMorePtrs says that the object has no pointers behind
// such a group (mbitmap.go, heapBitsForAddr, 1.20).
func (h *Heap) oneBitPointers(at, end, from uint64, into []uint64) {
	limit := from + 64*uint64(len(into))
	var m *arenaBitmap
	for at < end && at < limit {
		group := at % arenaWords / 64
		if m == nil || at%arenaWords == 0 {
			m = h.bitmapOf(image.Addr(at * 8))
		}
		if 8*group+8 > uint64(len(m.bitmap)) {
			return
		}
		n := min(end-at, 64-at%64)
		w := loadBits(m.bitmap, int(group)) >> (at % 64) & lowBits(int64(n))
		setBits(into, from, at, w)
		if m.noMore[group/8]>>(group%8)&1 != 0 {
			return
		}
		at += n
	}
}
