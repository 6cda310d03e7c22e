package goheap

import (
	"postmortem/coreread/image"
)

// PointerMaps tells which words of small objects are pointers. It is safe for
// concurrent use.
type PointerMaps struct {
	heap    *Heap
	bitmaps []slotBitmap // by span
}

// slotBitmap is the bitmap of a span's words, nil where it has none.
type slotBitmap struct {
	bits  []byte
	words uint64 // of a slot
}

// Place is where an address points.
type Place struct {
	// Offset is the distance from the object's value, negative inside of a malloc
	// header.
	Offset int64
	Span   int32  // index in Heap.Spans; -1 outside of all spans
	Slot   uint32 // in the span
	Object Object // NoObject in a free slot and in a span of the runtime's own
}

// PointerMaps finds the bitmaps of the spans.
func (h *Heap) PointerMaps() *PointerMaps {
	m := &PointerMaps{heap: h, bitmaps: make([]slotBitmap, len(h.Spans))}
	for i := range h.Spans {
		if s := &h.Spans[i]; s.InUse() && h.headers && !s.NoScan && s.Class != 0 && s.Header == 0 {
			m.bitmaps[i] = slotBitmap{h.spanBitmap(s), s.ElemBytes / 8}
		}
	}
	return m
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
// What that takes is read for all of them side by side.
func (h *Heap) Locate(addrs []image.Addr, places []Place) {
	h.LocateSpans(addrs, places)
	h.LocateObjects(addrs, places)
}

// LocateSpans finds the span that each of the addresses points into; places has
// room for all. LocateObjects does the rest.
func (h *Heap) LocateSpans(addrs []image.Addr, places []Place) {
	x := &h.index
	places = places[:len(addrs)]
	for i, a := range addrs {
		places[i].Span = x.spans[x.find(a)]
	}
}

// LocateObjects finds the slots and objects of addresses whose spans LocateSpans
// has found.
func (h *Heap) LocateObjects(addrs []image.Addr, places []Place) {
	x := &h.index
	places = places[:len(addrs)]
	for i, a := range addrs {
		at, p := &places[i], x.pages[x.find(a)]
		of, d := x.layout(p), p.distance(a)
		slot := of.slot(d)
		at.Slot, at.Offset = uint32(slot), int64(d-slot*of.bytes-of.header)
		at.Object = h.objectOn(p, slot)
		if of.bytes == 0 && at.Object != NoObject && d >= h.Spans[at.Span].ElemBytes {
			at.Object = NoObject // behind a large object, in its last page
		}
	}
}

// Slot returns which of the first 64 words of an object's value hold
// pointers, as a bitmap tells it; false for objects whose pointers a type tells.
func (m *PointerMaps) Slot(span int32, slot uint32) (uint64, bool) {
	bitmap := &m.bitmaps[span]
	if bitmap.bits == nil {
		return m.arenaSlot(span, slot)
	}
	n := bitmap.words
	at := uint64(slot) * n
	w := loadBits(bitmap.bits, int(at/64)) >> (at % 64)
	if at%64+n > 64 {
		w |= loadBits(bitmap.bits, int(at/64+1)) << (64 - at%64)
	}
	return w & lowBits(int64(n)), true
}

// arenaSlot is Slot by the bitmap of the arena.
func (m *PointerMaps) arenaSlot(span int32, slot uint32) (uint64, bool) {
	h := m.heap
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
