package typing

import (
	"context"
	"math/bits"

	"postmortem/analyzer/graph"
	"postmortem/coreread/exe"
	"postmortem/coreread/goheap"
	"postmortem/coreread/gort"
	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
	"postmortem/internal/bulk"
)

// inference is the work on one heap.
type inference struct {
	ctx      context.Context
	process  *gort.Process
	image    *image.Image
	heap     *goheap.Heap
	types    *gotypes.Universe
	roots    *graph.Roots
	pointers *goheap.PointerMaps
	spans    []spanInfo
	uniform  []Key // by span: the word of all its objects, 0 when they do not have one
	maps     mapTypes
	chans    chanTypes

	words      []Key    // by object: entry and class
	extents    []Extent // by object
	entries    []entry
	byIdentity map[identity]index
	mapOf      map[[2]gotypes.ID]gotypes.ID

	// Objects to scan, and the spans that have such in the order in which they got the first.
	pending []uint64 // by slot, see spanInfo
	garbage []uint64 // by slot, likewise, nil without any: what the last cycle found and nobody swept
	queue   []int32  // ring
	head    int
	queued  int

	batch    claims
	texts    texts
	limit    Class // no claim is stronger, see frames
	rejected [rejectedSize]uint64
	rescans  uint64 // bytes that may still be read again, see charge
	have     []uint64
	want     []uint64

	dynamic    dynamicTypes
	parts      map[gotypes.ID]index // of a map: its buckets or groups
	closures   map[image.Addr]index
	later      []region // places to follow once nothing better is known
	outer      []region // places outside of the heap
	followed   map[place]struct{}
	live       []image.Addr // words of stacks that are roots, by address; see conservative
	values     []image.Addr // of the roots of the frame at hand
	allValues  []image.Addr
	readOnly   []image.Range
	timers     timerTypes
	shaped     bool
	conflicts  uint64
	incomplete string
}

func newInference(ctx context.Context, h *goheap.Heap, u *gotypes.Universe, roots *graph.Roots) *inference {
	p := h.Process()
	f := &inference{
		ctx: ctx, process: p, image: p.Image, heap: h, types: u, roots: roots, pointers: h.PointerMaps(),
		words:      bulk.Make[Key](h.Objects()),
		extents:    bulk.Make[Extent](h.Objects()),
		entries:    make([]entry, 1, 1024),
		byIdentity: make(map[identity]index, 1024),
		mapOf:      make(map[[2]gotypes.ID]gotypes.ID),
		limit:      classes,
		have:       make([]uint64, window/64+1),
		want:       make([]uint64, window/64+1),
		parts:      make(map[gotypes.ID]index),
		closures:   make(map[image.Addr]index),
		followed:   make(map[place]struct{}),
	}
	f.readSpans()
	f.readGarbage()
	f.entryOf(identity{form: TinyBlock})
	f.entryOf(identity{form: StringData})
	f.bindMaps()
	f.bindChannels()
	f.bindTimers()
	f.bindReadOnly()
	f.dynamic.bind(p)
	f.queue = make([]int32, len(h.Spans))
	return f
}

// pend has an object scanned.
func (f *inference) pend(span int32, slot uint32) {
	s := &f.spans[span]
	f.pending[s.pending+slot/64] |= 1 << (slot % 64)
	if s.waiting {
		return
	}
	s.waiting = true
	at := f.head + f.queued
	if at >= len(f.queue) {
		at -= len(f.queue)
	}
	f.queue[at] = span
	f.queued++
}

// run scans objects until none that is to be scanned is left: span by span, so
// that what lies together is read together.
func (f *inference) run() {
	for f.flush(); f.ctx.Err() == nil; {
		if f.queued == 0 {
			if f.outsideHeap(); f.queued == 0 {
				return
			}
		}
		span := f.queue[f.head]
		if f.head++; f.head == len(f.queue) {
			f.head = 0
		}
		f.queued--
		f.spans[span].waiting = false
		f.scanSpan(span)
		f.limit = classes
		f.flush()
	}
	f.incomplete = "the time was over"
}

// passedOn returns what class the claims of an object can have whose type is of a
// class: weak evidence does not become strong by being passed on.
func passedOn(c Class) Class {
	if c <= Part {
		return c
	}
	return classes
}

// scanSpan scans the objects of a span that are to be scanned.
func (f *inference) scanSpan(span int32) {
	s := &f.heap.Spans[span]
	base := int(f.spans[span].pending)
	for w := range s.AllocatedWords() {
		todo := f.pending[base+w]
		if todo == 0 {
			continue
		}
		f.pending[base+w] = 0
		if f.garbage != nil {
			todo &^= f.garbage[base+w]
		}
		allocated, first := f.heap.Allocated(s, w)
		for ; todo != 0; todo &= todo - 1 {
			bit := todo & -todo
			o := first + goheap.Object(bits.OnesCount64(allocated&(bit-1)))
			slot := uint64(w)*64 + uint64(bits.TrailingZeros64(todo))
			if mem := s.Value(uint32(slot)); mem != nil {
				f.limit = passedOn(classOf(f.words[o]))
				f.scan(index(f.words[o]&indexMask), s.Start+image.Addr(slot*s.ElemBytes+s.Header), mem)
			}
		}
	}
}

// result turns the work into what others read.
func (f *inference) result() *Result {
	r := &Result{Conflicts: f.conflicts, Incomplete: f.incomplete, Extents: f.extents, types: f.types}
	r.Table = make([]Entry, len(f.entries))
	used := make([]bool, len(f.entries))
	for i := range f.heap.Spans {
		s := &f.heap.Spans[i]
		for o := s.First; o < s.First+goheap.Object(s.Count); o++ {
			w := f.words[o]
			c := &r.ByClass[classOf(w)]
			c.Objects++
			c.Bytes += s.ElemBytes
			used[w&indexMask] = true
			f.words[o] = w & indexMask
		}
	}
	r.Of = f.words
	for i := range f.entries {
		e := &f.entries[i]
		r.Table[i] = Entry{Type: e.typ, Form: e.form, Map: e.m, Code: e.code, Size: e.size}
		if used[i] && i != 0 {
			r.Table[i].Name = f.name(e)
		}
	}
	return r
}

// codeName returns the name of the function at an address as a traceback prints it.
func (f *inference) codeName(pc image.Addr) string {
	if fn, ok := f.funcAt(pc); ok {
		return exe.PrintName(fn.Name())
	}
	return pc.String()
}

// readGarbage finds the objects that the last cycle left unmarked in spans that
// were not swept since. What they refer to may have been swept and be in use for
// something else: their pointers tell nothing.
func (f *inference) readGarbage() {
	if f.heap.Marking {
		return // all spans are swept before marking begins
	}
	for i := range f.heap.Spans {
		s := &f.heap.Spans[i]
		if !s.InUse() || !s.Unswept {
			continue
		}
		marks, ok := f.heap.Marks(s)
		if !ok {
			continue
		}
		if f.garbage == nil {
			f.garbage = make([]uint64, len(f.pending))
		}
		for w := range min(len(marks), s.AllocatedWords()) {
			f.garbage[int(f.spans[i].pending)+w] = ^marks[w]
		}
	}
}

// bindReadOnly finds the binary's memory that never changes.
func (f *inference) bindReadOnly() {
	for _, s := range f.process.Exe.Segments() {
		if !s.Writable() {
			f.readOnly = append(f.readOnly, image.Range{Start: s.Start.Add(f.process.Bias), End: s.End.Add(f.process.Bias)})
		}
	}
}

// funcAt returns the function whose code holds an address.
func (f *inference) funcAt(pc image.Addr) (exe.Func, bool) {
	return f.process.Exe.Funcs().Find(f.process.Static(pc))
}
