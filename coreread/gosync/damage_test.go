package gosync_test

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"postmortem/coreread"
	"postmortem/coreread/gort"
	"postmortem/coreread/gosync"
	"postmortem/coreread/image"
	"postmortem/internal/testcores"
)

// damaged is a process whose memory can be changed before it is read.
type damaged struct {
	*coreread.Snapshot
	places []image.Addr // records worth damaging
}

// damagedCores have semaphores, condition variables and selects as each way of
// finding them needs them.
var damagedCores = []string{"small-nil-1.18.10-plain", "waits-shapes-1.22.12-plain", "waits-shapes-1.27.3-plain"}

func openDamaged(t testing.TB) (all []*damaged) {
	for _, name := range damagedCores {
		c := testcores.Get(t, name)
		s, err := coreread.Open(context.Background(), coreread.Config{Core: c.CorePath(t), Binary: c.BinaryPath(t)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		d := &damaged{Snapshot: s}
		d.findPlaces(t)
		all = append(all, d)
	}
	return all
}

// findPlaces collects the records of waiting goroutines, and roots of the table
// of semaphores.
func (d *damaged) findPlaces(t testing.TB) {
	p := d.Runtime
	g := p.Layout().Struct("runtime.g")
	waiting, sp := g.Offset("waiting"), g.Offset("sched.sp")
	r, err := gosync.New(p)
	if err != nil {
		t.Fatal(err)
	}
	var semaphores []image.Addr
	r.Waits(context.Background(), func(w *gosync.Wait) {
		d.places = append(d.places, w.G+image.Addr(waiting), w.G+image.Addr(sp))
		if stack, err := p.Image.Addr(w.G + image.Addr(sp)); err == nil {
			// Frames of gopark, selectgo, semacquire1 and their callers.
			d.places = append(d.places, stack, stack+300, stack+500)
		}
		for _, target := range w.Targets {
			d.places = append(d.places, target.Sudog, target.Addr)
			if target.Sema != 0 {
				semaphores = append(semaphores, target.Sema)
			}
		}
	})
	table, _, err := p.Exe.Global("runtime.semtable")
	if err != nil {
		t.Fatal(err)
	}
	stride := p.Layout().Struct("runtime.semtable[]").Size()
	for _, at := range semaphores {
		d.places = append(d.places, table.Add(p.Bias)+image.Addr(uint64(at)>>3%251*stride))
	}
}

// place picks one of the places, and an address at most 256 bytes into it.
func (d *damaged) place(which, offset uint16) image.Addr {
	return (d.places[int(which)%len(d.places)] + image.Addr(offset%32)*8) &^ 7
}

// damageBytes is the size of one damage: the place, the offset in it, what to
// write there, and what that is relative to.
const damageBytes = 8

// spoil returns the process with its memory damaged, nil when nothing of it can be read.
func (d *damaged) spoil(damage []byte) *gort.Process {
	core := *d.Core
	core.Image = image.New(d.Core.Image.ByteOrder())
	for n := 0; len(damage) >= damageBytes && n < 64; n++ {
		word := func(at int) uint16 { return binary.LittleEndian.Uint16(damage[at:]) }
		at := d.place(word(0), word(2))
		value := uint64(word(4))
		switch word(6) % 4 {
		case 1: // an address that there is
			value = uint64(d.place(word(4), word(6)>>2&^31))
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
		return nil
	}
	return p
}

// read applies the damage, reads what goroutines wait for, and checks what must
// hold of any memory.
func (d *damaged) read(t testing.TB, damage []byte) {
	p := d.spoil(damage)
	if p == nil {
		return
	}
	r, err := gosync.New(p)
	if err != nil {
		t.Fatal(err)
	}
	begun, doubtful := time.Now(), 0
	err = r.Waits(context.Background(), func(w *gosync.Wait) {
		if w.Doubt != nil {
			doubtful++
		}
		checkWait(t, p, w)
		for _, target := range w.Targets {
			readTarget(r, target)
		}
	})
	if err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("reading took %v", took)
	}
	seen := map[image.Addr]bool{}
	r.Sudogs(func(at image.Addr) {
		if seen[at] {
			t.Errorf("the sudog at %v was visited twice", at)
		}
		seen[at] = true
	})
	told := false
	for _, g := range p.Gaps() {
		if g.What == "" || g.Effect == "" {
			t.Errorf("gap %+v", g)
		}
		told = told || g.Effect == "what some goroutines wait for is unknown"
	}
	if doubtful > 0 && !told && len(p.Gaps()) < 50 {
		t.Errorf("%d waits are in doubt and no gap says so", doubtful)
	}
}

func checkWait(t testing.TB, p *gort.Process, w *gosync.Wait) {
	t.Helper()
	alone := w.Op == gosync.SelectNone || w.Op == gosync.NilSend || w.Op == gosync.NilReceive
	switch n := len(w.Targets); {
	case w.Op == gosync.None || w.Goroutine == 0 || w.G == 0,
		alone && n != 0,
		w.Op != gosync.Select && n > 1,
		w.Op != gosync.Select && !alone && n == 0 && w.Doubt == nil,
		w.Op != gosync.Select && w.Cases != 0,
		w.Op == gosync.Select && w.Cases != -1 && w.Cases < n:
		t.Errorf("%+v", w)
	}
	last := -1
	for _, target := range w.Targets {
		if target.Kind == gosync.Unknown && w.Doubt == nil || target.Addr == 0 && target.Kind == gosync.Channel {
			t.Errorf("g%d: %+v", w.Goroutine, target)
		}
		if g, err := p.Image.Addr(target.Sudog); err != nil || g != w.G {
			t.Errorf("g%d: the sudog at %v is that of %v (%v)", w.Goroutine, target.Sudog, g, err)
		}
		if target.Case == -1 {
			continue
		}
		if w.Op != gosync.Select || target.Case <= last || w.Cases != -1 && target.Case >= w.Cases {
			t.Errorf("g%d: %+v", w.Goroutine, w)
		}
		last = target.Case
	}
}

// readTarget reads the state of a target as everything that it could be.
func readTarget(r *gosync.Reader, target gosync.Target) {
	_, _ = r.Channel(target.Addr)
	_, _ = r.Mutex(target.Addr)
	_, _ = r.RWMutex(target.Addr)
	_, _ = r.WaitGroup(target.Addr)
	_, _ = r.Once(target.Addr)
	_, _ = r.Cond(target.Addr)
	_, _ = r.Semaphore(target.Sema)
}

// Whatever stands in the memory of a process, finding out what its goroutines
// wait for ends, does not panic, and what is in doubt is told.
func TestDamagedMemory(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 9))
	rounds := 150
	if testing.Short() {
		rounds = 20
	}
	for i, d := range openDamaged(t) {
		for range rounds {
			damage := make([]byte, damageBytes*(1+rng.IntN(32)))
			for i := range damage {
				damage[i] = byte(rng.Uint32())
			}
			if d.read(t, damage); t.Failed() {
				t.Fatalf("core %s, damage %x", damagedCores[i], damage)
			}
		}
	}
}

func FuzzWaits(f *testing.F) {
	all := openDamaged(f)
	f.Add(byte(0), []byte{})
	f.Add(byte(1), []byte{0, 0, 2, 0, 0, 0, 1, 0})
	f.Add(byte(2), []byte{1, 0, 2, 0, 1, 0, 1, 0, 3, 0, 4, 0, 5, 0, 2, 0})
	f.Add(byte(1), []byte{9, 0, 8, 0, 9, 0, 1, 0})
	f.Fuzz(func(t *testing.T, core byte, damage []byte) {
		all[int(core)%len(all)].read(t, damage)
	})
}
