package gort_test

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"postmortem/coreread"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/internal/testcores"
)

// damaged is a process whose memory can be changed before it is read.
type damaged struct {
	*coreread.Snapshot
	places []image.Addr // structures worth damaging
}

// damagedCores are the processes that are damaged: each form of deferred calls,
// panics and labels, and a death by a signal.
var damagedCores = []string{"small-nil-1.18.10-plain", "small-nil-1.22.12-plain", "dies-panicvalues-1.27.3-plain", "cgo-segv-1.27.3-cgo"}

func openDamaged(t testing.TB) (all []*damaged) {
	for _, name := range damagedCores {
		c := testcores.Get(t, name)
		s, err := coreread.Open(context.Background(), coreread.Config{Core: c.CorePath(t), Binary: c.BinaryPath(t)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		d := &damaged{Snapshot: s}
		d.findPlaces()
		all = append(all, d)
	}
	return all
}

// findPlaces collects what the end of the process is read from.
func (d *damaged) findPlaces() {
	p := d.Runtime
	crash := p.Crash()
	for _, panicked := range crash.Panics {
		d.places = append(d.places, panicked.Addr)
	}
	for _, m := range p.Machines() {
		d.places = append(d.places, m.Addr)
	}
	for _, name := range []string{"runtime.printBacklog", "runtime.printBacklogIndex", "runtime.allm"} {
		if a, _, err := d.Exe.Global(name); err == nil {
			d.places = append(d.places, a.Add(d.Bias))
		}
	}
	p.Goroutines(func(g *gort.Goroutine) {
		d.places = append(d.places, g.Addr)
		for _, a := range []image.Addr{g.Defers, g.Labels} {
			if a != 0 {
				d.places = append(d.places, a)
			}
		}
		if g.Labels != 0 {
			if a, err := p.Image.Addr(g.Labels); err == nil && a != 0 {
				d.places = append(d.places, a)
			}
		}
		var s gort.Stack
		p.Stack(g, &s)
		for _, f := range s.Inner[:min(len(s.Inner), 12)] {
			d.places = append(d.places, f.SP)
		}
	})
}

// place picks one of the places, and an address at most 512 bytes into it.
func (d *damaged) place(which, offset uint16) image.Addr {
	return d.places[int(which)%len(d.places)] + image.Addr(offset%64)*8
}

// damage is eight bytes each: the place, the offset in it, what to write there,
// and what that is relative to.
const damageBytes = 8

// read applies the damage and reads all that tells of the process's end.
func (d *damaged) read(t testing.TB, damage []byte) {
	core := *d.Core
	core.Image = image.New(d.Core.Image.ByteOrder())
	for n := 0; len(damage) >= damageBytes && n < 64; n++ {
		word := func(at int) uint16 { return binary.LittleEndian.Uint16(damage[at:]) }
		at := d.place(word(0), word(2))
		value := uint64(word(4))
		switch word(6) % 4 {
		case 1: // an address that there is
			value = uint64(d.place(word(4), word(6)>>2))
		case 2: // another word's content
			value, _ = d.Core.Image.Uint64(d.place(word(4), word(6)>>2))
		case 3: // one bit changed
			value, _ = d.Core.Image.Uint64(at)
			value ^= 1 << (word(4) % 64)
		}
		core.Image.Add(at, binary.LittleEndian.AppendUint64(nil, value), image.FromCore)
		damage = damage[damageBytes:]
	}
	for _, s := range d.Core.Image.Segments() {
		core.Image.Add(s.Start, s.Data, s.Origin)
	}
	p, err := gort.New(&core, d.Exe, d.Runtime.Layout(), d.Bias)
	if err != nil {
		return
	}
	crash := p.Crash()
	if crash.Kind == "" || crash.FrameStart < 0 || crash.FrameStart >= gort.StoredFrames {
		t.Errorf("kind %q from frame %d on", crash.Kind, crash.FrameStart)
	}
	p.PrintedPanics(crash.Panics)
	if crash.First != nil {
		crash.First.RuntimeLine()
	}
	p.Goroutines(func(g *gort.Goroutine) {
		var s gort.Stack
		p.Stack(g, &s)
		panics, _ := p.Panics(g)
		for i := range panics {
			if !g.Stack.Contains(panics[i].Addr) || i > 0 && panics[i].Addr <= panics[i-1].Addr {
				t.Errorf("panic %d at %v, stack %v-%v", i, panics[i].Addr, g.Stack.Start, g.Stack.End)
			}
		}
		defers, _ := p.Defers(g, &s)
		for i := range defers {
			if defers[i].Func == "" || i > 0 && defers[i].SP < defers[i-1].SP {
				t.Errorf("deferred call %+v", defers[i])
			}
		}
		_, _ = p.Labels(g)
	})
}

// TestDamagedProcesses reads processes with random damage: no panic, no hang,
// and nothing that cannot be.
func TestDamagedProcesses(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for i, d := range openDamaged(t) {
		for range 100 {
			damage := make([]byte, damageBytes*(1+rng.IntN(8)))
			for i := range damage {
				damage[i] = byte(rng.Uint32())
			}
			if d.read(t, damage); t.Failed() {
				t.Fatalf("core %s, damage %x", damagedCores[i], damage)
			}
		}
	}
}

func FuzzDeath(f *testing.F) {
	all := openDamaged(f)
	f.Add(byte(0), []byte{})
	f.Add(byte(1), []byte{0, 0, 2, 0, 0, 0, 1, 0})
	f.Add(byte(2), []byte{1, 0, 2, 0, 1, 0, 1, 0, 3, 0, 4, 0, 5, 0, 2, 0})
	f.Add(byte(3), []byte{9, 0, 33, 0, 9, 0, 3, 0})
	f.Fuzz(func(t *testing.T, core byte, damage []byte) {
		all[int(core)%len(all)].read(t, damage)
	})
}
