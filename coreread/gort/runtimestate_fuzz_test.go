package gort_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"postmortem/coreread/elfcore"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// FuzzRuntimeState overwrites words of the scheduler's, the collector's and the
// threads' structures: whatever stands there, reading them ends, does not
// panic, and makes up no more than the memory holds.
func FuzzRuntimeState(f *testing.F) {
	w := newWorld(f, "amd64")
	stopping(w, "runtime.stopTheWorldWithSema")
	ps := w.processors(2)
	ticker(w, ps[1], 20e9, 1e9)
	machine := binary.LittleEndian.Uint64(w.bytes(w.global("runtime.allm")))
	targets := []uint64{
		w.global("runtime.sched"), w.global("runtime.gcController"), w.global("runtime.memstats"), w.global("runtime.work"),
		w.global("runtime.allp"), w.global("runtime.allm"), w.global("runtime.gcphase"), w.global("runtime.gomaxprocs"),
		ps[0], ps[1], machine, binary.LittleEndian.Uint64(w.bytes(machine + w.lay.Struct("runtime.m").Offset("curg"))),
	}
	core := w.open().Core
	patch := func(target byte, offset uint16, value uint64) []byte {
		return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint16([]byte{target}, offset), value)
	}
	f.Add([]byte{})
	f.Add(patch(4, 8, 1<<40))
	f.Add(patch(0, uint16(w.lay.Struct("runtime.schedt").Offset("stopwait")), 1<<63-1))
	f.Add(patch(9, uint16(w.lay.Struct("runtime.p").Offset("timers.heap")+8), 1<<62))
	f.Add(patch(10, uint16(w.lay.Struct("runtime.m").Offset("alllink")), machine))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &elfcore.Core{Image: image.New(binary.LittleEndian), Machine: core.Machine, Threads: core.Threads}
		var memory [][]byte
		for _, s := range w.memory {
			memory = append(memory, bytes.Clone(s.Data))
		}
		for ; len(data) >= 11; data = data[11:] {
			at := targets[int(data[0])%len(targets)] + uint64(binary.LittleEndian.Uint16(data[1:]))
			for i, s := range w.memory {
				if at >= s.Addr && at+8 <= s.Addr+uint64(len(s.Data)) {
					copy(memory[i][at-s.Addr:], data[3:11])
				}
			}
		}
		for i, s := range w.memory {
			c.Image.Add(image.Addr(s.Addr), memory[i], image.FromCore)
		}
		p, err := gort.New(c, w.bin, w.lay, 0)
		if err != nil {
			t.Fatal(err)
		}
		readAll(t, p)
	})
}

// readAll reads everything that there is to the scheduler, the collector, the
// clocks and the threads, and checks what must hold of any process.
func readAll(t *testing.T, p *gort.Process) {
	s := p.Scheduler()
	for _, pp := range s.Processors {
		if pp.Status > layout.PDead || len(pp.RunQueue) > layout.RunqLen+1 {
			t.Errorf("P%d: status %d, queue of %d", pp.ID, pp.Status, len(pp.RunQueue))
		}
	}
	if c := p.Collector(); c.Pauses != nil && (len(c.Pauses.Sample) > 256 || uint64(len(c.Pauses.Sample)) > uint64(c.Pauses.Count)) {
		t.Errorf("%d pauses of %d cycles", len(c.Pauses.Sample), c.Pauses.Count)
	}
	if c := p.Clocks(); c.Now < 0 || (c.Now == 0) != (c.Basis == "") {
		t.Errorf("clocks %+v", c)
	}
	if stop := p.StopTheWorld(); stop != nil && !stop.InProgress && (stop.Complete || len(stop.Waiting) > 0) {
		t.Errorf("no stop-the-world, and yet %+v", stop)
	}
	p.Barrier()
	for _, th := range p.Threads() {
		if th.State == "" || len(th.Frames) > gort.StoredFrames {
			t.Errorf("thread %d: %q, %d frames", th.TID, th.State, len(th.Frames))
		}
		var stack gort.Stack
		p.ThreadStack(th, &stack)
	}
	for _, g := range p.Gaps() {
		if g.What == "" || g.Effect == "" {
			t.Errorf("gap %+v", g)
		}
	}
}
