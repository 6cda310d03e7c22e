package goheap_test

import (
	"fmt"
	"testing"

	"postmortem/coreread/goheap"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
	"postmortem/internal/testcores"
)

// TestMemoryIsAsCounted holds what the heap's memory is used for against the
// runtime's statistics, byte for byte.
func TestMemoryIsAsCounted(t *testing.T) {
	for _, c := range testcores.All(t) {
		if c.Cut != 0 {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			h := read(t, c)
			checkPages(t, h)
			checkMetadata(t, h)
		})
	}
}

// checkPages is for the page allocator's bitmaps, and what refers to stacks and
// work buffers.
func checkPages(t *testing.T, h *goheap.Heap) {
	counted := h.Process().Collector().Memory
	free, err := h.FreePages()
	if err != nil {
		t.Fatal(err)
	}
	manual, err := h.ManualSpans()
	if err != nil {
		t.Fatal(err)
	}
	same(t, "released", free.Released()+free.Padding, counted.Released)
	if counted.HeapFree != nil {
		same(t, "idle", free.Idle(), counted.HeapFree)
	}
	same(t, "stacks", manual.StackBytes, counted.Stacks)
	same(t, "work buffers", manual.WorkBuffers, counted.WorkBuffers)
	var objects, others uint64
	for i := range h.Spans {
		if s := &h.Spans[i]; s.InUse() {
			objects += s.Bytes
		} else {
			others += s.Bytes
		}
	}
	same(t, "spans of objects", objects, counted.HeapInUse)
	if sum := manual.StackBytes + manual.WorkBuffers + manual.Other; sum != others {
		t.Errorf("manual spans have %d bytes, their uses %d", others, sum)
	}
	if used := manual.Goroutines + manual.Finished + manual.System; used > manual.StackBytes {
		t.Errorf("stacks in use have %d bytes, their spans %d", used, manual.StackBytes)
	}
}

func same(t *testing.T, what string, got uint64, want *uint64) {
	t.Helper()
	if want == nil {
		t.Errorf("%s: no statistics", what)
	} else if got != *want {
		t.Errorf("%s: %d bytes, the statistics say %d", what, got, *want)
	}
}

// TestFreePagesAreNobodys makes sure that every page of the heap's mapped memory
// is of a span, free or padding, and of one of them only.
func TestFreePagesAreNobodys(t *testing.T) {
	h := read(t, testcores.Get(t, "heap-plain-1.27.3-plain"))
	free, err := h.FreePages()
	if err != nil {
		t.Fatal(err)
	}
	of := map[image.Addr]string{}
	enter := func(r image.Range, who string) {
		for a := r.Start; a < r.End; a += layout.PageSize {
			if of[a] != "" {
				t.Fatalf("page %v is %s and %s", a, of[a], who)
			}
			of[a] = who
		}
	}
	for i := range h.Spans {
		enter(image.Range{Start: h.Spans[i].Start, End: h.Spans[i].End()}, fmt.Sprintf("of span %d", i))
	}
	for _, r := range free.Runs {
		enter(r.Range, "free")
	}
	var mapped uint64
	for _, r := range h.Process().Core.Accessible() {
		for _, a := range h.Arenas {
			mapped += image.Range{Start: max(r.Start, a.Start), End: min(r.End, a.End)}.Len()
		}
	}
	if got := uint64(len(of))*layout.PageSize + free.Padding; got != mapped {
		t.Errorf("spans, free pages and padding have %d bytes, the arenas' mappings %d", got, mapped)
	}
	runs, longest := free.Whole()
	var n int
	var most, run uint64
	for _, r := range h.Arenas {
		for a := r.Start; a <= r.End; a += layout.PageSize {
			if a < r.End && of[a] == "free" {
				run += layout.PageSize
				continue
			}
			if run > 0 {
				n++
			}
			most, run = max(most, run), 0
		}
	}
	if runs != n || longest != most {
		t.Errorf("%d runs, the longest %d; page by page %d and %d", runs, longest, n, most)
	}
}

// checkMetadata is for the runtime's own mappings (mstats.go, the *_sys fields).
func checkMetadata(t *testing.T, h *goheap.Heap) {
	m, err := h.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	accessible := h.Process().Core.Accessible()
	var got uint64
	for _, list := range [][]image.Range{m.Index, m.Bits, m.Records, m.Profiles, m.Queues} {
		for i, r := range list {
			for _, s := range list[:i] {
				if s.Start < r.End && r.Start < s.End {
					t.Fatalf("%v and %v overlap", r, s)
				}
			}
			for _, a := range accessible {
				got += image.Range{Start: max(r.Start, a.Start), End: min(r.End, a.End)}.Len()
			}
		}
	}
	p := h.Process()
	at, _, err := p.Exe.Global("runtime.memstats")
	if err != nil {
		t.Fatal(err)
	}
	stats := p.Layout().Struct("runtime.mstats")
	var want uint64
	for _, field := range []string{"mspan_sys", "mcache_sys", "buckhash_sys", "gcMiscSys", "other_sys"} {
		n, err := p.Image.Uint64(at.Add(p.Bias) + image.Addr(stats.Offset(field)))
		if err != nil || stats.Err() != nil {
			t.Fatal(field, err, stats.Err())
		}
		want += n
	}
	// The table of arenas is not counted; each mapping of its own is counted to
	// its content's end, and not to the page's.
	want += 8 << 22
	if slack := uint64(4096 * (len(m.Index) + len(m.Profiles) + len(m.Queues))); got < want || got > want+slack {
		t.Errorf("found %d bytes, the runtime counts %d", got, want)
	}
}
