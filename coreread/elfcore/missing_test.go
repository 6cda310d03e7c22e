package elfcore_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postmortem/coreread/elfcore"
	"postmortem/coreread/image"
	"postmortem/internal/corewriter"
)

func rangeOf(start, end uint64) image.Range {
	return image.Range{Start: image.Addr(start), End: image.Addr(end)}
}

func TestMissingRangesOfAKernelCore(t *testing.T) {
	got := read(t, server().Kernel().Bytes())
	want := []elfcore.Missing{
		{Range: rangeOf(0x401000, 0x402000), Path: "/bin/server"},
		{Range: rangeOf(0x402000, 0x403000), Path: "/bin/server"},
	}
	if diff := cmp.Diff(want, got.MissingRanges()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]image.Range{rangeOf(0x7f0000000000, 0x7f0000010000)}, got.NeverWritten()); diff != "" {
		t.Error(diff)
	}
	// What is added to the image is no longer missing.
	got.Image.Add(0x401000, make([]byte, 0x1800), image.FromBinary)
	if diff := cmp.Diff([]elfcore.Missing{{Range: rangeOf(0x402800, 0x403000), Path: "/bin/server"}}, got.MissingRanges()); diff != "" {
		t.Error(diff)
	}
	if n := got.MissingBytes(); n != 0x800 {
		t.Errorf("%d bytes missing, want %d", n, 0x800)
	}
}

// An anonymous mapping without bytes is known to be unwritten only where the
// kernel dumped such mappings and no thread's stack lies in it.
func TestUnwrittenOrMissing(t *testing.T) {
	reserved := rangeOf(0x7f0000000000, 0x7f0000010000)
	for name, test := range map[string]struct {
		change  func(d *corewriter.Dump)
		write   func(d *corewriter.Dump) *corewriter.Core
		missing bool
	}{
		"kernel":          {func(*corewriter.Dump) {}, (*corewriter.Dump).Kernel, false},
		"gcore":           {func(*corewriter.Dump) {}, (*corewriter.Dump).GCore, true},
		"dlv":             {func(*corewriter.Dump) {}, (*corewriter.Dump).Delve, true},
		"no stack dumped": {func(d *corewriter.Dump) { d.Threads[1].AMD64.RSP = 0x7f0000001000 }, (*corewriter.Dump).Kernel, true},
		"no anonymous memory dumped": {func(d *corewriter.Dump) {
			for i := range d.Memory {
				if s := &d.Memory[i]; s.Addr > 0x404000 && len(s.Data) > 0 {
					s.Size, s.Data = uint64(len(s.Data)), nil
				}
			}
		}, (*corewriter.Dump).Kernel, true},
		"a file": {func(d *corewriter.Dump) {
			d.Files = append(d.Files, corewriter.File{Start: 0x7f0000000000, End: 0x7f0000010000, Path: "/dev/zero (deleted)"})
		}, (*corewriter.Dump).Kernel, true},
	} {
		d := server()
		test.change(d)
		got := read(t, test.write(d).Bytes())
		found := false
		for _, m := range got.MissingRanges() {
			found = found || m.Range == reserved
		}
		if found != test.missing {
			t.Errorf("%s: missing = %v, want %v; unwritten %v", name, found, test.missing, got.NeverWritten())
		}
	}
}

// gcore leaves mappings of files out: the FILE note still tells of them.
func TestMissingFilesWithoutSegment(t *testing.T) {
	d := server()
	d.Memory = append(d.Memory[:0:0], d.Memory[0], d.Memory[2], d.Memory[3])
	d.Memory[0].Data = append(page(1), page(2)...)
	got := read(t, d.GCore().Bytes())
	want := []elfcore.Missing{{Range: rangeOf(0x402000, 0x403000), Path: "/bin/server"}}
	if diff := cmp.Diff(want, got.MissingRanges()); diff != "" {
		t.Error(diff)
	}
}

// TestCutAnywhere cuts a core at every place: the memory in front of the cut is
// there, the rest is missing and marked so.
func TestCutAnywhere(t *testing.T) {
	whole := server().Kernel()
	whole.MemoryPadded = false
	file := whole.Bytes()
	full := read(t, file)
	base := full.Segments[0].Offset
	for at := int(base) + 1; at < len(file); at += 97 {
		got := read(t, file[:at])
		if got.Cut == nil || got.Cut.Size != uint64(at) || got.Cut.Want != uint64(len(file)) {
			t.Fatalf("cut at %d: %+v", at, got.Cut)
		}
		var present, missing uint64
		for _, s := range got.Image.Segments() {
			present += s.Len()
			if want, err := full.Image.Bytes(s.Start, s.Len()); err != nil || string(want) != string(s.Data) {
				t.Fatalf("cut at %d: other bytes at %v: %v", at, s.Start, err)
			}
		}
		for _, m := range got.MissingRanges() {
			if m.Cut {
				missing += m.Len()
			}
		}
		if present != uint64(at)-base || present+missing != uint64(len(file))-base {
			t.Fatalf("cut at %d: %d bytes present, %d missing by the cut, want %d in all", at, present, missing, uint64(len(file))-base)
		}
		checkThreads(t, got)
	}
}

// TestSegmentsAgainstFlatMemory holds image and missing ranges against one
// array with an entry per address, for segments that overlap at random.
func TestSegmentsAgainstFlatMemory(t *testing.T) {
	const size = 600
	rng := rand.New(rand.NewPCG(5, 6))
	for range 400 {
		var d corewriter.Dump
		d.Machine = corewriter.AMD64
		d.Threads = []corewriter.Thread{{TID: 1}}
		d.Memory = []corewriter.Segment{{Addr: size, Flags: 6, Data: []byte{1}}}
		for range rng.IntN(8) {
			s := corewriter.Segment{Addr: rng.Uint64N(size - 100), Flags: rng.Uint32N(2) * 4}
			s.Data = make([]byte, rng.IntN(60))
			for i := range s.Data {
				s.Data[i] = byte(rng.Uint32())
			}
			s.Size = uint64(len(s.Data)) + rng.Uint64N(40)
			d.Memory = append(d.Memory, s)
		}
		for range rng.IntN(3) {
			start := rng.Uint64N(size - 100)
			d.Files = append(d.Files, corewriter.File{Start: start, End: start + 1 + rng.Uint64N(90), Path: "/f"})
		}
		got := read(t, d.GCore().Bytes())
		present, missing := flatten(&d, size)
		for a := range image.Addr(size) {
			b, err := got.Image.Uint8(a)
			if want := present[a]; (err == nil) != (want >= 0) || err == nil && int(b) != want {
				t.Fatalf("byte at %v = %d, %v, want %d", a, b, err, want)
			}
		}
		seen := [size]bool{}
		end := image.Addr(0)
		for _, m := range got.MissingRanges() {
			if m.Start < end || m.End <= m.Start {
				t.Fatalf("missing range %+v out of order", m)
			}
			end = m.End
			for a := m.Start; a < m.End; a++ {
				seen[a] = true
			}
		}
		if seen != missing {
			t.Fatalf("missing ranges differ: %v\nof %+v", got.MissingRanges(), d)
		}
	}
}

// flatten returns the byte at each address, -1 where there is none, and whether
// it is missing.
func flatten(d *corewriter.Dump, size int) (present []int, missing [600]bool) {
	present = make([]int, size)
	from := make([]uint64, size) // start of the segment that gave the byte
	named := make([]bool, size)  // some segment names the address
	for a := range present {
		present[a] = -1
	}
	for _, s := range d.Memory {
		for i := range max(s.Size, uint64(len(s.Data))) {
			a := s.Addr + i
			if a >= uint64(size) {
				continue
			}
			named[a] = true
			missing[a] = missing[a] || s.Flags != 0
			if i < uint64(len(s.Data)) && (present[a] < 0 || s.Addr < from[a]) {
				present[a], from[a] = int(s.Data[i]), s.Addr
			}
		}
	}
	for _, f := range d.Files {
		for a := f.Start; a < min(f.End, uint64(size)); a++ {
			missing[a] = missing[a] || !named[a]
		}
	}
	for a := range present {
		missing[a] = missing[a] && present[a] < 0
	}
	return present, missing
}
