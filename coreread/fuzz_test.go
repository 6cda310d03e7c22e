package coreread_test

import (
	"encoding/binary"
	"os"
	"testing"

	"postmortem/coreread"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/coreread/input"
	"postmortem/internal/testcores"
)

// patch is how the fuzzer damages a core: eight bytes somewhere in a region
// that the model of the runtime reads. It is encoded in patchBytes bytes.
type patch struct {
	region, index uint8
	offset        uint16
	value         uint64
}

const (
	patchBytes = 12
	maxPatches = 32
)

func decodePatches(b []byte) (patches []patch) {
	for ; len(b) >= patchBytes && len(patches) < maxPatches; b = b[patchBytes:] {
		patches = append(patches, patch{b[0], b[1], binary.LittleEndian.Uint16(b[2:]), binary.LittleEndian.Uint64(b[4:])})
	}
	return patches
}

// target is a core whose interesting regions are known.
type target struct {
	data    []byte
	binary  *input.File
	snap    *coreread.Snapshot
	regions [][]image.Range
}

// newTarget finds where goroutines, stacks, Ms and the runtime's variables are.
func newTarget(f *testing.F) *target {
	c := testcores.Get(f, damagedCore)
	read := func(path string) []byte {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		return data
	}
	tg := &target{data: read(c.CorePath(f)), binary: input.Memory(c.Program, read(c.BinaryPath(f)))}
	var err error
	if tg.snap, err = coreread.Load(input.Memory("core", tg.data), tg.binary, false); err != nil {
		f.Fatal(err)
	}
	var gs, stacks, ms []image.Range
	p := tg.snap.Runtime
	gsize := image.Addr(p.Layout().Struct("runtime.g").Size())
	p.Goroutines(func(g *gort.Goroutine) {
		gs = append(gs, image.Range{Start: g.Addr, End: g.Addr + gsize})
		stacks = append(stacks, image.Range{Start: max(g.Stack.Start, g.Stack.End-2048), End: g.Stack.End})
	})
	for _, m := range p.Machines() {
		ms = append(ms, image.Range{Start: m.Addr, End: m.Addr + image.Addr(p.Layout().Struct("runtime.m").Size())})
		stacks = append(stacks, image.Range{Start: m.SignalStack.End - 8192, End: m.SignalStack.End})
	}
	module := tg.snap.Exe.Module()
	globals := []image.Range{
		{Start: module.NoPtrData, End: module.ENoPtrData},
		{Start: module.Data, End: module.EData},
		{Start: module.BSS, End: module.EBSS},
		{Start: module.NoPtrBSS, End: module.ENoPtrBSS},
	}
	tg.regions = [][]image.Range{gs, stacks, ms, globals}
	return tg
}

// apply writes the patches into the core and returns what takes them back.
func (tg *target) apply(patches []patch) (undo func()) {
	var saved []func()
	for _, p := range patches {
		region := tg.regions[int(p.region)%len(tg.regions)]
		r := region[int(p.index)%len(region)]
		if r.Len() < 8 {
			continue
		}
		at := r.Start + image.Addr(uint64(p.offset)*8%(r.Len()-7))
		for _, s := range tg.snap.Core.Segments {
			if !s.Contains(at) || uint64(at-s.Start)+8 > s.FileBytes {
				continue
			}
			word := tg.data[s.Offset+uint64(at-s.Start):][:8]
			old := binary.LittleEndian.Uint64(word)
			binary.LittleEndian.PutUint64(word, p.value)
			saved = append(saved, func() { binary.LittleEndian.PutUint64(word, old) })
		}
	}
	return func() {
		for i := len(saved) - 1; i >= 0; i-- {
			saved[i]()
		}
	}
}

// FuzzGoroutines damages what the model of the runtime reads: it must neither
// panic nor hang, nor list a goroutine twice.
func FuzzGoroutines(f *testing.F) {
	tg := newTarget(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		undo := tg.apply(decodePatches(b))
		defer undo()
		snap, err := coreread.Load(input.Memory("core", tg.data), tg.binary, false)
		if err != nil {
			return
		}
		p := snap.Runtime
		var stack gort.Stack
		seen := make(map[image.Addr]bool)
		p.Goroutines(func(g *gort.Goroutine) {
			if seen[g.Addr] {
				t.Errorf("the g at %v is listed twice", g.Addr)
			}
			seen[g.Addr] = true
			p.Stack(g, &stack)
			if n := len(stack.Inner) + len(stack.Outer); uint64(n)+stack.Elided() != stack.Physical {
				t.Errorf("goroutine %d: %d frames kept and %d elided of %d", g.ID, n, stack.Elided(), stack.Physical)
			}
			_, _ = p.Panics(g)
			_, _ = p.Defers(g, &stack)
			_, _ = p.Labels(g)
		})
		p.Crash()
		p.Threads()
		p.Scheduler()
		p.Collector()
		p.StopTheWorld()
		p.Clocks()
	})
}
