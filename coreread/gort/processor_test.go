package gort_test

import (
	"slices"
	"strings"
	"testing"

	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// TestRunQueueAcrossTheRing holds run queues at every position of the ring, the
// counters' own overflow included, against a list.
func TestRunQueueAcrossTheRing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		heads := []uint32{0, 1, 255, 256, 1<<32 - 1, 1<<32 - 200}
		lengths := []uint32{0, 1, 37, 256}
		ps := w.processors(len(heads) * len(lengths))
		wanted := make(map[int32][]image.Addr)
		ring := w.lay.Struct("runtime.p").Offset("runq")
		for i, head := range heads {
			for j, n := range lengths {
				id := i*len(lengths) + j
				p := ps[id]
				w.set(p, "runtime.p", "runqhead", uint64(head))
				w.set(p, "runtime.p", "runqtail", uint64(head+n))
				queue := []image.Addr{}
				if j%2 == 1 {
					w.set(p, "runtime.p", "runnext", 0xc0ffee00)
					queue = append(queue, 0xc0ffee00)
				}
				for k := range n {
					g := uint64(0xc000100000) + uint64(id)<<16 + uint64(k)*8
					w.put64(p+ring+uint64((head+k)%256)*8, g)
					queue = append(queue, image.Addr(g))
				}
				wanted[int32(id)] = queue
			}
		}
		p := w.open()
		s := p.Scheduler()
		want(t, "number of processors", len(s.Processors), len(ps))
		want(t, "GOMAXPROCS", known(t, "GOMAXPROCS", s.GOMAXPROCS), len(ps))
		for _, pp := range s.Processors {
			if pp.RunQueue == nil || !slices.Equal(pp.RunQueue, wanted[pp.ID]) {
				t.Errorf("run queue of P%d is %v, want %v", pp.ID, pp.RunQueue, wanted[pp.ID])
			}
		}
		noGaps(t, p)
	})
}

func noGaps(t *testing.T, p *gort.Process) {
	t.Helper()
	for _, g := range p.Gaps() {
		t.Errorf("gap in an intact process: %+v", g)
	}
}

// TestDamagedProcessors leaves out the processors that cannot be, and says so.
func TestDamagedProcessors(t *testing.T) {
	w := newWorld(t, "amd64")
	ps := w.processors(5)
	w.set(ps[1], "runtime.p", "id", 7)
	w.set(ps[2], "runtime.p", "status", 9)
	w.set(ps[3], "runtime.p", "runqtail", 257)
	list := w.bytes(w.global("runtime.allp"))
	w.put64(leUint64(list)+4*8, 0xdead000)
	p := w.open()
	var ids []int32
	for _, pp := range p.Scheduler().Processors {
		ids = append(ids, pp.ID)
		want(t, "queue is known", pp.RunQueue != nil, pp.ID != 3)
	}
	if !slices.Equal(ids, []int32{0, 3}) {
		t.Errorf("processors %v, want 0 and 3", ids)
	}
	want(t, "gaps", len(p.Gaps()), 4)
	for _, g := range p.Gaps() {
		if !strings.Contains(g.What, "processor") || g.Effect == "" {
			t.Errorf("gap %+v", g)
		}
	}
}

func TestImpossibleListOfProcessors(t *testing.T) {
	for _, n := range []uint64{1 << 17, 1<<64 - 1} {
		w := newWorld(t, "amd64")
		w.processors(1)
		w.put64(w.global("runtime.allp")+8, n)
		p := w.open()
		if p.Scheduler().Processors != nil {
			t.Errorf("%d processors were read", len(p.Scheduler().Processors))
		}
		want(t, "gaps", len(p.Gaps()), 1)
	}
}

// TestProcessorInSystemCall follows the rule of Go 1.26: the goroutine says it.
func TestProcessorInSystemCall(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ps := w.processors(4)
		for i, status := range []layout.GStatus{layout.GRunning, layout.GSyscall, layout.GSyscall | layout.GScan, layout.GDeadExtra} {
			w.set(ps[i], "runtime.p", "status", uint64(layout.PRunning))
			m := w.machine(int32(100+i), ps[i], "runtime.main", 0)
			w.goroutine(m, uint64(i+1), status)
		}
		for i, pp := range w.open().Scheduler().Processors {
			want(t, "in a system call", pp.InSyscall, i > 0)
		}
	})
}

// TestTimeSlice takes sysmon's stamp only for the slice that it saw.
func TestTimeSlice(t *testing.T) {
	w := newWorld(t, "amd64")
	ps := w.processors(2)
	for i, p := range ps {
		w.set(p, "runtime.p", "schedtick", 40)
		w.set(p, "runtime.p", "sysmontick.schedtick", uint64(40-i))
		w.set(p, "runtime.p", "sysmontick.schedwhen", 5e9)
	}
	s := w.open().Scheduler()
	want(t, "seen slice", s.Processors[0].SliceSeen, int64(5e9))
	want(t, "unseen slice", s.Processors[1].SliceSeen, int64(0))
}
