package goheap

import (
	"fmt"
	"math/bits"

	"postmortem/coreread/image"
	"postmortem/coreread/layout"
	"postmortem/internal/bulk"
)

// readSlots finds the spans' memory and which of their slots are allocated, and
// numbers the objects.
func (h *Heap) readSlots() {
	words := 1 // the first is that of pages without slots
	for i := range h.Spans {
		s := &h.Spans[i]
		if s.InUse() {
			s.words = uint32(words)
			words += int((s.Bytes-1)/s.ElemBytes/64) + 1 // behind the last slot may be room for another
		}
	}
	h.slots = bulk.Make[slotWord](words)
	h.firsts = make([]Object, len(h.Spans))
	var next uint64
	var unreadable, lost, absent uint64
	var firstUnreadable, firstAbsent image.Addr
	for i := range h.Spans {
		s := &h.Spans[i]
		h.firsts[i], s.First = Object(next), Object(next)
		if !s.InUse() {
			continue
		}
		s.Data = h.spanMemory(s)
		if missing := s.Bytes - uint64(len(s.Data)); missing > 0 {
			if absent += missing; absent == missing {
				firstAbsent = s.Start + image.Addr(len(s.Data))
			}
		}
		if next+uint64(s.Slots) >= uint64(NoObject) {
			h.gap("objects past the number that can be told apart (2^32)", s.Start, 0)
			s.Slots = 0
			continue
		}
		if !h.readAllocated(s) {
			lost++
			unreadable += uint64(s.Slots)
			if lost == 1 {
				firstUnreadable = s.allocBits
			}
		}
		h.number(s, Object(next))
		next += uint64(s.Count)
	}
	h.objects = int(next)
	h.index.build(h.Arenas, h.Spans)
	if lost > 0 {
		h.Whole = false
		h.gap(fmt.Sprintf("which of the %d slots of %d spans are allocated", unreadable, lost), firstUnreadable, 0)
	}
	if h.Lost = absent; absent > 0 {
		h.gap("memory of heap objects", firstAbsent, absent)
	}
}

// spanMemory returns as much of the span's memory as is present from its start.
func (h *Heap) spanMemory(s *Span) []byte {
	m := h.process.Image
	if present := m.Present(image.Range{Start: s.Start, End: s.End()}); uint64(len(present)) == s.Bytes {
		return present
	} else if all, err := m.Bytes(s.Start, s.Bytes); err == nil {
		return all
	} else {
		return present
	}
}

// readAllocated enters which slots are allocated: those that allocBits says, and
// all below freeindex (src/runtime/mbitmap.go, isFree).
func (h *Heap) readAllocated(s *Span) bool {
	n := uint64(s.Slots)
	raw, err := h.process.Image.Bytes(s.allocBits, (n+7)/8)
	words := h.slots[s.words : uint64(s.words)+(n+63)/64]
	for i := range words {
		var w uint64
		if err == nil {
			w = loadBits(raw, i)
		}
		w |= lowBits(int64(s.freeIndex) - int64(i)*64)
		words[i].allocated = w & lowBits(int64(n)-int64(i)*64)
	}
	return err == nil
}

// settledBit reports whether allocBits itself has the slot's bit: it was
// allocated before the last sweep, and so is initialised.
func (h *Heap) settledBit(s *Span, slot uint64) bool {
	b, err := h.process.Image.Uint8(s.allocBits + image.Addr(slot/8))
	return err == nil && b>>(slot%8)&1 != 0
}

// number gives the span's objects their numbers.
func (h *Heap) number(s *Span, first Object) {
	next := first
	words := h.slots[s.words : uint64(s.words)+(uint64(s.Slots)+63)/64]
	for i := range words {
		words[i].rank = next
		next += Object(bits.OnesCount64(words[i].allocated))
	}
	s.First, s.Count = first, uint32(next-first)
}

// loadBits returns 64 bits of a bitmap from bit 64*i on; bits past its end are 0.
func loadBits(b []byte, i int) uint64 {
	b = b[8*i:]
	if len(b) >= 8 {
		return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
			uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
	}
	var w uint64
	for j := range b {
		w |= uint64(b[j]) << (8 * j)
	}
	return w
}

// lowBits returns a word whose n low bits are set; n may be negative or above 64.
func lowBits(n int64) uint64 {
	switch {
	case n <= 0:
		return 0
	case n >= 64:
		return ^uint64(0)
	}
	return 1<<n - 1
}

// Marks returns which slots the collector has marked: in the cycle that is
// under way, or in the last one for a span that it has not swept since. Bit i of
// word j is slot 64*j+i. It is not ok where the marks say nothing (a swept span:
// what the last cycle found is in the allocated slots) or are absent.
func (h *Heap) Marks(s *Span) (marks []uint64, ok bool) {
	if !s.InUse() || !s.Unswept && !h.Marking {
		return nil, false
	}
	n := (uint64(s.Slots) + 7) / 8
	raw, err := h.process.Image.Bytes(s.markBits, n)
	if err != nil {
		return nil, false
	}
	marks = make([]uint64, s.AllocatedWords())
	for i := range marks {
		marks[i] = loadBits(raw, i)
	}
	if !h.hasInlineMarks(s) {
		return marks, true
	}
	// Until the span is swept, the marks are in its last bytes (mgcmark_greenteagc.go).
	at := s.Bytes - inlineMarkBytes/2
	if uint64(len(s.Data)) < s.Bytes {
		return nil, false
	}
	inline := s.Data[at : at+inlineMarkBytes/2-1]
	for i := range marks {
		marks[i] |= loadBits(inline, i) & lowBits(int64(s.Slots)-int64(i)*64)
	}
	return marks, true
}

// inlineMarkBytes is the size of runtime.spanInlineMarkBits: 63 bytes of scans,
// one of ownership, 63 of marks, one of the span's class.
const inlineMarkBytes = 128

// hasInlineMarks reports whether the span ends in mark bits
// (mgcmark_greenteagc.go, gcUsesSpanInlineMarkBits).
func (h *Heap) hasInlineMarks(s *Span) bool {
	return h.inlineMarks && s.Class != 0 && s.ElemBytes >= 16 && s.ElemBytes <= maxBitmapObject && s.Bytes == layout.PageSize
}

// Survived returns which of the slots from 64*word on the last sweep of the span
// left: the rest of the allocated ones were made since.
func (h *Heap) Survived(s *Span, word int) uint64 {
	n := uint64(s.Slots)
	raw, err := h.process.Image.Bytes(s.allocBits, (n+7)/8)
	if err != nil {
		return 0
	}
	return loadBits(raw, word) & lowBits(int64(n)-64*int64(word))
}
