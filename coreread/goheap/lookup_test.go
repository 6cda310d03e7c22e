package goheap_test

import (
	"testing"

	"postmortem/coreread/goheap"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
	"postmortem/internal/testcores"
)

// TestLookupsAreDivisions looks up every word of every arena, and of what lies
// around them, and finds what dividing by the size of the span's slots gives.
func TestLookupsAreDivisions(t *testing.T) {
	for _, c := range testcores.All(t) {
		if c.Cut != 0 || c.Program != "heap" || c.Variant != "plain" {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			checkLookups(t, read(t, c))
		})
	}
}

func checkLookups(t *testing.T, h *goheap.Heap) {
	spans := map[image.Addr]int32{} // by page
	for i := range h.Spans {
		for a := h.Spans[i].Start; a < h.Spans[i].End(); a += layout.PageSize {
			spans[a] = int32(i)
		}
	}
	const words = layout.PageSize / 8
	for _, arena := range h.Arenas {
		for page := arena.Start - layout.PageSize; page < arena.End+layout.PageSize; page += layout.PageSize {
			var want, got [words]goheap.Place
			var addrs [words]image.Addr
			var objects [words]uint64
			for i := range want {
				a := page + image.Addr(8*i) + image.Addr(i%8)
				want[i] = divide(h, spans, a)
				addrs[i], objects[i] = a, uint64(a)
			}
			h.Locate(addrs[:], got[:])
			h.FindObjects(objects[:])
			for i, w := range want {
				o, off, ok := h.Find(addrs[i])
				if g := got[i]; w.Span != g.Span || w.Object != g.Object || w.Object != goheap.Object(objects[i]) || w.Object != o || ok != (o != goheap.NoObject) ||
					ok && (w.Offset != g.Offset || w.Slot != g.Slot || w.Offset != off) {
					t.Fatalf("%v is %+v by division, %+v in a batch, %d among objects, %d + %d alone", addrs[i], w, g, objects[i], o, off)
				}
			}
		}
	}
}

// divide looks up an address the slow way.
func divide(h *goheap.Heap, spans map[image.Addr]int32, a image.Addr) goheap.Place {
	p := goheap.Place{Span: -1, Object: goheap.NoObject}
	i, ok := spans[a&^(layout.PageSize-1)]
	if !ok {
		return p
	}
	p.Span = i
	s := &h.Spans[i]
	if !s.InUse() {
		return p
	}
	slot := uint64(a-s.Start) / s.ElemBytes
	if slot >= uint64(s.Slots) {
		return p
	}
	p.Slot, p.Offset = uint32(slot), int64(uint64(a-s.Start)%s.ElemBytes)-int64(s.Header)
	allocated, first := h.Allocated(s, int(slot/64))
	if allocated>>(slot%64)&1 == 0 {
		return p
	}
	p.Object = first
	for ; slot%64 != 0; slot-- {
		if allocated>>((slot-1)%64)&1 != 0 {
			p.Object++
		}
	}
	return p
}
