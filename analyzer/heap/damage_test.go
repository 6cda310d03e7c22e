package heap_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"postmortem/analyzer"
	"postmortem/analyzer/facts"
	"postmortem/coreread"
	"postmortem/coreread/goheap"
	"postmortem/coreread/gort"
	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
	"postmortem/coreread/input"
	"postmortem/internal/testcores"
)

// damagedCores are small heaps with each way of telling where pointers are.
var damagedCores = []string{"small-nil-1.18.10-plain", "small-nil-1.20.14-w", "dies-nilfunc-1.22.12-w", "small-nil-1.27.3-plain"}

// patch is eight bytes somewhere in what the model of the heap reads. It is
// encoded in patchBytes bytes.
type patch struct {
	region        uint8
	index, offset uint16
	value         uint64
}

const (
	patchBytes = 13
	maxPatches = 32
)

func decodePatches(b []byte) (patches []patch) {
	for ; len(b) >= patchBytes && len(patches) < maxPatches; b = b[patchBytes:] {
		patches = append(patches, patch{b[0], binary.LittleEndian.Uint16(b[1:]), binary.LittleEndian.Uint16(b[3:]), binary.LittleEndian.Uint64(b[5:])})
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

func newTarget(t testing.TB, name string) *target {
	c := testcores.Get(t, name)
	read := func(path string) []byte {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	tg := &target{data: bytes.Clone(read(c.CorePath(t))), binary: input.Memory(c.Program, read(c.BinaryPath(t)))}
	var err error
	if tg.snap, err = coreread.Load(input.Memory("core", tg.data), tg.binary, false); err != nil {
		t.Fatal(err)
	}
	u, err := gotypes.New(tg.snap.Runtime)
	if err != nil {
		t.Fatal(err)
	}
	h, err := goheap.Read(tg.snap.Runtime, u)
	if err != nil {
		t.Fatal(err)
	}
	lay := tg.snap.Runtime.Layout()
	var records, memory, specials, stacks []image.Range
	for i := range h.Spans {
		s := &h.Spans[i]
		records = append(records, image.Range{Start: s.Addr, End: s.Addr + image.Addr(lay.Struct("runtime.mspan").Size())})
		memory = append(memory, image.Range{Start: s.Start, End: s.End()})
		if s.Specials != 0 {
			specials = append(specials, image.Range{Start: s.Specials, End: s.Specials + 64})
		}
	}
	tg.snap.Runtime.Goroutines(func(g *gort.Goroutine) {
		stacks = append(stacks, image.Range{Start: max(g.Stack.Start, g.Stack.End-2048), End: g.Stack.End})
	})
	m := tg.snap.Exe.Module()
	globals := []image.Range{
		{Start: m.NoPtrData, End: m.ENoPtrData}, {Start: m.Data, End: m.EData}, {Start: m.BSS, End: m.EBSS}, {Start: m.NoPtrBSS, End: m.ENoPtrBSS},
	}
	tg.regions = [][]image.Range{records, memory, memory, stacks, globals}
	if len(specials) > 0 {
		tg.regions = append(tg.regions, specials)
	}
	return tg
}

// apply writes the patches into the core and returns what takes them back.
func (tg *target) apply(patches []patch) (undo func()) {
	var saved []func()
	for _, p := range patches {
		region := tg.regions[int(p.region)%len(tg.regions)]
		r := region[int(p.index)%len(region)]
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

// check analyses the core as it is now: whatever the damage, what the report says
// of the heap must add up.
func (tg *target) check(t testing.TB) *facts.Document {
	snap, err := coreread.Load(input.Memory("core", tg.data), tg.binary, false)
	if err != nil {
		return nil
	}
	doc, profiles := analyzer.Analyze(context.Background(), snap, analyzer.Config{Profiles: true})
	for _, p := range profiles {
		if err := p.Write(io.Discard); err != nil {
			t.Errorf("profile %s: %v", p.Name, err)
		}
	}
	h := doc.Heap
	if h == nil {
		if s := doc.Completeness.Sections[facts.PartHeap]; s.State == facts.SectionComplete || !s.Why.Known {
			t.Errorf("no heap, and no reason: %+v", s)
		}
		return doc
	}
	if n := h.ReachableObjects.V + h.GarbageObjects.V; n != h.Objects {
		t.Errorf("%d objects are reachable or garbage, there are %d", n, h.Objects)
	}
	var typed, mapped uint64
	for _, row := range h.Types {
		typed += row.Count
	}
	if typed != h.ReachableObjects.V && h.TypesTotal <= facts.TypesCap {
		t.Errorf("the table of types has %d objects, reachable are %d", typed, h.ReachableObjects.V)
	}
	for _, line := range h.Accounting {
		mapped += line.Bytes
	}
	if mapped != h.MappedBytes.V {
		t.Errorf("the accounting adds up to %d bytes, mapped are %d", mapped, h.MappedBytes.V)
	}
	for _, r := range h.Roots {
		if r.RetainedBytes.V > h.ReachableBytes.V {
			t.Errorf("%s retains %d of %d bytes", r.Name.V, r.RetainedBytes.V, h.ReachableBytes.V)
		}
	}
	return doc
}

// TestDamagedHeap overwrites words of the heap's structures and of objects.
func TestDamagedHeap(t *testing.T) {
	for _, name := range damagedCores {
		t.Run(name, func(t *testing.T) {
			tg := newTarget(t, name)
			random := rand.New(rand.NewPCG(1, uint64(len(name))))
			for range 40 {
				var patches []patch
				for range 1 + random.IntN(8) {
					patches = append(patches, patch{uint8(random.Uint32()), uint16(random.Uint32()), uint16(random.Uint32()), tg.value(random)})
				}
				undo := tg.apply(patches)
				tg.check(t)
				undo()
				if t.Failed() {
					t.Fatalf("after %+v", patches)
				}
			}
		})
	}
}

// value is a word to damage a core with: any, a small one, or an address of the heap.
func (tg *target) value(random *rand.Rand) uint64 {
	switch random.IntN(4) {
	case 0:
		return random.Uint64()
	case 1:
		return uint64(random.IntN(1 << 20))
	}
	spans := tg.regions[1]
	r := spans[random.IntN(len(spans))]
	return uint64(r.Start) + random.Uint64N(r.Len())
}

// TestLostSpansAreTold cuts the record of a span out: what it held is lost, and
// the report must say so.
func TestLostSpansAreTold(t *testing.T) {
	tg := newTarget(t, damagedCores[3])
	whole := tg.check(t)
	if s := whole.Completeness.Sections[facts.PartHeap]; s.State != facts.SectionComplete {
		t.Fatalf("undamaged: %+v", s)
	}
	lay := tg.snap.Runtime.Layout().Struct("runtime.mspan")
	record := tg.regions[0][len(tg.regions[0])/2]
	at := record.Start + image.Addr(lay.Offset("startAddr"))
	for i, r := range tg.regions[0] {
		if r == record {
			undo := tg.apply([]patch{{0, uint16(i), uint16((at - r.Start) / 8), 12345}})
			defer undo()
		}
	}
	doc := tg.check(t)
	if s := doc.Completeness.Sections[facts.PartHeap]; s.State != facts.SectionPartial || doc.Completeness.GapsTotal == 0 {
		t.Errorf("with a damaged span the heap is %+v, %d gaps", s, doc.Completeness.GapsTotal)
	}
}

// FuzzHeap damages what the model of the heap reads: no panic, no hang, and what
// is reported adds up.
func FuzzHeap(f *testing.F) {
	var targets []*target
	for _, name := range damagedCores {
		targets = append(targets, newTarget(f, name))
	}
	seed := rand.New(rand.NewPCG(7, 7))
	for region := range byte(6) {
		b := []byte{region}
		for range 4 {
			b = append(b, region)
			for range patchBytes - 1 {
				b = append(b, byte(seed.Uint32()))
			}
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		tg := targets[int(b[0])%len(targets)]
		undo := tg.apply(decodePatches(b[1:]))
		defer undo()
		tg.check(t)
	})
}
