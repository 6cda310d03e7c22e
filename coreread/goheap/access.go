package goheap

import (
	"math/bits"

	"postmortem/coreread/image"
)

// Locator finds the objects that many addresses point into, in batches: it reads
// what that takes for all of them side by side. It is safe for concurrent use.
type Locator struct {
	heap    *Heap
	sizes   []slotSize // by span
	bitmaps [][]byte   // by span: of its words, nil where the span has none
}

type slotSize struct{ bytes, header uint64 }

// Place is where an address points.
type Place struct {
	// Offset is the distance from the object's value, negative inside of a malloc
	// header; without an object, from the span's start.
	Offset int64
	Span   int32  // index in Heap.Spans; -1 outside of all spans
	Slot   uint32 // in the span
	Object Object // NoObject in a free slot and in a span of the runtime's own
}

// Locator prepares finding many objects.
func (h *Heap) Locator() *Locator {
	l := &Locator{heap: h, sizes: make([]slotSize, len(h.Spans)), bitmaps: make([][]byte, len(h.Spans))}
	for i := range h.Spans {
		s := &h.Spans[i]
		l.sizes[i] = slotSize{s.ElemBytes, s.Header}
		if s.InUse() && h.headers && !s.NoScan && s.Class != 0 && s.Header == 0 {
			l.bitmaps[i] = h.spanBitmap(s)
		}
	}
	return l
}

// spanBitmap returns the bitmap at the end of a span of small objects, nil when
// the core lacks it (mbitmap.go, spanHeapBitsRange, 1.22).
func (h *Heap) spanBitmap(s *Span) []byte {
	size := s.Bytes / 64
	at := s.Bytes - size
	if h.hasInlineMarks(s) {
		at -= inlineMarkBytes
	}
	if uint64(len(s.Data)) < at+size {
		return nil
	}
	return s.Data[at : at+size]
}

// Locate finds what each of the addresses points into; places has room for all.
func (l *Locator) Locate(addrs []image.Addr, places []Place) {
	l.Spans(addrs, places)
	l.Objects(places[:len(addrs)])
}

// Spans finds the span and the slot that each of the addresses points into;
// places has room for all. Objects does the rest.
func (l *Locator) Spans(addrs []image.Addr, places []Place) {
	h := l.heap
	places = places[:len(addrs)]
	for i, a := range addrs {
		p, pg := &places[i], h.index.find(a)
		d := uint64(a - pg.start)
		slot := d * uint64(pg.divisor) >> 32 // 0 in the span of a large object
		p.Span, p.Slot, p.Offset, p.Object = pg.span, uint32(slot), int64(d), NoObject
		if slot < uint64(pg.slots) {
			p.Object = Object(pg.words + uint32(slot/64))
		}
	}
}

// Objects finds the objects of places whose slots Spans has found.
func (l *Locator) Objects(places []Place) {
	for i := range places {
		p := &places[i]
		if p.Object == NoObject {
			continue
		}
		w, size := &l.heap.slots[p.Object], &l.sizes[p.Span]
		p.Object = NoObject
		bit := uint64(1) << (p.Slot % 64)
		off := uint64(p.Offset) - uint64(p.Slot)*size.bytes
		if w.allocated&bit == 0 || off >= size.bytes {
			continue
		}
		p.Offset = int64(off) - int64(size.header)
		p.Object = w.rank + Object(bits.OnesCount64(w.allocated&(bit-1)))
	}
}

// SlotPointers returns which of the first 64 words of an object's value hold
// pointers, as a bitmap tells it; false for objects whose pointers a type tells.
func (l *Locator) SlotPointers(span int32, slot uint32) (uint64, bool) {
	bitmap := l.bitmaps[span]
	if bitmap == nil {
		return l.arenaSlotPointers(span, slot)
	}
	n := l.sizes[span].bytes / 8
	at := uint64(slot) * n
	w := loadBits(bitmap, int(at/64)) >> (at % 64)
	if at%64+n > 64 {
		w |= loadBits(bitmap, int(at/64+1)) << (64 - at%64)
	}
	return w & lowBits(int64(n)), true
}

// arenaSlotPointers is SlotPointers by the bitmap of the arena.
func (l *Locator) arenaSlotPointers(span int32, slot uint32) (uint64, bool) {
	h := l.heap
	s := &h.Spans[span]
	if h.headers || s.NoScan || !s.InUse() {
		return 0, false
	}
	var into [1]uint64
	at := uint64(s.Start)/8 + uint64(slot)*(s.ElemBytes/8)
	if h.offsets.noMorePointers.present {
		h.oneBitPointers(at, at+s.ElemBytes/8, at, into[:])
	} else {
		h.twoBitPointers(at, min(at+64, at+s.ElemBytes/8), at, into[:])
	}
	return into[0], true
}

// HeaderTypeAt returns the address of the type descriptor that the allocator
// recorded for the object in a slot: the element's type when the object is an
// array. It is 0 for objects without one.
func (h *Heap) HeaderTypeAt(s *Span, slot uint32) image.Addr { return h.slotType(s, uint64(slot)) }
