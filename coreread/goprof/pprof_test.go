package goprof_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/google/pprof/profile"

	"postmortem/coreread/goprof"
)

// Samples are in the order of the list and labelled with the object's size; before
// 1.27, only if anything was allocated as far as the profile knows.
func TestHeapSamples(t *testing.T) {
	eachVersion(t, func(t *testing.T, p *program) {
		_, pc := callSites(t, p)
		w := p.world(t)
		w.set("runtime.MemProfileRate", 512<<10)
		w.bucket(1, 48, []uint64{pc}, w.memory(48, [4][2]uint64{{0, 0}, {0, 0}, {0, 0}, {1, 0}})...)
		w.bucket(1, 512<<10, []uint64{pc}, w.memory(512<<10, [4][2]uint64{{3, 1}, {0, 0}, {7, 0}})...)
		ps, _, _ := w.read()
		got := reread(t, ps.Heap())
		if got.Period != 512<<10 || got.PeriodType.Type != "space" || len(got.Sample) != 2 || got.TimeNanos != 0 {
			t.Fatalf("%v", got)
		}
		for i, want := range []struct {
			values []int64
			label  int64
		}{{[]int64{4, 2488234, 3, 1658822}, 512 << 10}, {[]int64{0, 0, 0, 0}, 48}} {
			s := got.Sample[i]
			for j := range want.values {
				if s.Value[j] != want.values[j] {
					t.Errorf("sample %d is %v, want %v", i, s.Value, want.values)
				}
			}
			labelled := i == 0 || p.Minor() >= 27
			if l := s.NumLabel["bytes"]; labelled && (len(l) != 1 || l[0] != want.label) || !labelled && len(l) > 0 {
				t.Errorf("sample %d is labelled %v", i, l)
			}
		}
	})
}

func TestNoProfiles(t *testing.T) {
	p := openProgram(t, binaries(t)[0])
	w := p.world(t)
	ps, _, _ := w.read()
	if ps.Heap() != nil || ps.Contention(&ps.Block) != nil || ps.Contention(&ps.Mutex) != nil {
		t.Error("a process that recorded nothing has a profile")
	}
	w.put(w.global("runtime.disableMemoryProfiling"), 1, 1)
	w.bucket(1, 16, nil, w.memory(16, [4][2]uint64{{1}})...)
	if ps, _, _ = w.read(); ps.Heap() != nil || len(ps.Memory.Buckets) != 1 {
		t.Error("a program that cannot write a heap profile has one")
	}
}

// Without the frequency of the CPU's clock a delay is in its ticks, and says so.
func TestDelaysWithoutClock(t *testing.T) {
	w := withTicks(t)
	w.bucket(3, 0, []uint64{0x10}, math.Float64bits(30), 600)
	ps, _, _ := w.read()
	p := reread(t, ps.Contention(&ps.Mutex))
	if unit := p.SampleType[1].Unit; unit != "ticks" || p.Sample[0].Value[1] != 600 {
		t.Errorf("the delay is %d %s", p.Sample[0].Value[1], unit)
	}
	w.ticks(2e9)
	ps, _, _ = w.read()
	p = reread(t, ps.Contention(&ps.Mutex))
	if unit := p.SampleType[1].Unit; unit != "nanoseconds" || p.Sample[0].Value[1] != 300 {
		t.Errorf("the delay is %d %s", p.Sample[0].Value[1], unit)
	}
}

// The same core makes the same bytes.
func TestBytesAreTheSameEachTime(t *testing.T) {
	p := openProgram(t, binaries(t)[0])
	pcs := somePCs(p, 60)
	write := func() []byte {
		w := p.world(t)
		for i := range 20 {
			w.bucket(1, uint64(16*i+16), pcs[i:2*i+20], w.memory(16, [4][2]uint64{{uint64(i), 1}})...)
		}
		ps, _, _ := w.read()
		data, err := goprof.Bytes(ps.Heap())
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	first := write()
	if !bytes.Equal(first, write()) {
		t.Error("the second profile has other bytes")
	}
	if _, err := profile.ParseData(first); err != nil {
		t.Error(err)
	}
}
