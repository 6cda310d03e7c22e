package goheap

import (
	"math/bits"

	"postmortem/coreread/image"
)

// Locator finds the objects that many addresses point into: it keeps of each
// span only what that takes, and works on batches. It is safe for concurrent use.
type Locator struct {
	heap  *Heap
	spans []locatorSpan
	slots []slotWord
}

// locatorSpan fits a cache line.
type locatorSpan struct {
	start   image.Addr
	bytes   uint64 // of a slot
	bitmap  []byte // of the span's words, where the span has one
	divisor uint32
	slots   uint32
	words   uint32
	header  uint32
}

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
	l := &Locator{
		heap: h, spans: make([]locatorSpan, len(h.Spans)), slots: h.slots,
	}
	for i := range h.Spans {
		s := &h.Spans[i]
		ls := &l.spans[i]
		*ls = locatorSpan{start: s.Start, bytes: s.ElemBytes, divisor: s.divisor, slots: s.Slots, words: s.words, header: uint32(s.Header)}
		if !s.InUse() {
			ls.slots = 0
		} else if h.headers && !s.NoScan && s.Class != 0 && s.Header == 0 {
			ls.bitmap = h.spanBitmap(s)
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
	places = places[:len(addrs)]
	for i, a := range addrs {
		places[i].Span = l.heap.index.find(a).span
	}
	for i, a := range addrs {
		p := &places[i]
		p.Object, p.Slot, p.Offset = NoObject, 0, 0
		if p.Span < 0 {
			continue
		}
		s := &l.spans[p.Span]
		d := uint64(a - s.start)
		p.Offset = int64(d)
		slot := d
		if s.divisor != 0 {
			slot = d * uint64(s.divisor) >> 32
		} else if d < s.bytes {
			slot = 0
		}
		if slot >= uint64(s.slots) {
			continue
		}
		w := &l.slots[uint64(s.words)+slot/64]
		bit := uint64(1) << (slot % 64)
		if w.allocated&bit == 0 {
			continue
		}
		p.Slot = uint32(slot)
		p.Offset = int64(d-slot*s.bytes) - int64(s.header)
		p.Object = w.rank + Object(bits.OnesCount64(w.allocated&(bit-1)))
	}
}

// SlotPointers returns which of the first 64 words of an object's value hold
// pointers, as a bitmap tells it; false for objects whose pointers a type tells.
func (l *Locator) SlotPointers(span int32, slot uint32) (uint64, bool) {
	s := &l.spans[span]
	if s.bitmap == nil {
		return l.arenaSlotPointers(span, slot)
	}
	n := s.bytes / 8
	at := uint64(slot) * n
	w := loadBits(s.bitmap, int(at/64)) >> (at % 64)
	if at%64+n > 64 {
		w |= loadBits(s.bitmap, int(at/64+1)) << (64 - at%64)
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

// HeaderTypeAt is HeaderType of the object in a slot.
func (h *Heap) HeaderTypeAt(s *Span, slot uint32) image.Addr { return h.slotType(s, uint64(slot)) }
