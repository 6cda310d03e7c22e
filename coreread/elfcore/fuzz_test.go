package elfcore_test

import (
	"bytes"
	"errors"
	"testing"

	"postmortem/coreread/elfcore"
	"postmortem/coreread/image"
	"postmortem/coreread/input"
	"postmortem/internal/corewriter"
)

func addr(n uint64) image.Addr { return image.Addr(n) }

// FuzzRead reads whole cores: whatever comes out must be in the file.
func FuzzRead(f *testing.F) {
	small := func() *corewriter.Dump {
		d := server()
		for i := range d.Memory {
			d.Memory[i].Data = d.Memory[i].Data[:min(16, len(d.Memory[i].Data))]
		}
		return d
	}
	for _, c := range []*corewriter.Core{small().Kernel(), small().GCore(), small().Delve()} {
		c.MemoryPadded = false
		f.Add(c.Bytes())
		c.CountAside = true
		f.Add(c.Bytes())
	}
	f.Fuzz(func(t *testing.T, file []byte) { checkInvariants(t, file) })
}

// FuzzNotes reads a note segment of any content.
func FuzzNotes(f *testing.F) {
	for _, c := range []*corewriter.Core{server().Kernel(), server().GCore(), server().Delve()} {
		f.Add(corewriter.EncodeNotes(c.Notes[0]), false)
	}
	g := uint64(1)
	f.Add(corewriter.EncodeNotes([]corewriter.Note{
		corewriter.DelveThread(9, 1, 2, 3, 4, &g, []string{"X0", "PSTATE"}, []uint64{1, 2}),
		corewriter.PRStatus(corewriter.ARM64, corewriter.Thread{TID: 1}), corewriter.TLS(5),
	}), true)
	f.Fuzz(func(t *testing.T, notes []byte, arm bool) {
		c := corewriter.Core{Machine: corewriter.AMD64, Memory: []corewriter.Segment{{Addr: 0x1000, Flags: 4, Data: append(notes, 1)}}}
		if arm {
			c.Machine = corewriter.ARM64
		}
		c.Raw = []corewriter.Raw{{Type: 4, Off: 64 + 2*56, FileSize: uint64(len(notes))}}
		if checkInvariants(t, c.Bytes()) == nil {
			t.Fatal("notes made the memory unreadable")
		}
	})
}

// checkInvariants reads a file and checks what must hold whatever is in it.
func checkInvariants(t *testing.T, file []byte) *elfcore.Core {
	c, err := elfcore.Read(input.Memory("core", file))
	if err != nil {
		var format *input.FormatError
		if !errors.As(err, &format) || c != nil {
			t.Fatalf("%v is no FormatError, or came with a core", err)
		}
		return nil
	}
	var present uint64
	for _, s := range c.Image.Segments() {
		present += s.Len()
		if !backed(c, s, file) {
			t.Fatalf("no program header gives the bytes at %v", s.Start)
		}
	}
	for _, s := range c.Segments {
		if s.End < s.Start || s.Present > s.FileBytes || s.FileBytes > s.Len() {
			t.Fatalf("segment %+v", s)
		}
	}
	if present == 0 {
		t.Fatal("a core without memory was read")
	}
	if len(c.Threads)*100 > len(file) || len(c.Files)*24 > len(file) || len(c.Segments)*56 > len(file) {
		t.Fatalf("%d threads, %d files, %d segments of %d bytes", len(c.Threads), len(c.Files), len(c.Segments), len(file))
	}
	tids := map[int]bool{}
	for _, th := range c.Threads {
		if tids[th.TID] || len(th.Regs.Named) == 0 {
			t.Fatalf("thread %+v", th)
		}
		tids[th.TID] = true
	}
	if c.Cut != nil && c.Cut.Want <= c.Cut.Size {
		t.Fatalf("cut %+v", c.Cut)
	}
	var end image.Addr
	for _, m := range c.MissingRanges() {
		if m.Start < end || m.Len() == 0 || c.Image.Missing(m.Range) != m.Len() {
			t.Fatalf("missing %+v", m)
		}
		end = m.End
	}
	if again, err := elfcore.Read(input.Memory("core", file)); err != nil || again.MissingBytes() != c.MissingBytes() || len(again.Threads) != len(c.Threads) {
		t.Fatalf("a second reading differs: %v", err)
	}
	return c
}

// backed reports whether some segment's bytes in the file are those of s.
func backed(c *elfcore.Core, s image.Segment, file []byte) bool {
	for _, from := range c.Segments {
		if skip := uint64(s.Start - from.Start); from.Start <= s.Start && skip+s.Len() <= from.Present &&
			bytes.Equal(s.Data, file[from.Offset+skip:][:s.Len()]) {
			return true
		}
	}
	return false
}
