package coreread_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"testing"

	"postmortem/coreread"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/coreread/input"
	"postmortem/internal/testcores"
)

// wholeCore is a kernel's core of a pure Go process, read into memory that tests may damage.
type wholeCore struct {
	data   []byte
	binary *input.File
	snap   *coreread.Snapshot
	all    map[uint64]*walked
}

const damagedCore = "small-nil-1.27.3-plain"

func loadWhole(t *testing.T) *wholeCore {
	t.Helper()
	c := testcores.Get(t, damagedCore)
	data, err := os.ReadFile(c.CorePath(t))
	if err != nil {
		t.Fatal(err)
	}
	bin, err := os.ReadFile(c.BinaryPath(t))
	if err != nil {
		t.Fatal(err)
	}
	w := &wholeCore{data: data, binary: input.Memory(c.Program, bin)}
	w.snap, err = coreread.Load(input.Memory("core", data), w.binary, false)
	if err != nil {
		t.Fatal(err)
	}
	w.all = walkAll(t, w.snap)
	return w
}

// fileOffset returns where in the core file the bytes at an address are.
func (w *wholeCore) fileOffset(a image.Addr) (uint64, bool) {
	for _, s := range w.snap.Core.Segments {
		if s.Contains(a) && uint64(a-s.Start) < s.FileBytes {
			return s.Offset + uint64(a-s.Start), true
		}
	}
	return 0, false
}

// survives reports whether n bytes at an address are before a cut.
func (w *wholeCore) survives(a image.Addr, n uint64, cut uint64) bool {
	off, ok := w.fileOffset(a)
	return ok && off+n <= cut
}

// expected returns the goroutines whose g, used stack and entry in allgs lie before the cut.
func (w *wholeCore) expected(t *testing.T, cut uint64) map[uint64]bool {
	t.Helper()
	m, bin := w.snap.Core.Image, w.snap.Exe
	header, _, err := bin.Global("runtime.allgs")
	if err != nil {
		t.Fatal(err)
	}
	ids := make(map[uint64]bool)
	if !w.survives(header, 16, cut) {
		return ids
	}
	list, err1 := m.Addr(header)
	n, err2 := m.Uint64(header + 8)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	byAddr := make(map[image.Addr]*walked)
	for _, g := range w.all {
		byAddr[g.Addr] = g
	}
	for i := range n {
		entry := list + image.Addr(i*8)
		at, err := m.Addr(entry)
		if err != nil {
			t.Fatal(err)
		}
		g := byAddr[at]
		if g == nil || !w.survives(entry, 8, cut) || !w.survives(at, w.snap.Runtime.Layout().Struct("runtime.g").Size(), cut) {
			continue
		}
		used := usedStack(g)
		if w.survives(used.Start, used.Len(), cut) {
			ids[g.ID] = true
		}
	}
	return ids
}

// usedStack is from the innermost frame on the goroutine's own stack to the
// stack's end.
func usedStack(g *walked) image.Range {
	used := g.Stack
	for _, f := range g.inner {
		if g.Stack.Contains(f.SP) {
			used.Start = f.SP
			break
		}
	}
	return used
}

// listed returns the goroutines that a damaged core still shows: those whose
// stack is in it.
func listed(snap *coreread.Snapshot) map[uint64]bool {
	ids := make(map[uint64]bool)
	var stack gort.Stack
	snap.Runtime.Goroutines(func(g *gort.Goroutine) {
		snap.Runtime.Stack(g, &stack)
		var fault *image.FaultError
		if !errors.As(stack.Broken, &fault) {
			ids[g.ID] = true
		}
	})
	return ids
}

// TestCutCore cuts a core at places all over the file, most of them where
// goroutines are, and expects exactly those that survive.
func TestCutCore(t *testing.T) {
	w := loadWhole(t)
	rng := rand.New(rand.NewPCG(7, 7))
	partial := 0
	for i := range 60 {
		cut := rng.Uint64N(uint64(len(w.data)))
		if i%2 == 0 { // just behind or inside what belongs to a goroutine
			for _, g := range w.all {
				at := []image.Addr{g.Addr, g.Stack.End - 64, usedStack(g).Start}[rng.IntN(3)]
				if off, ok := w.fileOffset(at); ok {
					cut = off + rng.Uint64N(512)
				}
				break
			}
		}
		want := w.expected(t, cut)
		snap, err := coreread.Load(input.Memory("core", w.data[:cut:cut]), w.binary, false)
		if err != nil {
			var format *input.FormatError
			if !errors.As(err, &format) || len(want) > 0 {
				t.Errorf("cut at %d: %v, want %d goroutines", cut, err, len(want))
			}
			continue
		}
		if snap.Core.Cut == nil {
			t.Errorf("cut at %d: the core does not say that it is cut", cut)
		}
		compareSets(t, cut, want, listed(snap))
		if len(want) > 0 && len(want) < len(w.all) {
			partial++
		}
	}
	if partial < 10 {
		t.Errorf("only %d of the cuts left a part of the goroutines: the test shows too little", partial)
	}
}

func compareSets(t *testing.T, cut uint64, want, got map[uint64]bool) {
	t.Helper()
	for id := range want {
		if !got[id] {
			t.Errorf("cut at %d: goroutine %d survives and is not shown", cut, id)
		}
	}
	for id := range got {
		if !want[id] {
			t.Errorf("cut at %d: goroutine %d is shown and does not survive", cut, id)
		}
	}
}

// TestBitFlips flips single bits anywhere behind the headers and notes. At least
// nine in ten of the damaged cores must still show 99% of the goroutines, and
// none may show one that never was.
func TestBitFlips(t *testing.T) {
	const flips = 1000
	w := loadWhole(t)
	first := uint64(len(w.data))
	for _, s := range w.snap.Core.Segments {
		if s.FileBytes > 0 {
			first = min(first, s.Offset)
		}
	}
	rng := rand.New(rand.NewPCG(11, 11))
	good := 0
	for range flips {
		at, bit := first+rng.Uint64N(uint64(len(w.data))-first), byte(1)<<rng.IntN(8)
		w.data[at] ^= bit
		if snap, err := coreread.Load(input.Memory("core", w.data), w.binary, false); err == nil {
			got, kept := listed(snap), 0
			for id := range got {
				if w.all[id] == nil {
					t.Errorf("bit %#x at %d: goroutine %d never was", bit, at, id)
				} else {
					kept++
				}
			}
			if kept*100 >= len(w.all)*99 {
				good++
			}
		}
		w.data[at] ^= bit
	}
	if good < flips*9/10 {
		t.Errorf("%d of %d damaged cores show 99%% of the goroutines, want 9 in 10", good, flips)
	}
}
