package heap

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/coreread/goheap"
	"postmortem/internal/testcores"
)

// near reports whether two counts differ by no more than slack.
func near(a, b, slack uint64) bool { return max(a, b)-min(a, b) <= slack }

// TestMemoryOfEveryCore divides the memory of each core that is not cut.
func TestMemoryOfEveryCore(t *testing.T) {
	for _, c := range testcores.All(t) {
		if c.Cut != 0 {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			h, snap, doc := divided(t, c)
			checkAccounting(t, c, snap, doc)
			checkLayout(t, c, h, doc)
			checkSpans(t, c, h, doc)
			checkMarks(t, c, h, doc)
		})
	}
}

// checkLayout holds the division of the heap against the MemStats that the
// process printed shortly before its end.
func checkLayout(t *testing.T, c *testcores.Core, h *goheap.Heap, doc *facts.Heap) {
	said := c.Truth(t)
	var mapped uint64
	for _, a := range doc.Arenas {
		mapped += a.MappedBytes.V
		if a.ReservedBytes != 64<<20 || a.MappedBytes.V > a.ReservedBytes || a.InCoreBytes > a.MappedBytes.V {
			t.Errorf("arena %+v", a)
		}
	}
	if sum := doc.Pages.InUseBytes.V + doc.Pages.IdleBytes.V + doc.Pages.ReleasedBytes.V; sum != mapped {
		t.Errorf("pages have %d bytes, the arenas' mappings %d", sum, mapped)
	}
	if doc.Stacks.InUseBytes.V == 0 || doc.Stacks.InUseBytes.V > doc.Stacks.Bytes.V {
		t.Errorf("stacks %+v", doc.Stacks)
	}
	if c.Scenario == "overflow" || c.Scenario == "gcphase" || c.Scenario == "mark" {
		return // these went on for a while after the print
	}
	manual, err := h.ManualSpans()
	if err != nil {
		t.Fatal(err)
	}
	// Dying takes some memory: a heap grows by 4 MiB at once.
	const dying = 512 << 10
	others := manual.StackBytes + manual.WorkBuffers + manual.Other
	if sys := mapped - others; !near(sys, said.HeapSys, dying) && !near(sys, said.HeapSys+4<<20, dying) {
		t.Errorf("HeapSys is %d, the process said %d", sys, said.HeapSys)
	}
	if n := doc.Pages.InUseBytes.V - others; !near(n, said.HeapInuse, dying) {
		t.Errorf("HeapInuse is %d, the process said %d", n, said.HeapInuse)
	}
	if !near(doc.Stacks.Bytes.V, said.StackInuse, dying) {
		t.Errorf("StackInuse is %d, the process said %d", doc.Stacks.Bytes.V, said.StackInuse)
	}
}

// checkSpans checks the table of span classes in itself, and where the heap
// was idle against the process's own.
func checkSpans(t *testing.T, c *testcores.Core, h *goheap.Heap, doc *facts.Heap) {
	sizes := map[uint64]uint64{}
	var objects, spans uint64
	for i, s := range doc.Spans.ByClass {
		objects += s.Objects
		spans += uint64(s.Spans)
		sizes[s.ObjectBytes] += s.Objects
		if s.Class != 0 && (s.Objects+s.FreeSlots)*s.ObjectBytes+s.TailBytes != s.Bytes {
			t.Errorf("class %+v does not add up", s)
		}
		if i > 0 {
			before := doc.Spans.ByClass[i-1]
			if before.Class > s.Class || before.Class == s.Class && (before.NoScan || !s.NoScan) {
				t.Errorf("class %+v stands behind %+v", s, before)
			}
		}
	}
	if objects != uint64(h.Objects()) || objects != doc.Books.SlotsByBits || doc.Books.Agree != facts.Some(true) {
		t.Errorf("%d objects in the classes, %d in the heap, books %+v", objects, h.Objects(), doc.Books)
	}
	if n := uint64(doc.Spans.InUse); n != spans+uint64(doc.Stacks.Spans.V) {
		t.Errorf("%d spans, %d with objects and %d with stacks", n, spans, doc.Stacks.Spans.V)
	}
	if sizes[0] != doc.LargeObjects.Objects || doc.LargeObjects.TopTotal != int(sizes[0]) || len(doc.LargeObjects.Top) != min(int(sizes[0]), facts.LargeObjectsCap) {
		t.Errorf("%d large objects, said to be %d", sizes[0], doc.LargeObjects.Objects)
	}
	for i, o := range doc.LargeObjects.Top {
		if i > 0 && o.Bytes > doc.LargeObjects.Top[i-1].Bytes || !o.Reachable.Known || o.Type.Known {
			t.Errorf("large object %d: %+v", i, o)
		}
	}
	for _, s := range c.Truth(t).BySize {
		if size, live := s[0], s[1]-s[2]; c.Scenario == "plain" && !near(sizes[size], live, 100) {
			t.Errorf("%d objects of %d bytes, the process said %d", sizes[size], size, live)
		}
	}
}

// checkMarks makes sure that each object is marked, unmarked or
// new, and that the marks mean what they did to the collector.
func checkMarks(t *testing.T, c *testcores.Core, h *goheap.Heap, doc *facts.Heap) {
	m := doc.Marks
	if m.Marked == nil || m.Unmarked == nil || (m.AllocatedSince == nil) != h.Marking {
		t.Fatalf("marks %+v", m)
	}
	sum := facts.Tally{Objects: m.Marked.Objects + m.Unmarked.Objects, Bytes: m.Marked.Bytes + m.Unmarked.Bytes}
	if m.AllocatedSince != nil {
		sum.Objects += m.AllocatedSince.Objects
		sum.Bytes += m.AllocatedSince.Bytes
	}
	if sum.Objects != doc.Books.SlotsByBits || sum.Bytes != doc.Books.BytesByBits {
		t.Errorf("marks are of %d objects and %d bytes, the heap has %d and %d", sum.Objects, sum.Bytes, doc.Books.SlotsByBits, doc.Books.BytesByBits)
	}
	unswept := 0
	for _, s := range doc.Spans.ByClass {
		unswept += s.UnsweptSpans
	}
	if m.UnsweptSpans != facts.Some(unswept) {
		t.Errorf("%v unswept spans, by class %d", m.UnsweptSpans, unswept)
	}
	if unswept == 0 && !h.Marking && m.Unmarked.Objects != 0 {
		t.Errorf("all is swept, and %d objects are not marked", m.Unmarked.Objects)
	}
	if said := c.Truth(t); said.NumGC == 0 && !h.Marking && m.Marked.Objects != 0 {
		t.Errorf("no collection, and %d objects are marked", m.Marked.Objects)
	} else if said.Heap != nil && unswept > 0 && !h.Marking && m.Unmarked.Objects < total(said.Heap.Unswept)/2 {
		t.Errorf("%d objects are not marked, the process left %d", m.Unmarked.Objects, total(said.Heap.Unswept))
	}
}

func total(counts map[string]int) (n uint64) {
	for _, c := range counts {
		n += uint64(c)
	}
	return n
}
