package goheap

import (
	"fmt"
	"sort"

	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// ManualSpans is how the runtime uses the spans that hold no objects, in bytes.
type ManualSpans struct {
	StackSpans int
	StackBytes uint64 // of the spans that hold stacks; the next three are parts of it
	Goroutines uint64 // stacks of goroutines
	Finished   uint64 // stacks of finished goroutines, kept for new ones
	System     uint64 // stacks that threads have besides: for the runtime, and for signal handlers

	WorkBuffers uint64 // the collector's lists of objects to look at
	Other       uint64 // anything else, as unrolled pointer bitmaps of large types until 1.24
}

// ManualSpans tells them apart. The error says what could not be read: the
// bytes that it would have told are in Other then.
func (h *Heap) ManualSpans() (ManualSpans, error) {
	r := &manualReader{heap: h, use: make([]spanUse, len(h.Spans)), taken: make([]uint64, len(h.Spans))}
	for i := range h.Spans {
		if !h.Spans[i].InUse() {
			r.byAddr = append(r.byAddr, i)
		}
	}
	sort.Slice(r.byAddr, func(i, j int) bool { return h.Spans[r.byAddr[i]].Addr < h.Spans[r.byAddr[j]].Addr })
	var first error
	for _, read := range []func() error{r.goroutines, r.machines, r.stackPools, r.stackCaches, r.workBuffers} {
		if err := read(); err != nil && first == nil {
			first = err
		}
	}
	for i := range h.Spans {
		s := &h.Spans[i]
		switch {
		case s.InUse():
		case r.use[i] == stackSpan:
			r.sums.StackSpans++
			r.sums.StackBytes += s.Bytes
		case r.use[i] == workBufferSpan:
			r.sums.WorkBuffers += s.Bytes
		default:
			r.sums.Other += s.Bytes
		}
	}
	return r.sums, first
}

// spanUse is what a manual span is used for.
type spanUse uint8

const (
	otherSpan spanUse = iota
	stackSpan
	workBufferSpan
)

// manualReader follows what refers to manual spans.
type manualReader struct {
	heap   *Heap
	use    []spanUse // by span
	taken  []uint64  // bytes of a span's stacks that are in use
	byAddr []int     // manual spans by the address of their mspan
	sums   ManualSpans
}

// mark says that there are stacks in the span that holds the address. It is not
// ok for one outside of the heap, C's or the system's, and in a span of objects.
func (r *manualReader) mark(stack image.Addr) (span int, ok bool) {
	i, ok := r.heap.SpanIndex(stack)
	if !ok || r.heap.Spans[i].InUse() {
		return 0, false
	}
	r.use[i] = stackSpan
	return i, true
}

// stack enters a stack in use.
func (r *manualReader) stack(in image.Range, sum *uint64) {
	if in.Len() == 0 {
		return
	}
	if i, ok := r.mark(in.Start); ok && in.End <= r.heap.Spans[i].End() {
		n := min(in.Len(), r.heap.Spans[i].Bytes-r.taken[i]) // stacks that lie over each other cannot be
		r.taken[i] += n
		*sum += n
	}
}

// goroutines enters the stacks of all that runtime.allgs lists.
func (r *manualReader) goroutines() error {
	h := r.heap
	g := h.process.Layout().Struct("runtime.g")
	lo, hi, status := g.Offset("stack.lo"), g.Offset("stack.hi"), g.Offset("atomicstatus")
	if err := g.Err(); err != nil {
		return err
	}
	list, err := h.global("runtime.allgs")
	if err != nil {
		return err
	}
	all, err := h.words(list, 1)
	if err != nil {
		return fmt.Errorf("runtime.allgs: %w", err)
	}
	c := h.process.Image.Cursor()
	for _, at := range all {
		stack := image.Range{Start: c.Addr(image.Addr(at + lo)), End: c.Addr(image.Addr(at + hi))}
		sum := &r.sums.Goroutines
		if layout.GStatus(c.Uint32(image.Addr(at + status))).Dead() {
			sum = &r.sums.Finished
		}
		if err := c.Err(); err != nil {
			return err
		}
		r.stack(stack, sum)
	}
	return nil
}

// machines enters the stacks of the threads.
func (r *manualReader) machines() error {
	for _, m := range r.heap.process.Machines() {
		r.stack(m.G0Stack, &r.sums.System)
		r.stack(m.SignalStack, &r.sums.System)
	}
	return nil
}

// list marks the spans of an mSpanList.
func (r *manualReader) list(at image.Addr, next uint64, use spanUse) error {
	c := r.heap.process.Image.Cursor()
	s := c.Addr(at)
	for n := 0; s != 0 && c.Err() == nil; n++ {
		if n > len(r.byAddr) {
			return fmt.Errorf("the list of spans at %v runs in a circle", at)
		}
		i := sort.Search(len(r.byAddr), func(i int) bool { return r.heap.Spans[r.byAddr[i]].Addr >= s })
		if i < len(r.byAddr) && r.heap.Spans[r.byAddr[i]].Addr == s && r.use[r.byAddr[i]] == otherSpan {
			r.use[r.byAddr[i]] = use
		}
		s = c.Addr(s + image.Addr(next))
	}
	return c.Err()
}

// stackPools marks the spans with free stacks (stack.go, stackpool, stackLarge).
func (r *manualReader) stackPools() error {
	l := r.heap.process.Layout()
	next, pool, large := l.Struct("runtime.mspan"), l.Struct("runtime.stackpool[]"), l.Struct("runtime.stackLarge")
	link, first, free := next.Offset("next"), pool.Offset("item.span.first"), large.Array("free")
	for _, s := range []*layout.Struct{next, pool, large} {
		if err := s.Err(); err != nil {
			return err
		}
	}
	at, err := r.heap.global("runtime.stackpool")
	if err != nil {
		return err
	}
	for i := range uint64(stackOrders) {
		if err := r.list(at+image.Addr(i*pool.Size()+first), link, stackSpan); err != nil {
			return err
		}
	}
	if at, err = r.heap.global("runtime.stackLarge"); err != nil {
		return err
	}
	for i := range free.Len {
		if err := r.list(at+image.Addr(free.Offset+i*free.Stride), link, stackSpan); err != nil {
			return err
		}
	}
	return nil
}

// stackOrders is how many sizes of small stacks there are (malloc.go,
// _NumStackOrders on linux).
const stackOrders = 4

// stackCaches marks the spans of the free stacks that the processors keep.
func (r *manualReader) stackCaches() error {
	h := r.heap
	p, cache := h.process.Layout().Struct("runtime.p"), h.process.Layout().Struct("runtime.mcache")
	mcache, lists := p.Offset("mcache"), cache.Array("stackcache")
	for _, s := range []*layout.Struct{p, cache} {
		if err := s.Err(); err != nil {
			return err
		}
	}
	processors, err := h.processors()
	if err != nil {
		return err
	}
	c := h.process.Image.Cursor()
	for _, at := range processors {
		m := c.Addr(at + image.Addr(mcache))
		for i := range lists.Len {
			if m == 0 {
				break
			}
			// stackfreelist{list, size}: a list through the first words of the stacks.
			s := c.Addr(m + image.Addr(lists.Offset+i*lists.Stride))
			for n := 0; s != 0 && n < maxCachedStacks && c.Err() == nil; n++ {
				r.mark(s)
				s = c.Addr(s)
			}
		}
	}
	return c.Err()
}

// maxCachedStacks bounds a processor's list of free stacks: they have at most
// 32 KiB together, the smallest 2 KiB each (malloc.go, _StackCacheSize).
const maxCachedStacks = 1 << 6

// workBuffers marks the spans of the collector's lists (mgcwork.go).
func (r *manualReader) workBuffers() error {
	work, span := r.heap.process.Layout().Struct("runtime.workType"), r.heap.process.Layout().Struct("runtime.mspan")
	free, busy, next := work.Offset("wbufSpans.free.first"), work.Offset("wbufSpans.busy.first"), span.Offset("next")
	for _, s := range []*layout.Struct{work, span} {
		if err := s.Err(); err != nil {
			return err
		}
	}
	at, err := r.heap.global("runtime.work")
	if err != nil {
		return err
	}
	for _, list := range []uint64{free, busy} {
		if err := r.list(at+image.Addr(list), next, workBufferSpan); err != nil {
			return err
		}
	}
	return nil
}
