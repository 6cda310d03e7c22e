package gosync_test

import (
	"cmp"
	"context"
	"slices"
	"testing"

	"postmortem/coreread"
	"postmortem/coreread/gort"
	"postmortem/coreread/gosync"
	"postmortem/coreread/image"
	"postmortem/internal/testcores"
)

// changed returns the process of a core with another memory.
func changed(t *testing.T, name string, change func(p *gort.Process, whole, m *image.Image)) (whole, other *gort.Process) {
	t.Helper()
	c := testcores.Get(t, name)
	s, err := coreread.Open(context.Background(), coreread.Config{Core: c.CorePath(t), Binary: c.BinaryPath(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	core := *s.Core
	core.Image = image.New(s.Core.Image.ByteOrder())
	change(s.Runtime, s.Core.Image, core.Image)
	p, err := gort.New(&core, s.Exe, s.Runtime.Layout(), s.Bias)
	if err != nil {
		t.Fatal(err)
	}
	return s.Runtime, p
}

// withoutStacks adds to m what whole has outside of the goroutines' stacks.
func withoutStacks(p *gort.Process, whole, m *image.Image) {
	var stacks []image.Range
	p.Goroutines(func(g *gort.Goroutine) { stacks = append(stacks, g.Stack) })
	slices.SortFunc(stacks, func(a, b image.Range) int { return cmp.Compare(a.Start, b.Start) })
	for _, s := range whole.Segments() {
		at := s.Start
		for _, stack := range stacks {
			if stack.End > at && stack.Start < s.End {
				if stack.Start > at {
					m.Add(at, s.Data[at-s.Start:stack.Start-s.Start], s.Origin)
				}
				at = min(stack.End, s.End)
			}
		}
		m.Add(at, s.Data[at-s.Start:], s.Origin)
	}
}

// all returns the waits of a process by goroutine, doubtful ones as well.
func all(t *testing.T, p *gort.Process) map[uint64]gosync.Wait {
	t.Helper()
	r, err := gosync.New(p)
	if err != nil {
		t.Fatal(err)
	}
	waits := map[uint64]gosync.Wait{}
	if err := r.Waits(context.Background(), func(w *gosync.Wait) {
		c := *w
		c.Targets = slices.Clone(w.Targets)
		waits[w.Goroutine] = c
	}); err != nil {
		t.Error(err)
	}
	return waits
}

// Where the stacks are lost, channels, and the semaphores of locks are still
// known; whose they are only as far as the wait reason tells, and that is said.
func TestLostStacks(t *testing.T) {
	for _, c := range []struct {
		core                                string
		locksNamed, groupsNamed, condsKnown bool
	}{
		{"waits-shapes-1.18.10-w", false, false, false},
		{"waits-shapes-1.22.12-plain", true, false, false},
		{"waits-shapes-1.27.3-plain", true, true, true},
	} {
		t.Run(c.core, func(t *testing.T) {
			p, lost := changed(t, c.core, withoutStacks)
			whole, waits := all(t, p), all(t, lost)
			if len(waits) < 200 || len(waits) != len(whole) {
				t.Fatalf("%d goroutines wait, %d with their stacks", len(waits), len(whole))
			}
			for id, w := range waits {
				checkLost(t, id, whole[id], w, c.locksNamed, c.groupsNamed, c.condsKnown)
			}
			if len(lost.Gaps()) == 0 {
				t.Error("no gap tells of it")
			}
		})
	}
}

func checkLost(t *testing.T, id uint64, whole, w gosync.Wait, locksNamed, groupsNamed, condsKnown bool) {
	t.Helper()
	named := false
	switch whole.Op {
	case gosync.Select:
		checkLostSelect(t, id, whole, w)
		return
	case gosync.CondWait:
		if known := len(w.Targets) == 1 && w.Targets[0] == whole.Targets[0] && w.Doubt == nil; known != condsKnown || !known && w.Doubt == nil {
			t.Errorf("g%d: %+v", id, w)
		}
		return
	case gosync.Lock, gosync.RLock, gosync.WLock:
		named = locksNamed
	case gosync.WaitGroupWait:
		named = groupsNamed
	case gosync.Semacquire, gosync.FDReadLock:
	default:
		if w.Op != whole.Op || !slices.Equal(w.Targets, whole.Targets) || w.Doubt != nil {
			t.Errorf("g%d: %+v, and with its stack %+v", id, w, whole)
		}
		return
	}
	if len(w.Targets) != 1 || w.Doubt == nil || w.Targets[0].Sema != whole.Targets[0].Sema || w.Targets[0].Sudog != whole.Targets[0].Sudog {
		t.Errorf("g%d: %+v, and with its stack %+v", id, w, whole)
		return
	}
	kind := w.Targets[0].Kind
	switch {
	case !named && (kind != gosync.Semaphore || w.Op != gosync.Semacquire),
		named && kind == gosync.Semaphore,
		named && kind == whole.Targets[0].Kind && w.Targets[0].Addr != whole.Targets[0].Addr:
		t.Errorf("g%d: %+v, and with its stack %+v", id, w, whole)
	}
}

// checkLostSelect checks that a select without its stack has the same channels
// and sides, and no cases.
func checkLostSelect(t *testing.T, id uint64, whole, w gosync.Wait) {
	t.Helper()
	want := slices.Clone(whole.Targets)
	for i := range want {
		want[i].Case = -1
	}
	bySudog := func(a, b gosync.Target) int { return cmp.Compare(a.Sudog, b.Sudog) }
	slices.SortFunc(want, bySudog)
	slices.SortFunc(w.Targets, bySudog)
	// That it has no channel at all only the cases tell.
	if w.Op != gosync.Select || (w.Doubt == nil) != (len(want) > 0) || w.Cases != -1 || !slices.Equal(w.Targets, want) {
		t.Errorf("g%d: %+v, and with its stack %+v", id, w, whole)
	}
}

// The wait reasons that goroutines in a synctest bubble have mean the same.
func TestBubbles(t *testing.T) {
	for _, c := range []struct {
		core   string
		op     gosync.Op
		reason byte
		text   string
	}{
		{"waits-shapes-1.24.9-w", gosync.Receive, 41, "chan receive (synctest)"},
		{"waits-shapes-1.24.9-w", gosync.Select, 43, "select (synctest)"},
		{"waits-shapes-1.27.3-plain", gosync.Send, 43, "chan send (durable)"},
		{"waits-shapes-1.27.3-plain", gosync.Select, 44, "select (durable)"},
		{"waits-shapes-1.27.3-plain", gosync.WaitGroupWait, 45, "sync.WaitGroup.Wait (durable)"},
	} {
		t.Run(c.text, func(t *testing.T) {
			inBubble := 0
			p, other := changed(t, c.core, func(p *gort.Process, whole, m *image.Image) {
				at := image.Addr(p.Layout().Struct("runtime.g").Offset("waitreason"))
				for _, w := range all(t, p) {
					if w.Op == c.op {
						inBubble++
						m.Add(w.G+at, []byte{c.reason}, image.FromCore)
					}
				}
				for _, s := range whole.Segments() {
					m.Add(s.Start, s.Data, s.Origin)
				}
			})
			whole, waits, seen := all(t, p), all(t, other), 0
			other.Goroutines(func(g *gort.Goroutine) {
				if g.WaitReason != c.text {
					return
				}
				seen++
				w, want := waits[g.ID], whole[g.ID]
				if w.Op != want.Op || !slices.Equal(w.Targets, want.Targets) || w.Cases != want.Cases || w.Doubt != nil {
					t.Errorf("g%d: %+v, and outside of a bubble %+v", g.ID, w, want)
				}
			})
			if seen == 0 || seen != inBubble {
				t.Errorf("%d goroutines are in a bubble, %d were put into one", seen, inBubble)
			}
		})
	}
}
