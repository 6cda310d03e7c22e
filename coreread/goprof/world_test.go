package goprof_test

import (
	"encoding/binary"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"postmortem/coreread/elfcore"
	"postmortem/coreread/exe"
	"postmortem/coreread/goprof"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/coreread/input"
	"postmortem/coreread/layout"
	"postmortem/internal/testcores"
)

// world is a process made up for a test: a real binary, and of its memory only the
// words of the profiler that the test writes. It says nothing of whether layouts
// are right, which real cores tell, but any state can be had.
type world struct {
	t     testing.TB
	bin   *exe.Binary
	lay   *layout.Layout
	words map[uint64]uint64 // by address, 8 bytes each
	next  uint64            // free address for buckets
}

const arena = 0x7f0000000000

// binaries are the committed binaries, one of each minor version: newest first.
func binaries(t testing.TB) []*testcores.Core {
	t.Helper()
	byMinor := make(map[int]*testcores.Core)
	for _, c := range testcores.All(t) {
		if !strings.Contains(c.Variant, "pie") && !strings.Contains(c.Variant, "cgo") {
			byMinor[c.Minor()] = c
		}
	}
	var list []*testcores.Core
	for minor := 99; minor >= 18; minor-- {
		if c := byMinor[minor]; c != nil {
			list = append(list, c)
		}
	}
	return list
}

// program is a binary, of which any number of worlds can be made.
type program struct {
	*testcores.Core
	bin *exe.Binary
	lay *layout.Layout
}

func openProgram(t testing.TB, c *testcores.Core) *program {
	t.Helper()
	f, err := input.Open(t.Context(), c.BinaryPath(t), input.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	bin, err := exe.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bin.Close() })
	lay, err := layout.Resolve(bin)
	if err != nil {
		t.Fatal(err)
	}
	return &program{c, bin, lay}
}

// eachVersion runs a test with a program of each minor version.
func eachVersion(t *testing.T, test func(t *testing.T, p *program)) {
	for _, c := range binaries(t) {
		t.Run(strconv.Itoa(c.Minor()), func(t *testing.T) { test(t, openProgram(t, c)) })
	}
}

// world returns a process whose profilers have recorded nothing.
func (p *program) world(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, bin: p.bin, lay: p.lay, words: make(map[uint64]uint64), next: arena}
	for _, name := range []string{"mbuckets", "bbuckets", "xbuckets", "blockprofilerate", "mutexprofilerate"} {
		w.set("runtime."+name, 0)
	}
	w.set("runtime.MemProfileRate", 1)
	w.put(w.global("runtime.disableMemoryProfiling"), 1, 0)
	w.cycle(0, true)
	if w.has("runtime.debug", "profstackdepth") {
		w.put(w.global("runtime.debug")+w.offset("runtime.debug", "profstackdepth"), 4, 128)
	}
	return w
}

func (w *world) global(name string) uint64 {
	w.t.Helper()
	at, _, err := w.bin.Global(name)
	if err != nil {
		w.t.Fatal(err)
	}
	return uint64(at)
}

func (w *world) set(name string, v uint64) { w.words[w.global(name)] = v }

// put writes n bytes, 1, 2 or 4, that lie in one word.
func (w *world) put(at, n, v uint64) {
	shift := 8 * (at & 7)
	mask := (uint64(1)<<(8*n) - 1) << shift
	w.words[at&^7] = w.words[at&^7]&^mask | v<<shift
}

func (w *world) has(typ, path string) bool {
	_, ok := w.lay.Struct(typ).Optional(path)
	return ok
}

func (w *world) offset(typ, path string) uint64 {
	w.t.Helper()
	s := w.lay.Struct(typ)
	offset := s.Offset(path)
	if s.Err() != nil {
		w.t.Fatal(s.Err())
	}
	return offset
}

// ticks sets the frequency of the CPU's clock that the process had measured. Only
// programs that use it have the variable.
func (w *world) ticks(perSecond uint64) (ok bool) {
	at, _, err := w.bin.Global("runtime.ticks")
	if err != nil {
		return false
	}
	typ := "runtime.ticks"
	if w.has("runtime.ticksType", "val") {
		typ = "runtime.ticksType"
	}
	w.words[uint64(at)+w.offset(typ, "val")] = perSecond
	return true
}

// cycle sets the number of the heap profile's cycle.
func (w *world) cycle(n uint64, flushed bool) {
	flag := uint64(0)
	if flushed {
		flag = 1
	}
	if w.has("runtime.mProf", "cycle") {
		w.put(w.global("runtime.mProf"), 4, n)
		w.put(w.global("runtime.mProf")+4, 1, flag)
	} else {
		w.put(w.global("runtime.mProfCycle"), 4, n<<1|flag)
	}
}

// bucket puts a runtime.bucket at the head of its type's list and returns its
// address; record is what follows its stack, in words.
func (w *world) bucket(typ, size uint64, stack []uint64, record ...uint64) uint64 {
	head := w.global(map[uint64]string{1: "runtime.mbuckets", 2: "runtime.bbuckets", 3: "runtime.xbuckets"}[typ])
	at := w.next
	s := w.lay.Struct("runtime.bucket")
	for i := uint64(0); i < s.Size(); i += 8 {
		w.words[at+i] = 0
	}
	w.words[at+s.Offset("allnext")] = w.words[head]
	w.words[at+s.Offset("typ")] = typ
	w.words[at+s.Offset("size")] = size
	w.words[at+s.Offset("nstk")] = uint64(len(stack))
	w.next += s.Size()
	for _, word := range append(stack, record...) {
		w.words[w.next] = word
		w.next += 8
	}
	w.words[head] = at
	return at
}

// memory makes a memRecord of the counts of allocations and frees: active, then
// the three elements of future.
func (w *world) memory(size uint64, counts [4][2]uint64) (record []uint64) {
	for _, c := range counts {
		record = append(record, c[0], c[1])
		if w.has("runtime.memRecordCycle", "alloc_bytes") {
			record = append(record, c[0]*size, c[1]*size)
		}
	}
	return record
}

// process is the gort.Process of the world.
func (w *world) process() *gort.Process {
	w.t.Helper()
	return w.processOf(w.t, image.New(binary.LittleEndian))
}

// processOf adds to an image what it lacks of the world: in one order, so that a
// fuzzer sees the same code run for the same input.
func (w *world) processOf(t testing.TB, im *image.Image) *gort.Process {
	t.Helper()
	for _, at := range slices.Sorted(maps.Keys(w.words)) {
		im.Add(image.Addr(at), binary.LittleEndian.AppendUint64(nil, w.words[at]), image.FromCore)
	}
	p, err := gort.New(&elfcore.Core{Image: im, Machine: w.bin.Machine()}, w.bin, w.lay, 0)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// read reads the world's profiles and returns the gaps that this made.
func (w *world) read() (*goprof.Profiles, *gort.Process, []gort.Gap) {
	w.t.Helper()
	p := w.process()
	before := len(p.Gaps())
	ps := goprof.Read(p)
	return ps, p, p.Gaps()[before:]
}
