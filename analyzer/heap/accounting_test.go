package heap

import (
	"bytes"
	"context"
	"debug/elf"
	endian "encoding/binary"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/coreread"
	"postmortem/coreread/goheap"
	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
	"postmortem/coreread/input"
	"postmortem/internal/testcores"
)

// divided is a core's heap with its layout and accounting, without types and reachability.
func divided(t *testing.T, c *testcores.Core) (*goheap.Heap, *coreread.Snapshot, *facts.Heap) {
	t.Helper()
	snap, err := coreread.Open(context.Background(), coreread.Config{Core: c.CorePath(t), Binary: c.BinaryPath(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := snap.Close(); err != nil {
			t.Error(err)
		}
	})
	h, doc := divide(t, snap)
	return h, snap, doc
}

func divide(t *testing.T, snap *coreread.Snapshot) (*goheap.Heap, *facts.Heap) {
	t.Helper()
	types, err := gotypes.New(snap.Runtime)
	if err != nil {
		t.Fatal(err)
	}
	h, err := goheap.Read(snap.Runtime, types)
	if err != nil {
		t.Fatal(err)
	}
	doc := &facts.Heap{}
	describeLayout(h, doc, nothingKnown)
	describeAccounting(h, snap, doc)
	return h, doc
}

// nothingKnown is without types, and takes every other object for reachable.
var nothingKnown = objectInfo{
	typeName:  func(goheap.Object) (string, bool) { return "", false },
	reachable: func(o goheap.Object) (bool, bool) { return o%2 == 0, true },
}

func lineOf(doc *facts.Heap, what string) uint64 {
	for _, l := range doc.Accounting {
		if l.What == what {
			return l.Bytes
		}
	}
	return 0
}

// headerBytes adds up the core's program headers, without what nobody could touch.
func headerBytes(t *testing.T, c *testcores.Core, core *coreread.Snapshot) uint64 {
	t.Helper()
	f, err := elf.Open(c.CorePath(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var n uint64
	for _, p := range f.Progs {
		_, file := core.Core.FileAt(image.Addr(p.Vaddr))
		reserved := p.Flags == 0 || c.Producer == "gcore" && p.Flags == elf.PF_R && !file
		if p.Type == elf.PT_LOAD && !reserved {
			n += p.Memsz
		}
	}
	return n
}

// checkAccounting makes sure that the lines add up to the program headers.
func checkAccounting(t *testing.T, c *testcores.Core, snap *coreread.Snapshot, doc *facts.Heap) {
	var sum uint64
	seen := map[string]bool{}
	for _, l := range doc.Accounting {
		if seen[l.What] {
			t.Errorf("two lines say %q", l.What)
		}
		seen[l.What] = true
		sum += l.Bytes
	}
	want := headerBytes(t, c, snap)
	if sum != want || doc.MappedBytes != facts.Some(want) {
		t.Errorf("the lines have %d bytes, the core's headers %d, mapped are %+v", sum, want, doc.MappedBytes)
	}
	if n := lineOf(doc, arenaRest); n != 0 {
		t.Errorf("%d bytes of the arenas are of no page", n)
	}
	if c.Program != "cgo" && c.Variant != "external" && doc.Accounting[len(doc.Accounting)-1].Bytes > 16<<10 {
		t.Errorf("Go does not know %d bytes of a process without C", doc.Accounting[len(doc.Accounting)-1].Bytes)
	}
}

// TestAccountingOfC knows what is C's in the scenario: glibc maps 8 MiB for the
// stack of a thread unless asked for another size, as two threads are, and begins
// each of malloc's areas with 132 KiB.
func TestAccountingOfC(t *testing.T) {
	_, snap, doc := divided(t, testcores.Get(t, "cgo-segv-1.27.3-cgo"))
	threads := uint64(len(snap.Core.Threads))
	if got, want := lineOf(doc, "stacks of C threads"), (threads-3)*8<<20+2*256<<10; got != want {
		t.Errorf("stacks of C threads have %d bytes, want %d", got, want)
	}
	least, most := 5*uint64(132<<10), (threads+1)*132<<10+128<<10
	if got := lineOf(doc, unknownToGo); got < least || got > most {
		t.Errorf("Go does not know %d bytes, want %d to %d", got, least, most)
	}
	var libraries uint64
	for _, s := range snap.Core.Segments {
		if f, ok := snap.Core.FileAt(s.Start); ok && !strings.HasSuffix(f.Path, "/cgo") && s.Flags != 0 {
			libraries += s.Len()
		}
	}
	if got := lineOf(doc, "other mapped files"); got != libraries {
		t.Errorf("mapped files have %d bytes, want %d", got, libraries)
	}
}

// TestAccountingTellsGarbage uses what is reachable where that is known.
func TestAccountingTellsGarbage(t *testing.T) {
	h, snap, doc := divided(t, testcores.Get(t, "small-nil-1.27.3-plain"))
	objects := lineOf(doc, "objects")
	if objects == 0 || objects != h.Books().Slots.Bytes {
		t.Fatalf("objects have %d bytes, want %d", objects, h.Books().Slots.Bytes)
	}
	doc.ReachableBytes, doc.GarbageBytes = facts.Some(objects-4096), facts.Some(uint64(4096))
	describeAccounting(h, snap, doc)
	if r, g := lineOf(doc, "reachable objects"), lineOf(doc, "garbage objects"); r != objects-4096 || g != 4096 || lineOf(doc, "objects") != 0 {
		t.Errorf("%d bytes reachable, %d garbage of %d", r, g, objects)
	}
}

// TestDamagedBooksStillAddUp puts nonsense into the runtime's variables, which
// lead to all that is read here.
func TestDamagedBooksStillAddUp(t *testing.T) {
	c := testcores.Get(t, "small-nil-1.27.3-plain")
	content, err := os.ReadFile(c.CorePath(t))
	if err != nil {
		t.Fatal(err)
	}
	binary, err := input.Open(context.Background(), c.BinaryPath(t), input.Options{})
	if err != nil {
		t.Fatal(err)
	}
	snap, err := coreread.Load(input.Memory("core", content), binary, false)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	h, doc := divide(t, snap)
	want := doc.MappedBytes
	names := []string{"mheap_", "work", "stackpool", "stackLarge", "allp", "allgs", "persistentChunks", "gcBitsArenas", "buckhash", "memstats"}
	random := rand.New(rand.NewPCG(3, 4))
	for i := range 500 {
		at, _, err := snap.Exe.Global("runtime." + names[i%len(names)])
		if err != nil {
			t.Fatal(err)
		}
		// One of the first words; mheap_ has its page allocator's fields far behind them.
		at += image.Addr(8 * random.IntN(16))
		if i%len(names) == 0 && i%3 != 0 {
			at += 65536 + image.Addr(8*random.IntN(120))
		}
		word, err := snap.Core.Image.Bytes(at, 8)
		if err != nil {
			t.Fatal(err)
		}
		saved := bytes.Clone(word)
		nonsense := []uint64{random.Uint64(), random.Uint64() >> 16, 0, uint64(h.Arenas[0].Start) + random.Uint64N(8<<20), endian.LittleEndian.Uint64(saved) + 8*random.Uint64N(1<<16)}
		endian.LittleEndian.PutUint64(word, nonsense[random.IntN(len(nonsense))])
		damaged := &facts.Heap{}
		describeLayout(h, damaged, nothingKnown)
		describeAccounting(h, snap, damaged)
		var sum uint64
		for _, l := range damaged.Accounting {
			sum += l.Bytes
		}
		if damaged.MappedBytes != want || sum != want.V {
			t.Errorf("with %x at %v (%s) the lines have %d bytes, want %d", word, at, names[i%len(names)], sum, want.V)
		}
		copy(word, saved)
	}
}

// TestLedgerGivesEachByteOnce compares with an array of owners.
func TestLedgerGivesEachByteOnce(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	between := func(lo, hi int) image.Range {
		a := lo + random.IntN(hi-lo)
		return image.Range{Start: image.Addr(a), End: image.Addr(a + random.IntN(hi-a+1))}
	}
	for range 2000 {
		const size = 200
		var owner [size]int // 0: not accessible, 1: free
		var accessible []image.Range
		for at := random.IntN(20); at < size; at += random.IntN(20) + 2 {
			r := image.Range{Start: image.Addr(at), End: image.Addr(min(size, at+1+random.IntN(30)))}
			accessible = append(accessible, r)
			for a := r.Start; a < r.End; a++ {
				owner[a] = 1
			}
			at = int(r.End)
		}
		l := newLedger(accessible)
		for claim := 2; claim < 6; claim++ {
			var ranges []image.Range
			for range random.IntN(6) {
				ranges = append(ranges, between(0, size))
			}
			var want uint64
			for _, r := range ranges {
				for a := r.Start; a < r.End; a++ {
					if owner[a] == 1 {
						owner[a] = claim
						want++
					}
				}
			}
			if got := l.take(ranges); got != want {
				t.Fatalf("took %d bytes of %v, want %d", got, ranges, want)
			}
		}
		for _, r := range l.free {
			for a := r.Start; a < r.End; a++ {
				if owner[a] != 1 {
					t.Fatalf("%d is free and not", a)
				}
				owner[a] = 0
			}
		}
		for a, o := range owner {
			if o == 1 {
				t.Fatalf("%d was lost", a)
			}
		}
	}
}
