package goroots

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"postmortem/coreread"
	"postmortem/coreread/image"
	"postmortem/internal/testcores"
)

// The bitmaps that a process made of its module's pointer programs are what the
// programs say here.
func TestProgramsMakeTheProcessesBitmaps(t *testing.T) {
	versions := map[string]bool{}
	for _, c := range testcores.All(t) {
		if versions[c.Go+c.Variant] || c.Cut != 0 || c.Variant == "sw" {
			continue
		}
		versions[c.Go+c.Variant] = true
		snap, err := coreread.Open(context.Background(), coreread.Config{Core: c.CorePath(t), Binary: c.BinaryPath(t)})
		if err != nil {
			t.Fatal(err)
		}
		r, err := New(snap.Runtime)
		if err != nil {
			t.Fatal(err)
		}
		m, _ := r.ownModule()
		for _, s := range []struct {
			name             string
			start, end, mask image.Addr
			program          image.Addr
		}{
			{"data", m.Data, m.EData, m.GCDataMask.Data, m.GCData},
			{"BSS", m.BSS, m.EBSS, m.GCBSSMask.Data, m.GCBSS},
		} {
			words := uint64(s.end-s.start) / 8
			want, err := snap.Core.Image.Bytes(s.mask, (words+7)/8)
			if err != nil {
				t.Fatalf("%s: the process's bitmap of its %s: %v", c.Name, s.name, err)
			}
			if got, err := unroll(snap.Core.Image, s.program, words); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: the pointers of its %s differ from the process's (%v)", c.Name, s.name, err)
			}
		}
		snap.Close()
	}
	if len(versions) < 20 {
		t.Errorf("only %d binaries", len(versions))
	}
}

func FuzzUnroll(f *testing.F) {
	f.Add([]byte{3, 5, 0}, uint64(3))
	f.Add([]byte{1, 1, 0x81, 200, 1, 0}, uint64(201))
	f.Add([]byte{9, 0xff, 1, 0x80, 9, 0xff, 0xff, 3, 0}, uint64(1<<20))
	f.Add([]byte{0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1, 0}, uint64(64))
	f.Fuzz(func(t *testing.T, program []byte, words uint64) {
		words %= 1 << 24
		m := image.New(binary.LittleEndian)
		m.Add(0x1000, program, image.FromCore)
		begun := time.Now()
		bits, err := unroll(m, 0x1000, words)
		if d := time.Since(begun); d > 5*time.Second {
			t.Errorf("%d words took %v", words, d)
		}
		if err == nil && uint64(len(bits)) != (words+7)/8 {
			t.Errorf("%d bytes for %d words", len(bits), words)
		}
	})
}

// Which variables of a stack a pointer leads to, and in which order, against a
// search through all of them.
func TestVariablesThatPointersLeadTo(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var s scanState
		s.reset(image.Range{Start: 0x1000, End: 0x1000 + 1<<16})
		at := uint32(0)
		for at < 1<<15 {
			at += 8 * uint32(rng.IntN(4))
			size := 8 * uint32(1+rng.IntN(8))
			s.objects = append(s.objects, stackObject{off: at, size: size})
			at += size
		}
		for range 100 {
			off := uint32(rng.IntN(1 << 16))
			var want *stackObject
			for i := range s.objects {
				if o := &s.objects[i]; o.off <= off && off < o.off+o.size {
					want = o
				}
			}
			if got := s.at(off); got != want {
				t.Fatalf("%d leads to %+v, not %+v", off, got, want)
			}
		}
		s.put(0x1000+8, true)
		s.put(0x1000+16, false)
		if off, conservative, ok := s.take(); off != 16 || conservative || !ok {
			t.Fatal("a pointer that is certain comes first")
		}
		if off, conservative, ok := s.take(); off != 8 || !conservative || !ok {
			t.Fatal("then the others")
		}
		if _, _, ok := s.take(); ok {
			t.Fatal("and there are no more")
		}
	}
}
