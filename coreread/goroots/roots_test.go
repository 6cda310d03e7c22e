package goroots_test

import (
	"context"
	"testing"

	"postmortem/coreread"
	"postmortem/coreread/goheap"
	"postmortem/coreread/goroots"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/internal/testcores"
)

func open(t testing.TB, core, binary string) *gort.Process {
	t.Helper()
	snap, err := coreread.Open(context.Background(), coreread.Config{Core: core, Binary: binary})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { snap.Close() })
	return snap.Runtime
}

// Every committed core's goroutines are walked whole, every root lies where its
// kind says, and one that its map calls a pointer leads to an allocated object or
// out of the heap: whatever is taken for alive and is not leads, sooner or later,
// to memory that has been freed.
func TestEveryRootIsInItsPlace(t *testing.T) {
	for _, c := range testcores.All(t) {
		t.Run(c.Name, func(t *testing.T) {
			if c.Cut != 0 {
				p := open(t, c.CorePath(t), c.BinaryPath(t))
				r, err := goroots.New(p)
				if err != nil {
					t.Fatal(err)
				}
				p.Goroutines(func(g *gort.Goroutine) { checkGoroutine(t, c, r, p, g) })
				return
			}
			p, h, r := openHeap(t, c)
			globals, leads := 0, 0
			eachRoot(t, p, h, r, func(g *gort.Goroutine, f *gort.LiveFrame, s goroots.Slot) {
				if s.Kind == goroots.Global {
					globals++
					checkValue(t, p, s)
				}
				if h.FindObject(s.Value) != goheap.NoObject {
					leads++
				} else if _, ok := h.SpanIndex(s.Value); ok && !s.Conservative {
					t.Errorf("%+v leads to no object (%+v)", s, f)
				}
			})
			if globals < 500 || leads < 20 {
				t.Errorf("%d pointers in global variables, %d roots lead to objects", globals, leads)
			}
			p.Goroutines(func(g *gort.Goroutine) { checkGoroutine(t, c, r, p, g) })
		})
	}
}

func checkValue(t *testing.T, p *gort.Process, s goroots.Slot) {
	t.Helper()
	if v, err := p.Image.Addr(s.At); s.Value == 0 || err != nil || v != s.Value {
		t.Errorf("%v at %v is %v there (%v)", s.Value, s.At, v, err)
	}
}

func checkGoroutine(t *testing.T, c *testcores.Core, r *goroots.Reader, p *gort.Process, g *gort.Goroutine) {
	t.Helper()
	type place struct {
		at   image.Addr
		kind goroots.Kind
	}
	seen := map[place]bool{}
	err := r.Goroutine(g, func(f *gort.LiveFrame, s goroots.Slot) {
		if s.Kind == goroots.Register {
			if s.At != 0 || s.Register == "" || !s.Conservative {
				t.Errorf("g%d: %+v is no register", g.ID, s)
			}
			return
		}
		checkValue(t, p, s)
		if seen[place{s.At, s.Kind}] {
			t.Errorf("g%d: %+v was visited twice", g.ID, s)
		}
		seen[place{s.At, s.Kind}] = true
		if g.Stack.Contains(s.Value) {
			t.Errorf("g%d: %+v points into its own stack", g.ID, s)
		}
		within := image.Range{Start: g.Addr, End: g.Addr + 1024}
		switch s.Kind {
		case goroots.Local:
			within = f.Body
		case goroots.Argument:
			within = image.Range{Start: f.Argp, End: f.Argp + image.Addr(max(f.Func.Args(), 0))}
			if f.Func.Name() == "reflect.makeFuncStub" || f.Func.Name() == "reflect.methodValueCall" {
				within.End = g.Stack.End
			}
		case goroots.StackObject:
			within = image.Range{Start: f.SP, End: g.Stack.End}
		case goroots.DeferRecord, goroots.DeferFunc:
			return // on the heap, or anywhere on the stack
		case goroots.Unwalked, goroots.Vector:
			t.Logf("g%d: %+v", g.ID, s)
			return
		}
		if !within.Contains(s.At) {
			t.Errorf("g%d: %+v is not in %v-%v (%s)", g.ID, s, within.Start, within.End, f.Func.Name())
		}
	})
	if err != nil && c.Cut == 0 {
		t.Error(err)
	}
}
