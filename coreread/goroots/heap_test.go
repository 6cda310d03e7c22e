package goroots_test

import (
	"context"
	"math/bits"
	"testing"

	"postmortem/coreread/goheap"
	"postmortem/coreread/goroots"
	"postmortem/coreread/gort"
	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
	"postmortem/internal/testcores"
)

func openHeap(t *testing.T, c *testcores.Core) (*gort.Process, *goheap.Heap, *goroots.Reader) {
	t.Helper()
	p := open(t, c.CorePath(t), c.BinaryPath(t))
	u, err := gotypes.New(p)
	if err != nil {
		t.Fatal(err)
	}
	h, err := goheap.Read(p, u)
	if err != nil {
		t.Fatal(err)
	}
	r, err := goroots.New(p)
	if err != nil {
		t.Fatal(err)
	}
	return p, h, r
}

// eachRoot visits all roots there are, each with its goroutine and frame if it has one.
func eachRoot(t *testing.T, p *gort.Process, h *goheap.Heap, r *goroots.Reader, visit func(*gort.Goroutine, *gort.LiveFrame, goroots.Slot)) {
	t.Helper()
	plain := func(s goroots.Slot) { visit(nil, nil, s) }
	r.Globals(plain)
	p.Goroutines(func(g *gort.Goroutine) {
		if err := r.Goroutine(g, func(f *gort.LiveFrame, s goroots.Slot) { visit(g, f, s) }); err != nil {
			t.Error(err)
		}
	})
	r.Specials(h, func(s *goroots.Special) {
		s.Roots(plain)
		if s.PtrType != 0 {
			r.Referents(h, s, plain)
		}
	})
	r.Queues(func(q *goroots.QueuedCall) { q.Roots(plain) })
	r.TinyBlocks(plain)
}

// mark follows all pointers from the roots.
func mark(t *testing.T, p *gort.Process, h *goheap.Heap, r *goroots.Reader) []bool {
	t.Helper()
	if err := h.PreparePointers(context.Background(), 1); err != nil {
		t.Fatal(err)
	}
	reached := make([]bool, h.Objects())
	var todo []goheap.Object
	put := func(a image.Addr) {
		if o := h.FindObject(a); o != goheap.NoObject && !reached[o] {
			reached[o] = true
			todo = append(todo, o)
		}
	}
	eachRoot(t, p, h, r, func(_ *gort.Goroutine, _ *gort.LiveFrame, s goroots.Slot) { put(s.Value) })
	for len(todo) > 0 {
		o := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		s := h.SpanOf(o)
		i, _ := h.SpanIndex(s.Start)
		pointers := h.PointerBits(i)
		from := uint64(h.Address(o)-s.Start) / 8
		for w := from; w < from+s.ElemBytes/8 && w/64 < uint64(len(pointers)); w++ {
			if pointers[w/64]>>(w%64)&1 != 0 {
				v, err := p.Image.Addr(s.Start + image.Addr(8*w))
				if err != nil {
					t.Fatal(err)
				}
				put(v)
			}
		}
	}
	return reached
}

// What the process's own collector had marked when a cycle ended is reachable.
func TestReachesWhatTheCollectorMarked(t *testing.T) {
	for _, c := range heapCores(t, "sweep") {
		t.Run(c.Name, func(t *testing.T) {
			p, h, r := openHeap(t, c)
			reached := mark(t, p, h, r)
			marked, missed := 0, 0
			for i := range h.Spans {
				s := &h.Spans[i]
				marks, ok := h.Marks(s)
				if !ok {
					continue
				}
				for word := range s.AllocatedWords() {
					allocated, o := h.Allocated(s, word)
					for ; allocated != 0; allocated &= allocated - 1 {
						if marks[word]>>bits.TrailingZeros64(allocated)&1 != 0 {
							if marked++; !reached[o] {
								missed++
							}
						}
						o++
					}
				}
			}
			if marked < 10000 || missed > 0 {
				t.Errorf("of %d marked objects %d are not reached", marked, missed)
			}
		})
	}
}

// heapCores are the cores of the program that knows its heap, in one of its
// scenarios; any for "".
func heapCores(t *testing.T, scenario string) []*testcores.Core {
	var list []*testcores.Core
	for _, c := range testcores.All(t) {
		if c.Program == "heap" && (c.Scenario == scenario || scenario == "") {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		t.Fatal("there is no core of the program heap")
	}
	return list
}

// Objects that the goroutines of a function refer to from its frames, from that
// of a panic and from deferred calls, by their bytes: see the scenario's stacks.go.
var kept = map[string]map[uint64]int{
	"main.holder":       {40 << 10: 1, 32: 1}, // block and first node
	"main.withArgument": {48: 1},              // local
	"main.withDefers":   {16: 5},              // closures
	"main.panicking":    {64: 1},              // panicArg, in the record of the panic
	"main.recurse":      {96: 31},             // recursionArg
}

func TestKnownStacksKeepWhatTheyHold(t *testing.T) {
	for _, c := range heapCores(t, "") {
		t.Run(c.Name, func(t *testing.T) {
			p, h, r := openHeap(t, c)
			stacks := map[string]int{}
			p.Goroutines(func(g *gort.Goroutine) {
				within := ""
				p.EachFrame(g, func(f *gort.LiveFrame) {
					if name := f.Func.Name(); kept[name] != nil {
						within = name
					}
				})
				if within == "" {
					return
				}
				stacks[within]++
				for size, n := range kept[within] {
					if got := objectsOfSize(t, h, r, g, within, size); got != n {
						t.Errorf("g%d in %s: %d objects of %d bytes, not %d", g.ID, within, got, size, n)
					}
				}
			})
			if stacks["main.holder"] != 20 || stacks["main.withArgument"] != 4 || len(stacks) != len(kept) {
				t.Errorf("stacks: %v", stacks)
			}
		})
	}
}

func objectsOfSize(t *testing.T, h *goheap.Heap, r *goroots.Reader, g *gort.Goroutine, within string, size uint64) int {
	t.Helper()
	seen := map[goheap.Object]bool{}
	err := r.Goroutine(g, func(f *gort.LiveFrame, s goroots.Slot) {
		if s.Conservative {
			t.Errorf("g%d: %+v", g.ID, s)
		}
		if f != nil && f.Func.Name() != within && f.Func.Name() != "runtime.gopanic" {
			return
		}
		if o := h.FindObject(s.Value); o != goheap.NoObject && h.Size(o) == size {
			seen[o] = true
		}
	})
	if err != nil {
		t.Error(err)
	}
	return len(seen)
}
