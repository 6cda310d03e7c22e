package goroots_test

import (
	"context"
	"testing"

	"postmortem/coreread"
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

// Every committed core's goroutines are walked whole, and every root lies where
// its kind says.
func TestEveryRootIsInItsPlace(t *testing.T) {
	for _, c := range testcores.All(t) {
		t.Run(c.Name, func(t *testing.T) {
			p := open(t, c.CorePath(t), c.BinaryPath(t))
			r, err := goroots.New(p)
			if err != nil {
				t.Fatal(err)
			}
			globals := 0
			r.Globals(func(s goroots.Slot) {
				if globals++; s.Kind != goroots.Global || s.Conservative {
					t.Fatalf("%+v is no global", s)
				}
				checkValue(t, p, s)
			})
			if globals < 500 {
				t.Errorf("%d pointers in global variables", globals)
			}
			p.Goroutines(func(g *gort.Goroutine) { checkGoroutine(t, c, p, r, g) })
		})
	}
}

func checkValue(t *testing.T, p *gort.Process, s goroots.Slot) {
	t.Helper()
	if v, err := p.Image.Addr(s.At); s.Value == 0 || err != nil || v != s.Value {
		t.Errorf("%v at %v is %v there (%v)", s.Value, s.At, v, err)
	}
}

func checkGoroutine(t *testing.T, c *testcores.Core, p *gort.Process, r *goroots.Reader, g *gort.Goroutine) {
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
