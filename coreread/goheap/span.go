package goheap

import (
	"cmp"
	"fmt"
	"slices"

	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// Span is a run of pages with slots of one size, or of the runtime's own.
type Span struct {
	Start image.Addr
	Bytes uint64
	Addr  image.Addr // of the mspan
	State layout.SpanState
	// Class is the size class, 0 for the span of one large object.
	Class     uint8
	NoScan    bool   // its objects hold no pointers
	UserArena bool   // a chunk of an arena (GOEXPERIMENT=arenas): many values in one slot
	Unswept   bool   // the last cycle's garbage is still in it: marks tell what is live
	Cached    bool   // a processor allocates from it
	Header    uint64 // bytes of the malloc header at the start of each slot, 8 or 0
	ElemBytes uint64 // of a slot, header included
	Slots     uint32
	// AllocCount is how many slots the allocator counts as allocated.
	AllocCount uint32
	// First is the number of the first object, Count how many there are.
	First Object
	Count uint32
	// LargeType is the type that the allocator recorded for a large object, 0 for none.
	LargeType image.Addr
	Specials  image.Addr // first of the span's runtime.special records
	// Data is the span's memory from Start on, shorter than Bytes where the core lacks the rest.
	Data []byte

	allocBits, markBits image.Addr
	words               uint32 // index in Heap.slots
	freeIndex           uint32 // slots below are allocated, whatever allocBits says
	settled             uint32 // slots below are initialised (freeIndexForScan)
	beforeCache         uint32 // AllocCount when a processor took the span
}

// InUse reports whether the span holds objects.
func (s *Span) InUse() bool { return s.State == layout.SpanInUse }

// End returns the address behind the span.
func (s *Span) End() image.Addr { return s.Start + image.Addr(s.Bytes) }

// Value returns the bytes of a slot from behind its header on, nil where the core lacks any.
func (s *Span) Value(slot uint32) []byte {
	at := uint64(slot) * s.ElemBytes
	if at+s.ElemBytes > uint64(len(s.Data)) {
		return nil
	}
	return s.Data[at+s.Header : at+s.ElemBytes : at+s.ElemBytes]
}

// maxSpans bounds the list of spans: as many as there are pages in the largest
// address space, and never more than the core has room for records of them.
const maxSpans = 1 << 32

// readSpans reads mheap.allspans, which lists every mspan ever made.
func (h *Heap) readSpans(mheap image.Addr) error {
	o, c := &h.offsets, h.process.Image.Cursor()
	list := c.Addr(mheap + image.Addr(o.allSpans))
	n := c.Uint64(mheap + image.Addr(o.allSpans) + 8)
	sweepGen := c.Uint32(mheap + image.Addr(o.sweepGen))
	if err := c.Err(); err != nil {
		return fmt.Errorf("reading runtime.mheap_: %w", err)
	}
	if n > maxSpans {
		return fmt.Errorf("runtime.mheap_.allspans has %d entries: the heap's structures are damaged", n)
	}
	whole := true
	entries, err := h.process.Image.Bytes(list, n*8)
	if err != nil {
		entries = h.process.Image.Present(image.Range{Start: list, End: list + image.Addr(n*8)})
		h.gap(fmt.Sprintf("the list of spans, %d of %d entries (%v)", n-uint64(len(entries))/8, n, err), list, n*8)
		whole = false
	}
	order := h.process.Image.ByteOrder()
	h.Spans = make([]Span, 0, len(entries)/8)
	reader := spanReader{heap: h, sweepGen: sweepGen}
	for ; len(entries) >= 8; entries = entries[8:] {
		reader.read(image.Addr(order.Uint64(entries)))
	}
	whole = reader.report() && whole
	whole = h.sortSpans() && whole
	h.Whole = h.boundArenas() && whole
	return nil
}

// sortSpans orders the spans by address and drops those that lie over another.
func (h *Heap) sortSpans() (whole bool) {
	type place struct {
		start image.Addr
		i     uint32
	}
	order := make([]place, len(h.Spans)) // a span is many times as large
	for i := range h.Spans {
		order[i] = place{h.Spans[i].Start, uint32(i)}
	}
	slices.SortFunc(order, func(a, b place) int {
		if a.start != b.start {
			return cmp.Compare(a.start, b.start)
		}
		return cmp.Compare(a.i, b.i)
	})
	kept, overlaps := make([]Span, 0, len(order)), 0
	var first image.Addr
	for _, p := range order {
		s := &h.Spans[p.i]
		if n := len(kept); n > 0 && s.Start < kept[n-1].End() {
			if overlaps++; overlaps == 1 {
				first = s.Addr
			}
			continue
		}
		kept = append(kept, *s)
	}
	h.Spans = kept
	if overlaps > 0 {
		h.gap(fmt.Sprintf("%d spans that lie over others", overlaps), first, 0)
	}
	return overlaps == 0
}

// spanReader reads mspans and counts what is wrong with them.
type spanReader struct {
	heap     *Heap
	sweepGen uint32

	unreadable, impossible           int
	firstUnreadable, firstImpossible image.Addr
}

func (r *spanReader) read(at image.Addr) {
	h, o := r.heap, &r.heap.offsets
	b, err := h.process.Image.Bytes(at, o.spanBytes)
	if err != nil {
		if r.unreadable++; r.unreadable == 1 {
			r.firstUnreadable = at
		}
		return
	}
	s, used, ok := h.decodeSpan(at, b, r.sweepGen)
	switch {
	case !used:
	case !ok:
		if r.impossible++; r.impossible == 1 {
			r.firstImpossible = at
		}
	default:
		h.Spans = append(h.Spans, s)
	}
}

// report enters what could not be read into the ledger.
func (r *spanReader) report() (whole bool) {
	if r.unreadable > 0 {
		r.heap.gap(fmt.Sprintf("%d spans whose records are not in the core", r.unreadable), r.firstUnreadable, 0)
	}
	if r.impossible > 0 {
		r.heap.gap(fmt.Sprintf("%d spans whose records are damaged", r.impossible), r.firstImpossible, 0)
	}
	return r.unreadable+r.impossible == 0
}

// decodeSpan reads an mspan. used is false for one that stands for nothing at
// present, ok false for one that cannot be.
func (h *Heap) decodeSpan(at image.Addr, b []byte, sweepGen uint32) (s Span, used, ok bool) {
	o, order := &h.offsets, h.process.Image.ByteOrder()
	state := layout.SpanState(b[o.state])
	if state == layout.SpanDead {
		return s, false, true
	}
	pages := order.Uint64(b[o.pages:])
	s = Span{
		Addr: at, State: state,
		Start:     image.Addr(order.Uint64(b[o.start:])),
		Bytes:     pages * layout.PageSize,
		Class:     b[o.class] >> 1,
		NoScan:    b[o.class]&1 != 0,
		UserArena: o.userArena.present && b[o.userArena.at] != 0,
		ElemBytes: order.Uint64(b[o.elemSize:]),
		Specials:  image.Addr(order.Uint64(b[o.specials:])),
		allocBits: image.Addr(order.Uint64(b[o.allocBits:])),
		markBits:  image.Addr(order.Uint64(b[o.markBits:])),
	}
	if s.Start%layout.PageSize != 0 || pages == 0 || pages > maxSpanPages || s.End() < s.Start || !h.inArena(s.Start, s.Bytes) {
		return s, true, false
	}
	switch state {
	case layout.SpanManual:
		// The fields about objects are stale there.
		return Span{Addr: at, State: state, Start: s.Start, Bytes: s.Bytes}, true, true
	case layout.SpanInUse:
		return s, true, h.decodeSlots(&s, b, sweepGen)
	}
	return s, true, false
}

// decodeSlots reads what an mspan says of its slots; false when it cannot be.
func (h *Heap) decodeSlots(s *Span, b []byte, sweepGen uint32) bool {
	o, order := &h.offsets, h.process.Image.ByteOrder()
	slots, free := o.slots.read(b, order), o.freeIndex.read(b, order)
	settled := free
	if o.settled.present {
		settled = o.settled.read(b, order)
	}
	count := uint64(order.Uint16(b[o.allocCount:]))
	if slots == 0 || slots > s.Bytes/8 || free > slots || settled > slots || count > slots ||
		s.ElemBytes < 8 || s.ElemBytes > s.Bytes || slots > s.Bytes/s.ElemBytes {
		return false
	}
	size, pages, known := layout.SizeClass(s.Class)
	switch {
	case !known:
		return false
	case s.Class == 0:
		if slots != 1 {
			return false
		}
	case size != s.ElemBytes || pages*layout.PageSize != s.Bytes:
		return false
	}
	s.Slots, s.AllocCount = uint32(slots), uint32(count)
	s.freeIndex, s.settled = uint32(free), uint32(settled)
	if o.beforeCache.present {
		s.beforeCache = uint32(o.beforeCache.read(b, order))
	}
	if h.headers {
		if s.Class != 0 && !s.NoScan && s.ElemBytes > maxBitmapObject {
			s.Header = 8
		}
		if s.Class == 0 && o.largeType.present {
			s.LargeType = image.Addr(o.largeType.read(b, order))
		}
	}
	h.setSweepState(s, order.Uint32(b[o.spanSweepGen:])-sweepGen)
	if h.scanIndexWaits && (h.Marking || s.Unswept) {
		s.settled = s.freeIndex
	}
	return true
}

// setSweepState says how far sweeping is, by the span's generation less the heap's.
func (h *Heap) setSweepState(s *Span, ahead uint32) {
	switch ahead {
	case ^uint32(1), ^uint32(0): // sweepgen-2: to be swept; -1: being swept
		s.Unswept = true
	case 1: // cached before sweeping began
		s.Unswept, s.Cached = true, true
	case 3:
		s.Cached = true
	}
}
