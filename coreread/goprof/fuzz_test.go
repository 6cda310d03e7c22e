package goprof_test

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/google/pprof/profile"

	"postmortem/coreread/goprof"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// FuzzProfiles takes any bytes for the memory that buckets and records of objects
// lie in: reading them ends, does not panic, and finds no more than fits there.
func FuzzProfiles(f *testing.F) {
	p := openProgram(f, binaries(f)[0])
	w := p.world(f)
	pcs := somePCs(p, 40)
	first := w.bucket(1, 64, pcs[:7], w.memory(64, [4][2]uint64{{9, 3}, {1, 1}, {2, 0}})...)
	w.bucket(1, 4096, pcs, w.memory(4096, [4][2]uint64{{5, 0}})...)
	w.bucket(2, 0, pcs[3:30], math.Float64bits(3), 1000)
	w.bucket(3, 0, pcs[5:9], math.Float64bits(math.NaN()), 1000)
	specials := w.special(0x40, layout.SpecialProfile, w.special(0x80, layout.SpecialFinalizer, 0, 1), first)
	w.ticks(1e9)

	var memory []byte
	for at := uint64(arena); at < w.next; at += 8 {
		memory = binary.LittleEndian.AppendUint64(memory, w.words[at])
		delete(w.words, at)
	}
	f.Add(memory)
	f.Add(memory[:len(memory)/2])
	f.Add([]byte{})
	for i := 0; i < len(memory); i += 8 * 11 {
		damaged := append([]byte(nil), memory...)
		binary.LittleEndian.PutUint64(damaged[i:], arena)
		f.Add(damaged)
	}
	f.Fuzz(func(t *testing.T, memory []byte) {
		im := image.New(binary.LittleEndian)
		im.Add(arena, memory, image.FromCore)
		ps := goprof.Read(w.processOf(t, im))
		n := len(ps.Memory.Buckets) + len(ps.Block.Buckets) + len(ps.Mutex.Buckets)
		if n*48 > len(memory) {
			t.Errorf("%d buckets in %d bytes", n, len(memory))
		}
		readStacks(ps)
		for _, prof := range []*profile.Profile{ps.Heap(), ps.Contention(&ps.Block), ps.Contention(&ps.Mutex)} {
			if prof == nil {
				continue
			}
			if err := prof.CheckValid(); err != nil {
				t.Error(err)
			}
		}
		visited := 0
		ps.Sampled(span, image.Addr(specials), func(a image.Addr, bucket int) {
			if visited++; visited > 2*len(memory) || !span.Contains(a) || bucket >= len(ps.Memory.Buckets) {
				t.Fatalf("object %d at %s of stack %d", visited, a, bucket)
			}
		})
	})
}

func readStacks(ps *goprof.Profiles) {
	for i := range ps.Memory.Buckets {
		ps.AllocationStack(i)
	}
	for _, c := range []*goprof.Contention{&ps.Block, &ps.Mutex} {
		for i := range c.Buckets {
			ps.ContentionStack(&c.Buckets[i])
		}
	}
}

// somePCs are addresses in the middle of functions, many with inlined calls.
func somePCs(p *program, n int) (pcs []uint64) {
	funcs := p.bin.Funcs()
	for i := 0; len(pcs) < n; i += 7 {
		if fn, ok := funcs.Func(i % funcs.Len()); ok && fn.End() > fn.Entry()+32 {
			pcs = append(pcs, uint64(fn.Entry()+fn.End())/2)
		}
	}
	return pcs
}
