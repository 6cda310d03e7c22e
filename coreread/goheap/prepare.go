package goheap

import (
	"context"
	"fmt"

	"postmortem/internal/bulk"
	"postmortem/internal/parallel"
)

// PreparePointers reads the pointer words of all spans with so many workers at
// once, so that PointerBits has them. It takes a 64th of the memory of the spans.
func (h *Heap) PreparePointers(ctx context.Context, workers int) error {
	h.pointerAt = make([]uint32, len(h.Spans))
	n := 0
	for i := range h.Spans {
		if s := &h.Spans[i]; s.InUse() && !s.NoScan {
			h.pointerAt[i] = uint32(n)
			n += pointerWords(s)
		}
	}
	h.pointers = bulk.Make[uint64](n)
	const batch = 64 // spans
	parallel.Each(workers, (len(h.Spans)+batch-1)/batch, func(_, part int) {
		if ctx.Err() != nil {
			return
		}
		for i := part * batch; i < min((part+1)*batch, len(h.Spans)); i++ {
			if s := &h.Spans[i]; s.InUse() && !s.NoScan {
				h.PointerWords(s, 0, h.PointerBits(i))
			}
		}
	})
	// Not as they are met: that would be in another order each time.
	if n, first := h.masks.unreadable(); n > 0 {
		h.gap(fmt.Sprintf("the pointers of objects of %d types that could not be read", n), first, 0)
	}
	return ctx.Err()
}

// pointerWords is how many words of 64 bits PointerBits has for a span.
func pointerWords(s *Span) int { return (len(s.Data)/8 + 63) / 64 }

// PointerBits returns which words of span i hold pointers of allocated objects:
// bit k of word j is the word 64*j+k, counted from the span's start. It is empty
// for spans without pointers, and before PreparePointers.
func (h *Heap) PointerBits(i int) []uint64 {
	s := &h.Spans[i]
	if !s.InUse() || s.NoScan || h.pointers == nil {
		return nil
	}
	at := h.pointerAt[i]
	return h.pointers[at : int(at)+pointerWords(s)]
}
