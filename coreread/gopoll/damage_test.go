package gopoll_test

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"postmortem/coreread"
	"postmortem/coreread/gopoll"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/coreread/input"
	"postmortem/internal/testcores"
)

// Whatever stands in the memory of a process, reading ends, does not panic, and
// what it returns holds together.
func TestDamagedMemory(t *testing.T) {
	for _, name := range []string{"rich-crashserver-1.22.12-w", "rich-crashserver-1.27.3-plain"} {
		t.Run(name, func(t *testing.T) {
			c := testcores.Get(t, name)
			whole, err := os.ReadFile(c.CorePath(t))
			if err != nil {
				t.Fatal(err)
			}
			bin, err := os.ReadFile(c.BinaryPath(t))
			if err != nil {
				t.Fatal(err)
			}
			damageAndRead(t, whole, bin, 40)
		})
	}
}

func damageAndRead(t *testing.T, whole, bin []byte, rounds int) {
	snap, err := coreread.Load(input.Memory("core", whole), input.Memory("binary", bin), false)
	if err != nil {
		t.Fatal(err)
	}
	targets, values := damageTargets(t, snap.Runtime)
	if len(targets) < 50 {
		t.Fatalf("%d structures to damage", len(targets))
	}
	rng := rand.New(rand.NewPCG(5, 6))
	if testing.Short() {
		rounds /= 5
	}
	data, loaded := make([]byte, len(whole)), 0
	for round := range rounds {
		copy(data, whole)
		for range 1 + rng.IntN(60) {
			target := targets[rng.IntN(len(targets))]
			at := target.Start + image.Addr(rng.IntN(int(target.Len()/8))*8)
			v := values[rng.IntN(len(values))]
			if rng.IntN(3) == 0 {
				v = rng.Uint64() >> rng.IntN(64)
			}
			for _, s := range snap.Core.Segments {
				if s.Contains(at) && uint64(at-s.Start)+8 <= s.FileBytes {
					binary.LittleEndian.PutUint64(data[s.Offset+uint64(at-s.Start):], v)
				}
			}
		}
		damaged, err := coreread.Load(input.Memory("core", data), input.Memory("binary", bin), false)
		if err != nil {
			continue // it says so
		}
		loaded++
		begun := time.Now()
		readAll(t, damaged.Runtime)
		if d := time.Since(begun); d > 20*time.Second {
			t.Errorf("round %d took %v", round, d)
		}
		damaged.Close()
	}
	if loaded < rounds/2 {
		t.Errorf("%d of %d cores could be opened", loaded, rounds)
	}
}

// damageTargets are the structures that matter, and words that lead somewhere.
func damageTargets(t *testing.T, p *gort.Process) (targets []image.Range, values []uint64) {
	values = []uint64{0, 1, 8, 1 << 63, 1 << 20, 1 << 40, 1<<63 - 1, ^uint64(0)}
	add := func(a image.Addr, n uint64) {
		if a != 0 {
			targets = append(targets, image.Range{Start: a &^ 7, End: a&^7 + image.Addr(n)})
			values = append(values, uint64(a))
		}
	}
	r, err := gopoll.New(p)
	if err != nil {
		t.Fatal(err)
	}
	lay := p.Layout()
	sp := lay.Struct("runtime.g").Offset("sched.sp")
	netFD := lay.Struct("net.netFD")
	p.Goroutines(func(g *gort.Goroutine) {
		add(g.Addr, lay.Struct("runtime.g").Size())
		if top, err := p.Image.Addr(g.Addr + image.Addr(sp)); err == nil && g.Stack.Contains(top) {
			add(top, min(512, uint64(g.Stack.End-top)))
		}
		poll, _, ok := r.Waiting(g)
		if !ok {
			return
		}
		add(poll.Desc, lay.Struct("runtime.pollDesc").Size())
		if fd, ok := r.Owner(g, &poll); ok && !fd.File {
			add(fd.Addr, netFD.Size())
			for _, field := range []string{"laddr", "raddr"} {
				if a, err := p.Image.Addr(fd.Addr + image.Addr(netFD.Offset(field)) + 8); err == nil {
					add(a, 48)
				}
			}
		}
	})
	for _, processor := range p.Scheduler().Processors {
		add(processor.Addr+image.Addr(lay.Struct("runtime.p").Offset("timers")), 64)
	}
	if err := r.Timers(func(timer *gopoll.Timer) {
		add(timer.Addr, lay.Struct("runtime.timer").Size())
		add(timer.Channel, 96)
	}); err != nil {
		t.Fatal(err)
	}
	return targets, values
}

// readAll reads all there is, and checks what must hold of any memory.
func readAll(t *testing.T, p *gort.Process) {
	t.Helper()
	r, err := gopoll.New(p)
	if err != nil {
		return
	}
	var list []gort.Goroutine
	p.Goroutines(func(g *gort.Goroutine) { list = append(list, *g) })
	for i := range list {
		g := &list[i]
		if when, ok := r.Sleep(g); ok && when <= 0 {
			t.Errorf("goroutine %d sleeps until %d", g.ID, when)
		}
		r.Connecting(g, &gopoll.NetFD{})
		readWait(t, r, g)
		r.CallOwner(g, int64(i))
		r.Bubble(g)
	}
	timers := 0
	err = r.Timers(func(x *gopoll.Timer) {
		timers++
		if x.When < 0 || x.Period < 0 || (x.State == gopoll.Stopped) != (x.When == 0) && x.State != gopoll.Changing {
			t.Errorf("%+v", x)
		}
		r.ChannelTimer(x.Channel)
	})
	if err != nil && len(p.Gaps()) == 0 {
		t.Errorf("no gap for: %v", err)
	}
	for _, gap := range p.Gaps() {
		if gap.What == "" || gap.Effect == "" {
			t.Errorf("gap %+v", gap)
		}
	}
}

func readWait(t *testing.T, r *gopoll.Reader, g *gort.Goroutine) {
	t.Helper()
	poll, mode, ok := r.Waiting(g)
	if !ok {
		return
	}
	waiter := map[gopoll.Mode]image.Addr{gopoll.Read: poll.Reader, gopoll.Write: poll.Writer}[mode]
	if waiter != g.Addr || poll.FD < 0 || poll.ReadDeadline < gopoll.Expired || poll.WriteDeadline < gopoll.Expired {
		t.Errorf("goroutine %d at %v: %s %+v", g.ID, g.Addr, mode, poll)
	}
	fd, ok := r.Owner(g, &poll)
	if !ok {
		return
	}
	if fd.Desc != poll.Desc || fd.Sysfd != poll.FD {
		t.Errorf("goroutine %d: %+v owns %+v", g.ID, fd, poll)
	}
	n, err := r.Net(fd.Addr)
	if err != nil {
		return
	}
	if n.Network == "" || n.Local.Port < 0 || n.Remote.Port > 1<<16 || len(n.Remote.Name) > 256 {
		t.Errorf("goroutine %d: %+v", g.ID, n)
	}
	r.Connecting(g, &n)
}
