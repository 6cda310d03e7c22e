package heap

import (
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"postmortem/analyzer/facts"
	"postmortem/coreread/goheap"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// objectInfo is what was found out about single objects; false is "unknown".
type objectInfo struct {
	typeName  func(goheap.Object) (string, bool)
	reachable func(goheap.Object) (reachable, ok bool)
}

// describeLayout fills where the heap is and how it is divided: arenas, spans,
// pages, stacks, large objects, tiny blocks, marks and books.
func describeLayout(h *goheap.Heap, doc *facts.Heap, objects objectInfo) {
	describeArenas(h, doc)
	describePages(h, doc)
	describeSpans(h, doc)
	describeLarge(h, doc, objects)
	describeMarks(h, doc)
	describeBooks(h, doc)
}

// layoutGap enters what of the division could not be read.
func layoutGap(h *goheap.Heap, what string, err error) {
	h.Process().AddGap(gort.Gap{What: fmt.Sprintf("%s (%v)", what, err), Effect: "how the heap's memory is used is known in part only"})
}

func describeArenas(h *goheap.Heap, doc *facts.Heap) {
	accessible := h.Process().Core.Accessible()
	doc.Arenas, doc.ArenasTotal = []facts.Arena{}, len(h.Arenas)
	for _, a := range h.Arenas[:min(len(h.Arenas), facts.ArenasCap)] {
		arena := facts.Arena{Address: facts.Word(a.Start), ReservedBytes: a.Len()}
		var mapped uint64
		for _, r := range within(accessible, a) {
			mapped += r.Len()
			arena.InCoreBytes += r.Len() - h.Process().Image.Missing(r)
		}
		arena.MappedBytes = facts.Some(mapped)
		doc.Arenas = append(doc.Arenas, arena)
	}
}

// within returns what r has in common with the ranges, which are by address and
// do not overlap.
func within(ranges []image.Range, r image.Range) []image.Range {
	i, _ := slices.BinarySearchFunc(ranges, r.Start, func(e image.Range, a image.Addr) int {
		if e.End <= a {
			return -1
		}
		return 1
	})
	var out []image.Range
	for ; i < len(ranges) && ranges[i].Start < r.End; i++ {
		out = append(out, image.Range{Start: max(ranges[i].Start, r.Start), End: min(ranges[i].End, r.End)})
	}
	return out
}

// describePages fills how the pages and the stacks among them are used.
func describePages(h *goheap.Heap, doc *facts.Heap) {
	var inUse uint64
	for i := range h.Spans {
		inUse += h.Spans[i].Bytes
	}
	if h.Whole {
		doc.Pages.InUseBytes = facts.Some(inUse)
	}
	free, err := h.FreePages()
	if err != nil {
		layoutGap(h, "free pages of the heap", err)
	} else {
		runs, longest := free.Whole()
		doc.Pages.IdleBytes, doc.Pages.ReleasedBytes = facts.Some(free.Idle()), facts.Some(free.Released()+free.Padding)
		doc.Pages.FreeRuns, doc.Pages.LargestFreeBytes = facts.Some(runs), facts.Some(longest)
		doc.Spans.Free = facts.Some(runs)
	}
	manual, err := h.ManualSpans()
	if err != nil {
		layoutGap(h, "stacks in the heap", err)
	} else if h.Whole {
		doc.Stacks = facts.Stacks{
			Spans: facts.Some(manual.StackSpans), Bytes: facts.Some(manual.StackBytes),
			InUseBytes: facts.Some(manual.Goroutines),
		}
	}
	doc.Spans.InUse = manual.StackSpans
}

// describeSpans fills the spans by class, and the tiny blocks among them.
func describeSpans(h *goheap.Heap, doc *facts.Heap) {
	var classes [2 * layout.SizeClasses]facts.SpanClass
	for i := range h.Spans {
		s := &h.Spans[i]
		if !s.InUse() {
			continue
		}
		doc.Spans.InUse++
		c := &classes[spanClass(s)]
		if s.Class != 0 {
			c.ObjectBytes = s.ElemBytes
		}
		c.Spans++
		c.Objects += uint64(s.Count)
		c.FreeSlots += uint64(s.Slots - s.Count)
		c.Bytes += s.Bytes
		c.TailBytes += s.Bytes - uint64(s.Slots)*s.ElemBytes
		if s.Unswept {
			c.UnsweptSpans++
		}
	}
	doc.Spans.ByClass = []facts.SpanClass{}
	for i := range classes {
		c := &classes[i]
		if c.Spans > 0 {
			c.Class, c.NoScan = i/2, i%2 != 0
			doc.Spans.ByClass = append(doc.Spans.ByClass, *c)
		}
	}
	tiny := &classes[layout.TinySpanClass]
	doc.TinyBlocks = facts.Tally{Objects: tiny.Objects, Bytes: tiny.Objects * tiny.ObjectBytes}
}

// spanClass is the runtime's number for class and kind of span (mheap.go, makeSpanClass).
func spanClass(s *goheap.Span) int {
	n := 2 * int(s.Class)
	if s.NoScan {
		n++
	}
	return n
}

// describeLarge fills the objects that have a span each, the largest by name.
func describeLarge(h *goheap.Heap, doc *facts.Heap, objects objectInfo) {
	var large []*goheap.Span
	for i := range h.Spans {
		if s := &h.Spans[i]; s.InUse() && s.Class == 0 && s.Count > 0 {
			large = append(large, s)
			doc.LargeObjects.Objects++
			doc.LargeObjects.Bytes += s.ElemBytes
		}
	}
	slices.SortFunc(large, func(a, b *goheap.Span) int {
		return cmp.Or(-cmp.Compare(a.ElemBytes, b.ElemBytes), cmp.Compare(a.Start, b.Start))
	})
	doc.LargeObjects.TopTotal, doc.LargeObjects.Top = len(large), []facts.LargeObject{}
	for _, s := range large[:min(len(large), facts.LargeObjectsCap)] {
		o := facts.LargeObject{Address: facts.Word(s.Start), Bytes: s.ElemBytes}
		if name, ok := objects.typeName(s.First); ok {
			o.Type = facts.Some(name)
		}
		if reachable, ok := objects.reachable(s.First); ok {
			o.Reachable = facts.Some(reachable)
		}
		doc.LargeObjects.Top = append(doc.LargeObjects.Top, o)
	}
}

// describeMarks fills how far the collector was. While it marks, each span's
// marks tell, and what was made in the meantime is marked too. Afterwards they
// tell it of the spans that were not swept yet; in the others the slots that the
// sweep left were marked, the rest is newer.
func describeMarks(h *goheap.Heap, doc *facts.Heap) {
	var marked, unmarked, since facts.Tally
	known, unswept := true, 0
	for i := range h.Spans {
		s := &h.Spans[i]
		if !s.InUse() {
			continue
		}
		if s.Unswept {
			unswept++
		}
		marks, told := h.Marks(s)
		if !told && (s.Unswept || h.Marking) {
			known = false
			continue
		}
		for j := range s.AllocatedWords() {
			allocated, _ := h.Allocated(s, j)
			if told {
				count(&marked, allocated&marks[j], s.ElemBytes)
				count(&unmarked, allocated&^marks[j], s.ElemBytes)
				continue
			}
			survived := h.Survived(s, j)
			count(&marked, allocated&survived, s.ElemBytes)
			count(&since, allocated&^survived, s.ElemBytes)
		}
	}
	doc.Marks.UnsweptSpans = facts.Some(unswept)
	if !known {
		layoutGap(h, "mark bits of the heap", errors.New("some are not in the core"))
		return
	}
	doc.Marks.Marked, doc.Marks.Unmarked = &marked, &unmarked
	if !h.Marking {
		doc.Marks.AllocatedSince = &since
	}
}

// count adds the slots whose bits are set.
func count(t *facts.Tally, slots, size uint64) {
	n := uint64(bits.OnesCount64(slots))
	t.Objects += n
	t.Bytes += n * size
}

// describeBooks fills the counts of objects that are kept apart.
func describeBooks(h *goheap.Heap, doc *facts.Heap) {
	b := h.Books()
	doc.Books = facts.Books{
		SlotsByBits: b.Slots.Slots, SlotsByAllocCount: facts.Some(b.AllocCount.Slots), BytesByBits: b.Slots.Bytes,
	}
	agree := b.Slots == b.AllocCount
	if b.Statistics != nil {
		doc.Books.SlotsByStatistics, doc.Books.BytesByStatistics = facts.Some(b.Statistics.Slots), facts.Some(b.Statistics.Bytes)
		agree = agree && b.Slots == *b.Statistics
	}
	doc.Books.Agree = facts.Some(agree)
}
