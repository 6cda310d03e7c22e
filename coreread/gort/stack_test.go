package gort_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"postmortem/coreread/exe"
	"postmortem/coreread/gort"
	"postmortem/coreread/layout"
)

// waiting makes n goroutines that wait with their stack pointer at the given
// place of a common stack, and lists them.
func (w *world) waiting(n int, lo, hi uint64, pc func(i int) (pc, sp uint64)) (gs []uint64) {
	w.t.Helper()
	size := w.lay.Struct("runtime.g").Size()
	list, block := w.alloc(uint64(n)*8), w.alloc(uint64(n)*size)
	for i := range n {
		g := block + uint64(i)*size
		at, sp := pc(i)
		w.set(g, "runtime.g", "goid", uint64(i+1))
		w.set(g, "runtime.g", "atomicstatus", uint64(layout.GWaiting))
		w.set(g, "runtime.g", "stack.lo", lo)
		w.set(g, "runtime.g", "stack.hi", hi)
		w.set(g, "runtime.g", "sched.pc", at)
		w.set(g, "runtime.g", "sched.sp", sp)
		w.put64(list+uint64(i)*8, g)
		gs = append(gs, g)
	}
	w.listed(list, uint64(n))
	return gs
}

// listed makes n words at the address the list of all goroutines.
func (w *world) listed(at, n uint64) {
	all := w.global("runtime.allgs")
	w.put64(all, at)
	w.put64(all+8, n)
	w.put64(all+16, n)
}

func (w *world) function(name string) exe.Func {
	w.t.Helper()
	fn, ok := w.bin.Funcs().ByName(name)
	if !ok {
		w.t.Fatalf("the binary has no %s", name)
	}
	return fn
}

// recursion fills a stack with n frames of a function, each 8 bytes
// long, below an outermost one. It returns the place and the stack's bounds.
func (w *world) recursion(function string, n uint64) (pc, lo, hi uint64) {
	w.t.Helper()
	pc = uint64(w.function(function).Entry()) // no frame yet: only the return address
	lo = w.alloc((n + 64) * 8)
	hi = lo + (n+64)*8
	for at := lo; at < lo+n*8; at += 8 {
		w.put64(at, pc)
	}
	w.put64(lo+n*8, uint64(w.function("runtime.goexit").Entry())+1)
	return pc, lo, hi
}

func stacks(p *gort.Process, visit func(*gort.Goroutine, *gort.Stack)) {
	var s gort.Stack
	p.Goroutines(func(g *gort.Goroutine) {
		p.Stack(g, &s)
		visit(g, &s)
	})
}

// TestDeepStack walks a runaway recursion: it is counted whole, no deferred
// call is missed in the frames that are not kept, and a second walk, which does
// not go over the frames again, says the same.
func TestDeepStack(t *testing.T) {
	const frames = 100_000
	w := newWorld(t, "amd64")
	pc, lo, hi := w.recursion("runtime.bgsweep", frames)
	w.waiting(1, lo, hi, func(int) (uint64, uint64) { return pc, lo })
	p := w.open()
	n := 0
	stacks(p, func(g *gort.Goroutine, s *gort.Stack) {
		n++
		again := &gort.Stack{}
		p.Stack(g, again)
		for _, s := range []*gort.Stack{s, again} {
			want(t, "walk", s.Broken, nil)
			want(t, "frames", s.Physical, frames+2)
			want(t, "outermost frame", uint64(s.Outer[len(s.Outer)-1].SP), lo+8*(frames+1))
			if s.Cycle == nil || s.Cycle.Length != 1 || s.Cycle.Repeats < frames {
				t.Errorf("cycle %+v", s.Cycle)
			}
			if _, err := p.Defers(g, s); err != nil {
				t.Error(err)
			}
		}
		want(t, "hash of the second walk", again.Hash, s.Hash)
	})
	want(t, "goroutines", n, 1)
}

// TestWalkEndsWithContext walks a deep stack after the analysis was ended.
func TestWalkEndsWithContext(t *testing.T) {
	w := newWorld(t, "amd64")
	pc, lo, hi := w.recursion("runtime.bgsweep", 50_000)
	w.waiting(1, lo, hi, func(int) (uint64, uint64) { return pc, lo })
	p := w.open()
	over := errors.New("no more time")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(over)
	p.Until(ctx)
	stacks(p, func(_ *gort.Goroutine, s *gort.Stack) {
		if !errors.Is(s.Broken, over) || s.Physical == 0 || s.Physical > 10_000 {
			t.Errorf("%d frames, %v", s.Physical, s.Broken)
		}
	})
}

// TestOverlappingStacks has many goroutines stand on one deep stack: the work
// must follow the memory, not the product of the two.
func TestOverlappingStacks(t *testing.T) {
	const frames, goroutines = 80_000, 500
	w := newWorld(t, "amd64")
	pc, lo, hi := w.recursion("runtime.bgsweep", frames)
	w.waiting(goroutines, lo, hi, func(i int) (uint64, uint64) { return pc, lo + uint64(i)*8 })
	var memory uint64
	for _, s := range w.memory {
		memory += uint64(len(s.Data))
	}
	for _, s := range w.bin.Segments() {
		memory += s.Len()
	}
	var walked uint64
	broken := 0
	stacks(w.open(), func(_ *gort.Goroutine, s *gort.Stack) {
		walked += s.Physical
		if s.Broken != nil {
			broken++
		}
	})
	if walked > memory+5000*goroutines || broken == 0 {
		t.Errorf("%d frames were walked in %d bytes of memory; %d walks were ended", walked, memory, broken)
	}
}

// TestListOfGarbage takes other memory for the list of goroutines.
func TestListOfGarbage(t *testing.T) {
	const entries = 100_000
	w := newWorld(t, "amd64")
	list := w.alloc(entries * 8)
	for i := range uint64(entries) {
		w.put64(list+i*8, 0xdead0000+i)
	}
	w.listed(list, entries)
	p := w.open()
	census := p.Goroutines(func(g *gort.Goroutine) { t.Errorf("goroutine %d", g.ID) })
	want(t, "unreadable goroutines", census.Unreadable, entries)
	gaps := p.Gaps()
	if last := gaps[len(gaps)-1].What; len(gaps) > 1000 || !strings.Contains(last, "more places") {
		t.Errorf("%d gaps, the last one: %s", len(gaps), last)
	}
}

// TestWrittenStackPointer walks functions that write their stack pointer: at
// the entry, where a goroutine leaves its thread to have its stack grown, they
// have not done so yet; further on a walk cannot get past them and must say so.
func TestWrittenStackPointer(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		fn := w.function("runtime.asmcgocall")
		want(t, "asmcgocall writes its stack pointer", fn.IsSPWrite(), true)
		stack := w.alloc(8192)
		exit := uint64(w.function("runtime.goexit").Entry())
		sp := stack + 4096
		w.put64(sp, exit+4)
		gs := w.waiting(2, stack, stack+8192, func(int) (uint64, uint64) { return uint64(fn.Entry()), sp })
		w.set(gs[0], "runtime.g", "sched.lr", exit+4)
		m := w.machine(7, 0, "runtime.asmcgocall", 0)
		w.set(m, "runtime.m", "curg", gs[1])
		w.set(gs[1], "runtime.g", "m", m)
		w.set(gs[1], "runtime.g", "atomicstatus", uint64(layout.GRunning))
		w.set(gs[1], "runtime.g", "sched.sp", 0)
		w.threads[0].AMD64.RSP, w.threads[0].ARM64.SP = sp, sp
		stacks(w.open(), func(g *gort.Goroutine, s *gort.Stack) {
			switch g.ID {
			case 1:
				want(t, "frames of the waiting goroutine", s.Physical, 2)
				want(t, "the waiting goroutine's walk", s.Broken, nil)
			case 2:
				want(t, "frames of the running goroutine", s.Physical, 1)
				if s.Broken == nil || !strings.Contains(s.Broken.Error(), "asmcgocall") {
					t.Errorf("the running goroutine's stack is broken by %v", s.Broken)
				}
			}
		})
	})
}

// TestDeepDefers walks a deep recursion of a function that defers calls, of which
// only so many are looked at: the rest must not go untold.
func TestDeepDefers(t *testing.T) {
	w := newWorld(t, "amd64")
	fn := w.function("runtime.main") // defers in a bit and a slot of its frame
	want(t, "runtime.main defers calls", fn.DeferReturn() != 0, true)
	pc, lo, hi := w.recursion("runtime.main", 60_000)
	w.waiting(1, lo, hi, func(int) (uint64, uint64) { return pc, lo })
	p := w.open()
	stacks(p, func(g *gort.Goroutine, s *gort.Stack) {
		if _, err := p.Defers(g, s); err == nil || !strings.Contains(err.Error(), "not looked at") {
			t.Errorf("%d frames, deferred calls: %v", s.Physical, err)
		}
	})
}

// TestInjectedCallWithLinkRegister walks a goroutine of arm64 that was preempted:
// the signal handler has pushed the link register of the interrupted code, which
// is where a function returns to that has not saved it yet.
func TestInjectedCallWithLinkRegister(t *testing.T) {
	for _, leaf := range []bool{false, true} {
		w := newWorld(t, "arm64")
		preempt, interrupted := w.function("runtime.asyncPreempt"), w.function("runtime.bgsweep")
		exit := uint64(w.function("runtime.goexit").Entry()) + 4
		pc, saved := deepest(preempt)
		inside, frame := deepest(interrupted)
		if leaf {
			inside, frame = uint64(interrupted.Entry()), 0
		}
		lo := w.alloc(8192)
		sp := lo + 4096
		w.put64(sp, inside)        // the link register that asyncPreempt saved
		w.put64(sp+saved, exit)    // and the one that the handler pushed
		w.put64(sp+saved+16, exit) // of the interrupted function, if it has a frame
		w.waiting(1, lo, lo+8192, func(int) (uint64, uint64) { return pc, sp })
		stacks(w.open(), func(_ *gort.Goroutine, s *gort.Stack) {
			want(t, "the walk", s.Broken, nil)
			if len(s.Inner) != 3 {
				t.Fatalf("leaf %v: %d frames, want 3: %+v", leaf, len(s.Inner), s.Inner)
			}
			f := s.Inner[1]
			want(t, "interrupted pc", uint64(f.PC), inside)
			want(t, "exact", f.Exact, true)
			want(t, "interrupted sp", uint64(f.SP), sp+saved+16)
			want(t, "its frame", uint64(f.FP-f.SP), frame)
			want(t, "outermost pc", uint64(s.Inner[2].PC), exit)
		})
	}
}

// deepest returns the place in a function where its frame is largest, and how large.
func deepest(fn exe.Func) (pc, size uint64) {
	for at := fn.Entry(); at < fn.End(); at += 4 {
		if delta, ok := fn.SPDelta(at); ok && uint64(delta) > size && delta > 0 {
			pc, size = uint64(at), uint64(delta)
		}
	}
	return pc, size
}

// TestLabelsWithoutEnd gives goroutines labels whose texts are far longer than
// the memory has room for: each one is the same bytes.
func TestLabelsWithoutEnd(t *testing.T) {
	w := newWorld(t, "amd64")
	pc, lo, hi := w.recursion("runtime.bgsweep", 100)
	gs := w.waiting(1, lo, hi, func(int) (uint64, uint64) { return pc, lo })
	const labels, length = 4000, 60_000
	text, list, header := w.alloc(length), w.alloc(labels*32), w.alloc(24)
	for i := range uint64(labels) {
		for _, half := range []uint64{0, 16} {
			w.put64(list+i*32+half, text)
			w.put64(list+i*32+half+8, length)
		}
	}
	w.put64(header, list)
	w.put64(header+8, labels)
	w.set(gs[0], "runtime.g", "labels", header)
	p := w.open()
	p.Goroutines(func(g *gort.Goroutine) {
		got, err := p.Labels(g)
		size := 0
		for _, l := range got {
			size += len(l.Key) + len(l.Value)
		}
		if err == nil || size > arenaSize {
			t.Errorf("%d labels of %d bytes, %v", len(got), size, err)
		}
	})
}
