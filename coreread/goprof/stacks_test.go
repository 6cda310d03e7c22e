package goprof_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"postmortem/coreread/exe"
	"postmortem/coreread/image"
)

// callSites returns return addresses of the program: some where two or more calls
// were inlined, and one where none was. No wrapper and no runtime function is
// among the calls.
func callSites(t *testing.T, p *program) (inlined []uint64, plain uint64) {
	t.Helper()
	funcs := p.bin.Funcs()
	for i := range funcs.Len() {
		fn, ok := funcs.Func(i)
		if !ok || hidden(fn.Name()) || fn.IsWrapper() {
			continue
		}
		for pc := fn.Entry() + 16; pc+16 < fn.End() && len(inlined) < 20; pc += 16 {
			frames := fn.Frames(pc)
			if slices.ContainsFunc(frames, func(f exe.SourceFrame) bool { return f.Wrapper || hidden(f.Func) || hidden(fn.Frames(pc + 1)[0].Func) }) {
				continue
			}
			switch len(frames) {
			case 1:
				plain = uint64(pc + 1)
			case 2:
			default:
				inlined = append(inlined, uint64(pc+1))
			}
		}
	}
	if len(inlined) < 3 || plain == 0 {
		t.Fatalf("%d calls within inlined ones", len(inlined))
	}
	return inlined, plain
}

func hidden(name string) bool {
	return strings.HasPrefix(name, "runtime.") || strings.HasPrefix(name, "internal/runtime/")
}

// framesAt is what the binary says of the call before a return address.
func framesAt(p *program, pc uint64) []exe.SourceFrame {
	fn, _ := p.bin.Funcs().Find(image.Addr(pc))
	return fn.Frames(image.Addr(pc) - 1)
}

// An address stands for the innermost call there, and the last one of a stack for
// all of them; block and mutex profiles since 1.23 expand every one.
func TestStacksAreExpanded(t *testing.T) {
	eachVersion(t, func(t *testing.T, p *program) {
		inlined, plain := callSites(t, p)
		for i, pc := range inlined {
			last := inlined[len(inlined)-1-i]
			w := p.world(t)
			stack := []uint64{pc, plain, last}
			w.bucket(1, 16, stack, w.memory(16, [4][2]uint64{{1}})...)
			w.bucket(2, 0, stack, math.Float64bits(1), 1)
			ps, _, _ := w.read()

			logical := slices.Concat(framesAt(p, pc)[:1], framesAt(p, plain), framesAt(p, last))
			if got := ps.AllocationStack(0); !slices.Equal(got, logical) {
				t.Errorf("allocation at\n%v, want\n%v", got, logical)
			}
			want := logical
			if p.Minor() >= 23 {
				want = slices.Concat(framesAt(p, pc), framesAt(p, plain), framesAt(p, last))
			}
			if got := ps.ContentionStack(&ps.Block.Buckets[0]); !slices.Equal(got, want) {
				t.Errorf("wait at\n%v, want\n%v", got, want)
			}
		}
	})
}

// What is expanded ends at the depth that the process would show, but for the
// calls that the last one was inlined into.
func TestStackDepthIsTheProcesss(t *testing.T) {
	p := openProgram(t, binaries(t)[0])
	inlined, plain := callSites(t, p)
	pc := inlined[0]
	for depth := uint64(1); depth < 5; depth++ {
		w := p.world(t)
		w.put(w.global("runtime.debug")+w.offset("runtime.debug", "profstackdepth"), 4, depth)
		w.bucket(2, 0, []uint64{plain, pc, plain, plain, plain}, math.Float64bits(1), 1)
		ps, _, _ := w.read()
		want := slices.Concat(framesAt(p, plain), framesAt(p, pc))
		switch n := uint64(len(want)); {
		case depth == 1:
			want = want[:1]
		case depth > n:
			for range depth - n {
				want = append(want, framesAt(p, plain)...)
			}
		}
		if got := ps.ContentionStack(&ps.Block.Buckets[0]); !slices.Equal(got, want) {
			t.Errorf("at most %d: %v, want %v", depth, got, want)
		}
	}
}

// The runtime's functions that lead to an allocation are left out, those further
// out are not, and a stack of nothing else is whole.
func TestAllocatorIsLeftOut(t *testing.T) {
	p := openProgram(t, binaries(t)[0])
	_, plain := callSites(t, p)
	fn, ok := p.bin.Funcs().ByName("runtime.mallocgc")
	if !ok {
		t.Fatal("no runtime.mallocgc")
	}
	malloc := uint64(fn.Entry()) + 5
	for _, tt := range []struct {
		stack []uint64
		want  int
	}{
		{[]uint64{malloc, malloc, plain, malloc}, 2},
		{[]uint64{malloc, malloc}, 2},
		{[]uint64{malloc, 0x10, plain}, 2}, // 0x10 is no code, and may be anybody's
		{[]uint64{plain, 0, malloc}, 1},
		{nil, 0},
	} {
		w := p.world(t)
		w.bucket(1, 16, tt.stack, w.memory(16, [4][2]uint64{{1}})...)
		ps, _, _ := w.read()
		if got := ps.AllocationStack(0); len(got) < tt.want || (len(got) > 0 && hidden(got[0].Func) != (len(tt.stack) == 2)) {
			t.Errorf("%#x is shown as %v", tt.stack, got)
		}
	}
}
