package goroots_test

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"postmortem/coreread"
	"postmortem/coreread/goheap"
	"postmortem/coreread/goroots"
	"postmortem/coreread/gort"
	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
	"postmortem/coreread/input"
	"postmortem/internal/testcores"
)

// Whatever stands in the memory of a process, reading its roots ends, does not
// panic, and tells of what it could not read.
func TestDamagedMemory(t *testing.T) {
	c := testcores.Get(t, "small-nil-1.27.3-plain")
	whole, err := os.ReadFile(c.CorePath(t))
	if err != nil {
		t.Fatal(err)
	}
	bin, err := os.ReadFile(c.BinaryPath(t))
	if err != nil {
		t.Fatal(err)
	}
	snap, err := coreread.Load(input.Memory("core", whole), input.Memory(c.Program, bin), false)
	if err != nil {
		t.Fatal(err)
	}
	targets, values := damageTargets(t, snap)
	rng := rand.New(rand.NewPCG(3, 4))
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	for round := range rounds {
		data := append([]byte(nil), whole...)
		for range 1 + rng.IntN(40) {
			target := targets[rng.IntN(len(targets))]
			off := uint64(rng.IntN(int(target.Len()/8))) * 8
			for _, s := range snap.Core.Segments {
				if at := target.Start + image.Addr(off); s.Contains(at) && uint64(at-s.Start)+8 <= s.FileBytes {
					v := values[rng.IntN(len(values))]
					if rng.IntN(3) == 0 {
						v = rng.Uint64() >> rng.IntN(64)
					}
					binary.LittleEndian.PutUint64(data[s.Offset+uint64(at-s.Start):], v)
				}
			}
		}
		damaged, err := coreread.Load(input.Memory("core", data), input.Memory(c.Program, bin), false)
		if err != nil {
			continue // it says so
		}
		begun := time.Now()
		readRoots(t, damaged.Runtime)
		if d := time.Since(begun); d > 20*time.Second {
			t.Errorf("round %d took %v", round, d)
		}
		damaged.Close()
	}
}

// damageTargets are where words matter most, and words that lead somewhere.
func damageTargets(t *testing.T, snap *coreread.Snapshot) (targets []image.Range, values []uint64) {
	p := snap.Runtime
	add := func(a image.Addr, n uint64) {
		targets = append(targets, image.Range{Start: a &^ 7, End: a&^7 + image.Addr(n)})
		values = append(values, uint64(a))
	}
	values = append(values, 0, 8, 1<<63, 1<<20, ^uint64(0))
	for _, name := range []string{"runtime.allfin", "runtime.gcCleanups", "runtime.firstmoduledata"} {
		if a, _, err := p.Exe.Global(name); err == nil {
			add(a.Add(p.Bias), 600)
		}
	}
	p.Goroutines(func(g *gort.Goroutine) {
		add(g.Addr, p.Layout().Struct("runtime.g").Size())
		p.EachFrame(g, func(f *gort.LiveFrame) { add(f.SP, max(8, uint64(f.FP-f.SP))) })
		for at := g.Defers; at != 0; at, _ = p.Image.Addr(at + image.Addr(p.Layout().Struct("runtime._defer").Offset("link"))) {
			add(at, 48)
		}
	})
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
	r.Specials(h, func(s *goroots.Special) { add(s.At, 56) })
	return targets, values
}

// readRoots reads all there is, and checks what must hold of any memory.
func readRoots(t *testing.T, p *gort.Process) {
	t.Helper()
	r, err := goroots.New(p)
	if err != nil {
		return
	}
	check := func(s goroots.Slot) {
		if s.Value == 0 || s.Kind == goroots.None {
			t.Errorf("slot %+v", s)
		}
	}
	r.Globals(check)
	p.Goroutines(func(g *gort.Goroutine) {
		r.Goroutine(g, func(_ *gort.LiveFrame, s goroots.Slot) { check(s) })
	})
	r.Queues(func(q *goroots.QueuedCall) { q.Roots(check) })
	r.TinyBlocks(check)
	if u, err := gotypes.New(p); err == nil {
		if h, err := goheap.Read(p, u); err == nil {
			r.Specials(h, func(s *goroots.Special) {
				s.Roots(check)
				if s.PtrType != 0 {
					r.Referents(h, s, check)
				}
			})
		}
	}
	for _, g := range p.Gaps() {
		if g.What == "" || g.Effect == "" {
			t.Errorf("gap %+v", g)
		}
	}
}
