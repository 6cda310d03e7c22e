// Package goheap is the Go heap of a dead process as its allocator kept it:
// spans, the slots in them, which slots are allocated, where in an object the
// pointers are, and the books that the allocator kept about it all.
//
// An object here is an allocated slot, whether or not anything still refers to
// it: a block that the tiny allocator shares among several small values is one
// object. What objects refer to, and what types they have, is for others.
package goheap

import (
	"fmt"
	"math/bits"
	"sort"

	"postmortem/coreread/gort"
	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// Object is the number of an allocated slot: objects are numbered by address, from 0.
type Object uint32

// NoObject is the number of none.
const NoObject Object = 1<<32 - 1

// Heap is the heap of one process. It is safe for concurrent use.
type Heap struct {
	// Spans are the spans that are in use, for objects or by the runtime itself
	// (stacks among them), by address. They do not overlap.
	Spans []Span
	// Arenas are the arenas that the allocator reserved, by address.
	Arenas []image.Range
	// Lost is the bytes of objects' spans that are absent from the core.
	Lost uint64
	// Whole says that the list of spans was read without a gap.
	Whole bool
	// Marking says that the collector was marking: mark bits are those of an unfinished cycle.
	Marking bool

	process        *gort.Process
	types          *gotypes.Universe
	headers        bool          // pointers are told by bitmaps in spans and malloc headers (1.22)
	scanIndexWaits bool          // see layout.ScanIndexWaits
	inlineMarks    bool          // spans of small objects end in mark bits (Green Tea)
	bitmaps        []arenaBitmap // by arena, until 1.21
	offsets        offsets
	index          pageIndex
	slots          []slotWord // allocated slots of all spans, 64 at a time
	firsts         []Object   // Spans[i].First, for SpanOf
	objects        int
	masks          maskCache
	pointers       []uint64 // of all spans, 64 words each; see PreparePointers
	pointerAt      []uint32 // by span, index in pointers
}

// slotWord is 64 slots of a span: which are allocated, and the number of the
// first object at or behind them.
type slotWord struct {
	allocated uint64
	rank      Object
}

const effect = "objects there are missing from the report, and what they refer to may be taken for garbage"

// Read reads the spans of the heap and the slots in them. What cannot be read
// is a gap of p; the error is for a process whose heap cannot be found at all.
func Read(p *gort.Process, u *gotypes.Universe) (*Heap, error) {
	h := &Heap{process: p, types: u}
	if err := h.offsets.bind(p.Layout()); err != nil {
		return nil, fmt.Errorf("finding the heap's structures of %s: %w", p.Exe.GoVersion(), err)
	}
	if phase := p.Collector().Phase; phase != nil {
		h.Marking = *phase != layout.GCOff
	}
	mheap, err := h.global("runtime.mheap_")
	if err != nil {
		return nil, err
	}
	if err := h.readArenas(mheap); err != nil {
		return nil, err
	}
	if err := h.readSpans(mheap); err != nil {
		return nil, err
	}
	h.readSlots()
	return h, nil
}

// global returns the process address of a variable of the runtime.
func (h *Heap) global(name string) (image.Addr, error) {
	a, _, err := h.process.Exe.Global(name)
	if err != nil {
		return 0, err
	}
	return a.Add(h.process.Bias), nil
}

func (h *Heap) gap(what string, at image.Addr, n uint64) {
	h.process.AddGap(gort.Gap{What: what, Addr: at, Bytes: n, Effect: effect, HidesReferences: true})
}

// Objects returns how many objects there are.
func (h *Heap) Objects() int { return h.objects }

// Process returns the process whose heap it is.
func (h *Heap) Process() *gort.Process { return h.process }

// SpanIndex returns which of Spans holds the address.
func (h *Heap) SpanIndex(a image.Addr) (int, bool) {
	i := h.index.spans[h.index.find(a)]
	return int(i), i >= 0
}

// Find returns the object that the address points into, and how far behind
// Address(o) it lies: a negative distance is inside a malloc header. It is not
// ok where no slot or a free one is.
func (h *Heap) Find(a image.Addr) (o Object, off int64, ok bool) {
	at := h.index.find(a)
	p := h.index.pages[at]
	distance := p.distance(a)
	slot := h.index.layout(p).slot(distance)
	if o = h.objectOn(p, slot); o == NoObject {
		return NoObject, 0, false
	}
	s := &h.Spans[h.index.spans[at]]
	if distance -= slot * s.ElemBytes; distance >= s.ElemBytes {
		return NoObject, 0, false // behind a large object, in its last page
	}
	return o, int64(distance) - int64(s.Header), true
}

// objectOn returns the number of a slot of a page's span, NoObject for a free one.
func (h *Heap) objectOn(p page, slot uint64) Object {
	if p.place&fullSpan == 0 {
		return h.slots[uint64(p.first)+slot/64].object(slot)
	}
	if slot >= h.index.layout(p).slots {
		return NoObject
	}
	return Object(p.first) + Object(slot)
}

// object returns the number of an allocated slot, NoObject for a free one.
func (w *slotWord) object(slot uint64) Object {
	bit := uint64(1) << (slot % 64)
	if w.allocated&bit == 0 {
		return NoObject
	}
	return w.rank + Object(bits.OnesCount64(w.allocated&(bit-1)))
}

// FindObject is Find without the distance.
func (h *Heap) FindObject(a image.Addr) Object {
	o, _, _ := h.Find(a)
	return o
}

// findBatch is how many addresses FindObjects looks up side by side.
const findBatch = 64

// FindObjects replaces addresses, given as they stand in memory, by the numbers
// of the objects that they point into, NoObject where there is none. It is
// several times as fast as Find, since the loads of many look-ups overlap.
func (h *Heap) FindObjects(addrs []uint64) {
	var at [findBatch]struct {
		page
		slot uint64
	}
	x := &h.index
	for len(addrs) > 0 {
		n := min(findBatch, len(addrs))
		for i, a := range addrs[:n] {
			p := x.pages[x.find(image.Addr(a))]
			at[i].page, at[i].slot = p, x.layout(p).slot(p.distance(image.Addr(a)))
		}
		for i := range addrs[:n] {
			addrs[i] = uint64(h.objectOn(at[i].page, at[i].slot))
		}
		addrs = addrs[n:]
	}
}

// SpanOf returns the span of an object, which must be below Objects.
func (h *Heap) SpanOf(o Object) *Span {
	// The last of those that begin at or below o is the one that is not empty.
	return &h.Spans[sort.Search(len(h.firsts), func(i int) bool { return h.firsts[i] > o })-1]
}

// slotOf returns which slot of its span an object is.
func (h *Heap) slotOf(s *Span, o Object) uint64 {
	words := h.slots[s.words : uint64(s.words)+(uint64(s.Slots)+63)/64]
	i := sort.Search(len(words), func(i int) bool { return words[i].rank > o }) - 1
	w := words[i].allocated
	for n := o - words[i].rank; n > 0; n-- {
		w &= w - 1
	}
	return uint64(i)*64 + uint64(bits.TrailingZeros64(w))
}

// Address returns where an object's value begins: behind a malloc header, if it has one.
func (h *Heap) Address(o Object) image.Addr {
	s := h.SpanOf(o)
	return s.Start + image.Addr(h.slotOf(s, o)*s.ElemBytes+s.Header)
}

// Size returns the bytes of an object's slot, a malloc header included: what
// runtime.MemStats counts.
func (h *Heap) Size(o Object) uint64 { return h.SpanOf(o).ElemBytes }

// Memory returns an object's bytes from Address(o) to the end of its slot, nil
// where the core lacks any of them.
func (h *Heap) Memory(o Object) []byte {
	s := h.SpanOf(o)
	return s.Value(uint32(h.slotOf(s, o)))
}

// slotType returns the recorded type descriptor of an allocated slot.
func (h *Heap) slotType(s *Span, slot uint64) image.Addr {
	if s.Header == 0 {
		return s.LargeType
	}
	at := slot * s.ElemBytes
	if at+8 > uint64(len(s.Data)) || slot >= uint64(s.settled) && !h.settledBit(s, slot) {
		return 0
	}
	return image.Addr(h.process.Image.ByteOrder().Uint64(s.Data[at:]))
}

// AllocatedWords returns how many groups of 64 slots a span has.
func (s *Span) AllocatedWords() int { return int((s.Slots + 63) / 64) }

// Allocated returns which of the slots from 64*word on are allocated, bit i for
// slot 64*word+i, and the number of the first object among them.
func (h *Heap) Allocated(s *Span, word int) (allocated uint64, first Object) {
	w := &h.slots[int(s.words)+word]
	return w.allocated, w.rank
}
