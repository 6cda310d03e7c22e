package gosync_test

import (
	"encoding/binary"
	"testing"

	"postmortem/coreread/gort"
	"postmortem/coreread/gosync"
	"postmortem/coreread/image"
)

// overwrite adds a word to m, before what whole has there.
func overwrite(m *image.Image, at, value image.Addr) {
	m.Add(at, binary.LittleEndian.AppendUint64(nil, uint64(value)), image.FromCore)
}

func addRest(whole, m *image.Image) {
	for _, s := range whole.Segments() {
		m.Add(s.Start, s.Data, s.Origin)
	}
}

// A queue or a select whose list runs in a circle is an error, and counts nobody twice.
func TestCircles(t *testing.T) {
	var queue image.Addr
	var selecting uint64
	_, p := changed(t, "waits-shapes-1.27.3-plain", func(p *gort.Process, whole, m *image.Image) {
		sudog := p.Layout().Struct("runtime.sudog")
		next, waitlink := image.Addr(sudog.Offset("next")), image.Addr(sudog.Offset("waitlink"))
		for id, w := range all(t, p) {
			n := len(w.Targets)
			switch {
			case w.Op == gosync.Send && queue == 0:
				queue = w.Targets[0].Addr
				overwrite(m, w.Targets[0].Sudog+next, w.Targets[0].Sudog)
			case w.Op == gosync.Select && n > 1 && selecting == 0:
				selecting = id
				for i, target := range w.Targets {
					overwrite(m, target.Sudog+waitlink, w.Targets[(i+1)%n].Sudog)
				}
			}
		}
		addRest(whole, m)
	})
	r, err := gosync.New(p)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := r.Channel(queue); err == nil || c.Senders.Count != 0 || c.Senders.Goroutines != nil {
		t.Errorf("senders in a circle: %+v %v", c, err)
	}
	if w := all(t, p)[selecting]; w.Doubt == nil || len(w.Targets) != 0 {
		t.Errorf("a select in a circle: %+v", w)
	}
}

// A goroutine that is on a thread has the reason of its last wait (until 1.19 that
// of whoever stops the world), and waits for nobody.
func TestOnThread(t *testing.T) {
	var id uint64
	_, p := changed(t, "small-nil-1.18.10-plain", func(p *gort.Process, whole, m *image.Image) {
		at := image.Addr(p.Layout().Struct("runtime.g").Offset("m"))
		for goid, w := range all(t, p) {
			if w.Op == gosync.Lock {
				id = goid
				overwrite(m, w.G+at, p.Machines()[0].Addr)
				break
			}
		}
		addRest(whole, m)
	})
	waits := all(t, p)
	if w, ok := waits[id]; id == 0 || ok || len(waits) < 30 {
		t.Errorf("g%d waits: %v %+v; %d goroutines do", id, ok, w, len(waits))
	}
}
