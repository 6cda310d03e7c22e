package goheap

import (
	"fmt"
	"slices"

	"postmortem/coreread/image"
	"postmortem/coreread/layout"
	"postmortem/internal/bulk"
)

// maxArenas is how many arenas a 48-bit address space has (src/runtime/malloc.go,
// arenaL2Bits on linux).
const maxArenas = 1 << 22

// endOfUser is where the kernel's half of the address space begins at the latest: on
// amd64, a half of the arenas that can be numbered lies there.
const endOfUser = 1 << 48

// readArenas reads which arenas the allocator reserved.
func (h *Heap) readArenas(mheap image.Addr) error {
	c, base := h.process.Image.Cursor(), image.Addr(h.process.Layout().ArenaBaseOffset())
	for _, at := range h.offsets.arenaLists {
		list, n := c.Addr(mheap+image.Addr(at)), c.Uint64(mheap+image.Addr(at)+8)
		if err := c.Err(); err != nil {
			return fmt.Errorf("reading runtime.mheap_: %w", err)
		}
		if n > maxArenas {
			return fmt.Errorf("runtime.mheap_ lists %d arenas: the heap's structures are damaged", n)
		}
		b, err := h.process.Image.Bytes(list, n*8)
		if err != nil {
			return fmt.Errorf("reading the list of heap arenas: %w", err)
		}
		for ; len(b) >= 8; b = b[8:] {
			i := h.process.Image.ByteOrder().Uint64(b)
			if i >= maxArenas {
				h.gap(fmt.Sprintf("arena %d in the list of heap arenas cannot be", i), list, 0)
				continue
			}
			start := base + image.Addr(i*layout.ArenaBytes)
			if start >= endOfUser {
				h.gap(fmt.Sprintf("arena %d in the list of heap arenas is not in the process's memory", i), list, 0)
				continue
			}
			h.Arenas = append(h.Arenas, image.Range{Start: start, End: start + layout.ArenaBytes})
		}
	}
	slices.SortFunc(h.Arenas, func(a, b image.Range) int {
		if a.Start < b.Start {
			return -1
		}
		return 1
	})
	h.Arenas = slices.Compact(h.Arenas)
	h.headers = h.process.Layout().Has(layout.AllocHeaders)
	h.scanIndexWaits = h.process.Layout().Has(layout.ScanIndexWaits)
	h.inlineMarks = h.process.Layout().Has(layout.GreenTea)
	return h.bindBitmaps(mheap)
}

// inArena reports whether n bytes from a on lie in reserved arenas.
func (h *Heap) inArena(a image.Addr, n uint64) bool {
	i, ok := slices.BinarySearchFunc(h.Arenas, a, func(r image.Range, a image.Addr) int {
		switch {
		case r.End <= a:
			return -1
		case r.Start > a:
			return 1
		}
		return 0
	})
	if !ok {
		return false
	}
	end := h.Arenas[i].End
	for i++; end < a+image.Addr(n) && i < len(h.Arenas) && h.Arenas[i].Start == end; i++ {
		end = h.Arenas[i].End
	}
	return a+image.Addr(n) <= end
}

// pageIndex finds the slot of an address: a table of the arenas between the
// lowest and the highest, and for each a table of its pages. Loads of memory that
// may be in no cache, a page and often a slotWord, are most of what marking costs;
// so a page takes few bytes, and in a full span the slotWord is not needed.
type pageIndex struct {
	base    image.Addr // of the lowest arena
	arenas  []int32    // index of the arena's first entry in pages, in units of pagesPerArena
	pages   []page
	spans   []int32 // by page: index in Heap.Spans; -1 for none
	layouts [256]slotLayout
}

// page is what finding an object on one page takes.
type page struct {
	// first is the number of the first object in a full span, else the index in Heap.slots.
	first uint32
	// place has the span class, whether the span is full, and which of its span's
	// pages the page is. A page without slots is like one whose slots are free.
	place uint32
}

const (
	classShift   = 24
	fullSpan     = 1 << 23
	maxSpanPages = fullSpan // 64 GiB
)

// slotLayout is how spans of a class are divided. A span of class 0 has one slot,
// whatever its size.
type slotLayout struct {
	bytes   uint64
	divisor uint64 // slot = distance * divisor >> 32
	slots   uint64 // 0 when no span is of the class
	header  uint64 // bytes of the malloc header
}

// distance returns how far an address on the page is from the span's start.
func (p page) distance(a image.Addr) uint64 {
	return uint64(p.place%maxSpanPages)*layout.PageSize + uint64(a)%layout.PageSize
}

func (x *pageIndex) layout(p page) *slotLayout { return &x.layouts[p.place>>classShift] }

// slot returns which slot a distance is in. Behind the last slot of a span may
// seem to be others, which are free.
func (l *slotLayout) slot(distance uint64) uint64 { return distance * l.divisor >> 32 }

// enter makes the page of a span's start.
func (x *pageIndex) enter(s *Span) page {
	class := s.Class << 1
	if s.NoScan {
		class |= 1
	}
	if !s.InUse() || s.Slots == 0 {
		return page{}
	}
	l := &x.layouts[class]
	if l.slots == 0 {
		l.slots, l.header = uint64(s.Slots), s.Header
		if s.Class != 0 {
			l.bytes, l.divisor = s.ElemBytes, uint64(^uint32(0)/uint32(s.ElemBytes)+1)
		}
	}
	p := page{s.words, uint32(class) << classShift}
	if s.Count == s.Slots && uint64(s.Slots) == l.slots {
		p.first = uint32(s.First)
		p.place |= fullSpan
	}
	return p
}

const pagesPerArena = layout.ArenaBytes / layout.PageSize

// find returns the number of the address's page, which is 0 outside of all arenas.
func (x *pageIndex) find(a image.Addr) uint64 {
	d := uint64(a - x.base)
	arena := d / layout.ArenaBytes
	if arena >= uint64(len(x.arenas)) {
		return 0
	}
	return uint64(x.arenas[arena])*pagesPerArena + d%layout.ArenaBytes/layout.PageSize
}

// build enters the spans. The first block of pages is that of arenas without any.
func (x *pageIndex) build(arenas []image.Range, spans []Span) {
	blocks := 1
	if len(arenas) > 0 {
		x.base = arenas[0].Start
		x.arenas = make([]int32, uint64(arenas[len(arenas)-1].End-x.base)/layout.ArenaBytes)
		x.eachArena(spans, func(arena uint64) {
			if x.arenas[arena] == 0 {
				x.arenas[arena] = int32(blocks)
				blocks++
			}
		})
	}
	x.pages = bulk.Make[page](blocks * pagesPerArena)
	x.spans = bulk.Make[int32](blocks * pagesPerArena)
	for i := range x.spans {
		x.spans[i] = -1
	}
	for i := range spans {
		s := &spans[i]
		p := x.enter(s)
		for a := s.Start; a < s.End(); a += layout.PageSize {
			at := x.find(a)
			x.pages[at], x.spans[at] = p, int32(i)
			p.place++
		}
	}
}

// eachArena visits the arenas that the spans lie in, by address; some twice.
func (x *pageIndex) eachArena(spans []Span, visit func(arena uint64)) {
	for i := range spans {
		last := uint64(spans[i].End()-1-x.base) / layout.ArenaBytes
		for arena := uint64(spans[i].Start-x.base) / layout.ArenaBytes; arena <= last; arena++ {
			visit(arena)
		}
	}
}

// Bounds of the index of a heap: an arena takes 96 KiB of it, and a core that was
// cut short may name many of which it holds little.
const (
	freeArenas  = 256
	arenaFactor = 64 << 10 // bytes of the image that stand for one more arena
)

// boundArenas drops the spans, which are ordered, from the arena on with which
// the index would be larger than the core justifies.
func (h *Heap) boundArenas() (whole bool) {
	var present uint64
	for _, s := range h.process.Image.Segments() {
		present += s.Len()
	}
	most := freeArenas + present/arenaFactor
	var arenas, last uint64
	for i := range h.Spans {
		s := &h.Spans[i]
		first, end := uint64(s.Start)/layout.ArenaBytes, uint64(s.End()-1)/layout.ArenaBytes
		arenas += end - first
		if i == 0 || first != last {
			arenas++
		}
		if last = end; arenas > most {
			h.gap(fmt.Sprintf("%d spans in more arenas than the core can stand for", len(h.Spans)-i), s.Start, 0)
			h.Spans = h.Spans[:i]
			return false
		}
	}
	return true
}
