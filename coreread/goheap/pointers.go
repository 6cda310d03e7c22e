package goheap

import (
	"math/bits"
	"sync"

	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
)

// maxBitmapObject is the largest slot whose pointers a bitmap at the end of the
// span tells, bytes; larger ones have a malloc header (mbitmap.go,
// MinSizeForMallocHeader, 1.22).
const maxBitmapObject = 512

// PointerWords writes which words of a span hold pointers of allocated objects:
// bit i of into[j] is the word from+64*j+i, counted from the span's start. from
// must be a multiple of 64. Words that the core lacks are no pointers, and so is
// what an object holds that was being made.
func (h *Heap) PointerWords(s *Span, from uint64, into []uint64) {
	clear(into)
	if !s.InUse() || s.NoScan {
		return
	}
	switch {
	case !h.headers:
		h.arenaPointers(s, from, into)
	case s.Class == 0:
		h.largePointers(s, from, into)
	case s.Header != 0:
		h.headerPointers(s, from, into)
	default:
		h.bitmapPointers(s, from, into)
	}
	h.keepPresent(s, from, into)
}

// keepPresent clears the words that the core lacks.
func (h *Heap) keepPresent(s *Span, from uint64, into []uint64) {
	present := uint64(len(s.Data)) / 8
	if present >= from+64*uint64(len(into)) {
		return
	}
	for j := range into {
		into[j] &= lowBits(int64(present) - int64(from) - 64*int64(j))
	}
}

// scannable returns which slots from 64*word on are allocated and initialised.
func (h *Heap) scannable(s *Span, word int) uint64 {
	allocated := h.slots[int(s.words)+word].allocated
	unsettled := lowBits(int64(s.freeIndex)-64*int64(word)) &^ lowBits(int64(s.settled)-64*int64(word))
	if unsettled == 0 {
		return allocated
	}
	for u := unsettled & allocated; u != 0; u &= u - 1 {
		slot := bits.TrailingZeros64(u)
		if !h.settledBit(s, uint64(64*word+slot)) {
			allocated &^= 1 << slot
		}
	}
	return allocated
}

// eachSlot visits the scannable slots that have words in [from, to).
func (h *Heap) eachSlot(s *Span, from, to uint64, visit func(slot, firstWord uint64)) {
	words := s.ElemBytes / 8
	for slot := from / words; slot < uint64(s.Slots) && slot*words < to; {
		w := h.scannable(s, int(slot/64)) &^ lowBits(int64(slot%64))
		for ; w != 0; w &= w - 1 {
			at := slot/64*64 + uint64(bits.TrailingZeros64(w))
			if at*words >= to {
				return
			}
			visit(at, at*words)
		}
		slot = (slot/64 + 1) * 64
	}
}

// setBits sets n bits of the bitmap into, whose bit 0 is the word from, at the
// word at; bits outside are dropped.
func setBits(into []uint64, from, at uint64, w uint64) {
	d := int64(at) - int64(from)
	if d < 0 {
		if d <= -64 {
			return
		}
		w >>= uint(-d)
		d = 0
	}
	j, k := d/64, uint(d%64)
	if j >= int64(len(into)) {
		return
	}
	into[j] |= w << k
	if k != 0 && j+1 < int64(len(into)) {
		into[j+1] |= w >> (64 - k)
	}
}

// bitmapPointers reads the bitmap at the end of the span, one bit for each word
// of the span (mbitmap.go, spanHeapBitsRange, 1.22).
func (h *Heap) bitmapPointers(s *Span, from uint64, into []uint64) {
	bitmap := h.spanBitmap(s)
	for j := range into {
		if i := from/64 + uint64(j); i < uint64(len(bitmap)/8) {
			into[j] = loadBits(bitmap, int(i))
		}
	}
	h.keepScannable(s, from, into)
}

// keepScannable clears the words of slots that are free or not initialised, and
// those behind the last slot.
func (h *Heap) keepScannable(s *Span, from uint64, into []uint64) {
	words := s.ElemBytes / 8
	if words == 1 {
		for j := range into {
			if w := int(from/64) + j; w < s.AllocatedWords() {
				into[j] &= h.scannable(s, w)
			} else {
				into[j] = 0
			}
		}
		return
	}
	to := from + 64*uint64(len(into))
	next := from // first word that is not known to be kept
	drop := func(until uint64) {
		for ; next < until; next = (next/64 + 1) * 64 {
			end := min(until, (next/64+1)*64)
			into[(next-from)/64] &^= lowBits(int64(end-next)) << (next % 64)
		}
	}
	h.eachSlot(s, from, to, func(_, first uint64) {
		drop(min(first, to))
		next = max(next, min(first+words, to))
	})
	drop(to)
}

// headerPointers reads the types before the objects (mbitmap.go, 1.22).
func (h *Heap) headerPointers(s *Span, from uint64, into []uint64) {
	h.eachSlot(s, from, from+64*uint64(len(into)), func(slot, first uint64) {
		h.typedPointers(h.slotType(s, slot), first+1, first+s.ElemBytes/8, from, into)
	})
}

// largePointers reads mspan.largeType. It is nil while a large object is being made.
func (h *Heap) largePointers(s *Span, from uint64, into []uint64) {
	if s.LargeType != 0 && h.scannable(s, 0) != 0 {
		h.typedPointers(s.LargeType, 0, s.ElemBytes/8, from, into)
	}
}

// typedPointers enters the pointers of values of one type that follow one
// another from the word first up to the word end.
func (h *Heap) typedPointers(typ image.Addr, first, end, from uint64, into []uint64) {
	m := h.masks.get(h, typ)
	if m.size == 0 || m.words == 0 {
		return
	}
	to := min(end, from+64*uint64(len(into)))
	value := first
	if from > first {
		value += (from - first) / m.size * m.size
	}
	for ; value < to; value += m.size {
		for i, w := range m.bits {
			at := value + 64*uint64(i)
			if at >= to {
				break
			}
			if at+64 > from {
				setBits(into, from, at, w&lowBits(int64(to)-int64(at)))
			}
		}
	}
}

// mask is the pointer map of a type; sizes in words.
type mask struct {
	size, words uint64
	bits        []uint64
}

// maskCache remembers the pointer maps of types, and which are no types.
type maskCache struct {
	mu    sync.RWMutex
	masks map[image.Addr]*mask
}

func (c *maskCache) get(h *Heap, typ image.Addr) *mask {
	c.mu.RLock()
	m := c.masks[typ]
	c.mu.RUnlock()
	if m != nil {
		return m
	}
	m = h.typeMask(typ)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.masks == nil {
		c.masks = make(map[image.Addr]*mask)
	}
	if known := c.masks[typ]; known != nil {
		return known
	}
	c.masks[typ] = m
	return m
}

// unreadable returns how many types were asked for and could not be read, and the
// lowest of their addresses.
func (c *maskCache) unreadable() (n int, first image.Addr) {
	for typ, m := range c.masks {
		if m.size == 0 {
			if n++; n == 1 || typ < first {
				first = typ
			}
		}
	}
	return n, first
}

// typeMask reads a type's pointer map; one of size 0 when it cannot be read.
func (h *Heap) typeMask(typ image.Addr) *mask {
	var m gotypes.Mask
	m, size, err := h.types.GCMask(typ)
	if err != nil || size == 0 || size%8 != 0 {
		return &mask{}
	}
	return &mask{size: size / 8, words: m.Words, bits: m.Bits}
}
