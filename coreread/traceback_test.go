package coreread_test

import (
	"context"
	"fmt"
	"testing"

	"postmortem/coreread"
	"postmortem/coreread/exe"
	"postmortem/coreread/gort"
	"postmortem/coreread/layout"
	"postmortem/internal/testcores"
	"postmortem/internal/traceback"
)

// TestEqualToOwnTraceback compares every goroutine of every committed core with
// what its process printed as it died.
func TestEqualToOwnTraceback(t *testing.T) {
	for _, c := range testcores.All(t) {
		if c.Cut != 0 {
			continue // TestCutCore
		}
		t.Run(c.Name, func(t *testing.T) {
			snap := open(t, c)
			if snap.Identity.State != coreread.Verified {
				t.Errorf("identity is %+v, want verified", snap.Identity)
			}
			if n := snap.AbsentBytes(); n > 0 && c.Producer == "kernel" && c.Program != "cgo" && c.Variant != "external" {
				t.Errorf("an intact core of a pure Go process lacks %d bytes: %v", n, snap.Absent)
			}
			compareWithPrint(t, snap, c.Stderr(t), c.Truth(t).GOMAXPROCS)
		})
	}
}

// open opens a committed core with its binary.
func open(t *testing.T, c *testcores.Core) *coreread.Snapshot {
	t.Helper()
	snap, err := coreread.Open(context.Background(), coreread.Config{Core: c.CorePath(t), Binary: c.BinaryPath(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := snap.Close(); err != nil {
			t.Error(err)
		}
	})
	return snap
}

// logicalFrame is one function on a stack as the reader sees it.
type logicalFrame struct {
	gort.Frame
	exe.SourceFrame
}

// walked is a goroutine of the core with its stack.
type walked struct {
	gort.Goroutine
	inner, outer []logicalFrame
	logical      uint64
	broken       error
	creator      exe.SourceFrame
}

// walkAll walks every goroutine of a snapshot, by id.
func walkAll(t *testing.T, snap *coreread.Snapshot) map[uint64]*walked {
	t.Helper()
	all := make(map[uint64]*walked)
	var stack gort.Stack
	census := snap.Runtime.Goroutines(func(g *gort.Goroutine) {
		snap.Runtime.Stack(g, &stack)
		if all[g.ID] != nil {
			t.Errorf("goroutine %d is in the core twice", g.ID)
		}
		all[g.ID] = &walked{
			Goroutine: *g,
			inner:     expand(snap.Runtime, stack.Inner),
			outer:     expand(snap.Runtime, stack.Outer),
			logical:   stack.Logical,
			broken:    stack.Broken,
		}
		if creator := snap.Runtime.Source(gort.Frame{PC: g.GoPC}); len(creator) > 0 {
			all[g.ID].creator = creator[0]
		}
	})
	if census.Err != nil || census.Unreadable != 0 || census.Lost != 0 {
		t.Errorf("an intact core lacks goroutines: %+v", census)
	}
	return all
}

func expand(p *gort.Process, frames []gort.Frame) (out []logicalFrame) {
	for _, f := range frames {
		for _, s := range p.Source(f) {
			out = append(out, logicalFrame{f, s})
		}
	}
	return out
}

// compareWithPrint holds the goroutines of a core against what the process
// printed as it died.
func compareWithPrint(t *testing.T, snap *coreread.Snapshot, text string, maxProcs int) {
	t.Helper()
	printed := traceback.Parse(text)
	blocks, core := printed.ByID(), walkAll(t, snap)
	for id := range blocks {
		if core[id] == nil {
			t.Errorf("goroutine %d was printed and is not in the core", id)
		}
	}
	moved := 0
	for id, g := range core {
		b := blocks[id]
		if b == nil {
			t.Errorf("goroutine %d (%v %s) is in the core and was not printed", id, g.Status, g.WaitReason)
			continue
		}
		if !sameState(b, g) {
			moved++
			t.Logf("goroutine %d was printed %q and is %v %q in the core", id, b.Status, g.Status, g.WaitReason)
			continue
		}
		compareStack(t, b, g)
	}
	if moved > maxProcs {
		t.Errorf("%d goroutines changed their state between print and dump, with %d processors", moved, maxProcs)
	}
}

// sameState reports whether a goroutine stands in the core as it was printed.
func sameState(b *traceback.Block, g *walked) bool {
	if b.Leaked != (g.Status == layout.GLeaked) {
		return false
	}
	if (g.Status == layout.GWaiting || g.Status == layout.GLeaked) && g.WaitReason != "" {
		return b.Status == g.WaitReason
	}
	return b.Status == g.Status.String()
}

func compareStack(t *testing.T, b *traceback.Block, g *walked) {
	t.Helper()
	if b.StackUnavailable {
		return
	}
	if g.Status != layout.GRunning {
		if g.broken != nil {
			t.Errorf("goroutine %d: %v", g.ID, g.broken)
		}
		comparePrinted(t, b, g, 0)
		return
	}
	// What runs was printed from where it began to print: an outer part of the stack.
	for skip := range g.inner {
		if len(b.Frames) > 0 && matches(&b.Frames[0], &g.inner[skip]) == nil {
			comparePrinted(t, b, g, skip)
			return
		}
	}
	if len(b.Frames) > 0 {
		t.Errorf("goroutine %d: its first printed frame %s (%s:%d) is nowhere on its stack: %s",
			g.ID, b.Frames[0].Func, b.Frames[0].File, b.Frames[0].Line, describe(g.inner))
	}
}

func describe(frames []logicalFrame) (s string) {
	for i, f := range frames {
		if i == 12 {
			return s + " …"
		}
		s += fmt.Sprintf("\n\t%s %s:%d pc=%v sp=%v fp=%v", f.Func, f.File, f.Line, f.PC, f.SP, f.FP)
	}
	return s
}

// comparePrinted compares every printed frame, those before an elision with the
// innermost frames and those behind it with the outermost ones.
func comparePrinted(t *testing.T, b *traceback.Block, g *walked, skip int) {
	t.Helper()
	before := len(b.Frames)
	elided := uint64(0)
	if len(b.Elided) > 0 {
		before = b.Elided[0].At
		if b.Elided[0].Count >= 0 {
			elided = uint64(b.Elided[0].Count)
		}
	}
	all := g.inner
	if uint64(len(g.inner)+len(g.outer)) == g.logical {
		all = append(all[:len(all):len(all)], g.outer...)
	}
	for i := range b.Frames[:before] {
		if skip+i >= len(all) {
			t.Errorf("goroutine %d: %d frames printed, %d in the core: %s", g.ID, len(b.Frames), len(all), describe(all))
			return
		}
		if err := matches(&b.Frames[i], &all[skip+i]); err != nil {
			t.Errorf("goroutine %d frame %d: %v%s", g.ID, i, err, describe(all))
			return
		}
	}
	compareOuter(t, b, g, before, all)
	if len(b.Elided) == 0 && uint64(skip+len(b.Frames)) != g.logical {
		t.Errorf("goroutine %d: %d frames printed behind the first %d, %d in the core%s", g.ID, len(b.Frames), skip, g.logical, describe(all))
	}
	if elided > 0 && uint64(skip+len(b.Frames))+elided != g.logical {
		t.Errorf("goroutine %d: %d frames printed and %d elided, %d in the core", g.ID, len(b.Frames), elided, g.logical)
	}
	compareCreator(t, b, g)
}

func compareOuter(t *testing.T, b *traceback.Block, g *walked, before int, all []logicalFrame) {
	t.Helper()
	outer := b.Frames[before:]
	if len(outer) == 0 {
		return
	}
	stored := g.outer
	if uint64(len(all)) == g.logical {
		stored = all
	}
	if len(stored) < len(outer) {
		t.Errorf("goroutine %d: %d outermost frames printed, %d stored", g.ID, len(outer), len(stored))
		return
	}
	stored = stored[len(stored)-len(outer):]
	for i := range outer {
		if err := matches(&outer[i], &stored[i]); err != nil {
			t.Errorf("goroutine %d frame %d behind the elision: %v", g.ID, i, err)
			return
		}
	}
}

// matches compares one printed frame: name, file and line, and for a physical
// frame pc, sp and fp.
func matches(p *traceback.Frame, f *logicalFrame) error {
	switch {
	case p.Func != exe.PrintName(f.Func), p.File != f.File, p.Line != f.Line:
		return fmt.Errorf("printed %s %s:%d, core has %s %s:%d", p.Func, p.File, p.Line, f.Func, f.File, f.Line)
	case p.Inlined != f.Inlined:
		return fmt.Errorf("%s: printed inlined=%v, core has %v", p.Func, p.Inlined, f.Inlined)
	case p.HasPC && (p.PC != uint64(f.PC) || p.SP != uint64(f.SP) || p.FP != uint64(f.FP)):
		return fmt.Errorf("%s: printed pc=%#x sp=%#x fp=%#x, core has pc=%v sp=%v fp=%v", p.Func, p.PC, p.SP, p.FP, f.PC, f.SP, f.FP)
	}
	return nil
}

func compareCreator(t *testing.T, b *traceback.Block, g *walked) {
	t.Helper()
	if b.CreatedBy == nil {
		return
	}
	if b.CreatedBy.Goroutine != 0 && b.CreatedBy.Goroutine != g.ParentID {
		t.Errorf("goroutine %d: created by %d, core has %d", g.ID, b.CreatedBy.Goroutine, g.ParentID)
	}
	if exe.PrintName(g.creator.Func) != b.CreatedBy.Func || g.creator.File != b.CreatedBy.File || g.creator.Line != b.CreatedBy.Line {
		t.Errorf("goroutine %d: created by %s %s:%d, core has %s %s:%d", g.ID,
			b.CreatedBy.Func, b.CreatedBy.File, b.CreatedBy.Line, g.creator.Func, g.creator.File, g.creator.Line)
	}
}

// TestDeepStackKeepsBothEnds walks a runaway recursion: a hundred frames of the
// goroutine's own at each end, and before them what the runtime ran on the system stack.
func TestDeepStackKeepsBothEnds(t *testing.T) {
	snap := open(t, testcores.Get(t, "dies-overflow-1.27.3-plain"))
	deep := 0
	var s gort.Stack
	snap.Runtime.Goroutines(func(g *gort.Goroutine) {
		if snap.Runtime.Stack(g, &s); s.Elided() == 0 {
			return
		}
		deep++
		if s.System == 0 || len(s.Inner) != s.System+gort.StoredFrames || len(s.Outer) != gort.StoredFrames {
			t.Errorf("goroutine %d: %d frames on the system stack, %d innermost, %d outermost", g.ID, s.System, len(s.Inner), len(s.Outer))
		}
		for i, f := range s.Inner {
			if own := g.Stack.Contains(f.SP); own != (i >= s.System) {
				t.Errorf("goroutine %d: frame %d at %v is on its own stack: %v", g.ID, i, f.SP, own)
			}
		}
	})
	if deep != 1 {
		t.Errorf("%d deep stacks, want one", deep)
	}
}
