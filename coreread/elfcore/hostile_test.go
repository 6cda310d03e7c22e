package elfcore_test

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"strings"
	"testing"
	"time"

	"postmortem/coreread/elfcore"
	"postmortem/coreread/image"
	"postmortem/coreread/input"
	"postmortem/internal/corewriter"
)

// TestMalformedNotes makes one note at a time bad: what is behind it, and the
// memory, must still be read, and the gap must name the place.
func TestMalformedNotes(t *testing.T) {
	short := func(n corewriter.Note, bytes int) corewriter.Note {
		n.Desc = n.Desc[:bytes]
		return n
	}
	files := corewriter.Files(corewriter.File{Start: 0x1000, End: 0x2000, Path: "/lib/x"})
	many, inverted := files, corewriter.Files(corewriter.File{Start: 0x2000, End: 0x1000, Path: "/lib/x"})
	many.Desc = corewriter.Overwrite(files.Desc, 0, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	registers := corewriter.DelveThread(9, 1, 2, 3, 4, nil, []string{"Rax"}, []uint64{1})
	noEnd := corewriter.Auxv(9, 1)
	noEnd.Desc = noEnd.Desc[:16]
	for _, test := range []struct {
		name string
		bad  corewriter.Note
		want string
	}{
		{"PRSTATUS without registers", short(corewriter.PRStatus(corewriter.AMD64, corewriter.Thread{TID: 9}), 111), "PRSTATUS"},
		{"PRSTATUS empty", corewriter.Note{Owner: "CORE", Type: 1}, "PRSTATUS"},
		{"PRPSINFO short", short(corewriter.PRPSInfo(corewriter.Process{}), 135), "PRPSINFO"},
		{"SIGINFO short", short(corewriter.Fault(11, 1, 5), 20), "SIGINFO"},
		{"AUXV without an end", noEnd, "AUXV"},
		{"AUXV empty", corewriter.Note{Owner: "CORE", Type: 6}, "AUXV"},
		{"FILE short", short(files, 8), "FILE"},
		{"FILE with a huge count", many, "FILE"},
		{"FILE without names", short(files, 16+24+3), "FILE"},
		{"FILE upside down", inverted, "FILE"},
		{"Delve header of another system", corewriter.DelveHeader("freebsd/amd64\n"), "Delve header"},
		{"Delve header without a number", corewriter.DelveHeader("linux/amd64\nTarget Pid: x\n"), "Delve header"},
		{"Delve header with a bad entry", corewriter.DelveHeader("linux/amd64\nEntry Point: x\n"), "Delve header"},
		{"Delve thread short", short(registers, 52), "Delve thread"},
		{"Delve thread without its registers", short(registers, 60), "Delve thread"},
		{"Delve thread without a value", short(registers, 62), "Delve thread"},
	} {
		c := server().Kernel()
		good := c.Notes[0]
		c.Notes[0] = append([]corewriter.Note{test.bad}, good...)
		// A FILE or AUXV note that was read in part is the one that counts.
		got := read(t, c.Bytes())
		if len(got.Gaps) == 0 || !strings.HasPrefix(got.Gaps[0].What, test.want) || got.Gaps[0].Offset != uint64(64+56*8) {
			t.Errorf("%s: gaps %v", test.name, got.Gaps)
		}
		if len(got.Threads) != 2 || got.Threads[1].TID != 701 || got.Signal == nil || got.Process == nil {
			t.Errorf("%s: %d threads, signal %v", test.name, len(got.Threads), got.Signal)
		}
		checkMemory(t, got)
	}
}

// A length that passes the end loses what is behind it, and no more.
func TestNoteLengthPastTheEnd(t *testing.T) {
	file := server().Kernel().Bytes()
	first := 64 + 56*8 // the first note: 12 bytes, "CORE" padded to 8, PRSTATUS
	second := first + 12 + 8 + 336
	for _, length := range []uint32{0x7fffffff, 0xffffffff, 0xfffffff4, 100000} {
		for _, at := range []int{0, 4} {
			bad := corewriter.Overwrite(file, second+at, binary.LittleEndian.AppendUint32(nil, length))
			got := read(t, bad)
			if len(got.Threads) != 1 || got.Process != nil || len(got.Gaps) != 1 || got.Gaps[0].Offset != uint64(second) {
				t.Errorf("length %#x: %d threads, gaps %v", length, len(got.Threads), got.Gaps)
			}
		}
	}
}

func TestForeignOwnersAreLeftAlone(t *testing.T) {
	c := server().Kernel()
	status := corewriter.PRStatus(corewriter.AMD64, corewriter.Thread{TID: 5})
	status.Owner = "GNU"
	c.Notes[0] = append(c.Notes[0], status)
	if got := read(t, c.Bytes()); len(got.Threads) != 2 || len(got.Gaps) != 0 {
		t.Errorf("%d threads, gaps %v", len(got.Threads), got.Gaps)
	}
}

func TestTheSameThreadTwice(t *testing.T) {
	d := server()
	d.Threads = append(d.Threads, d.Threads[0])
	d.Threads[2].AMD64.RIP = 0x666
	got := read(t, d.Kernel().Bytes())
	if len(got.Threads) != 2 || got.Threads[0].Regs.PC == 0x666 || len(got.Gaps) != 1 {
		t.Errorf("%d threads, gaps %v", len(got.Threads), got.Gaps)
	}
}

// TestStrangeSegments: the image must hold what the file backs, whatever else
// the headers claim.
func TestStrangeSegments(t *testing.T) {
	for _, test := range []struct {
		name    string
		raw     corewriter.Raw
		want    uint64 // bytes present at raw.VAddr
		gap     bool
		cut     bool
		missing uint64
	}{
		{"more in the file than in memory", corewriter.Raw{VAddr: 0x10000, Off: 64, FileSize: 100, MemSize: 10, Flags: 4}, 100, true, false, 0},
		{"at the end of the file", corewriter.Raw{VAddr: 0x10000, Off: 1 << 40, FileSize: 100, MemSize: 100, Flags: 4}, 0, false, true, 100},
		{"larger than a file can be", corewriter.Raw{VAddr: 0x10000, Off: ^uint64(0) - 5, FileSize: 100, MemSize: 100, Flags: 4}, 0, false, true, 100},
		{"past the address space", corewriter.Raw{VAddr: ^uint64(0) - 99, Off: 64, FileSize: 4096, MemSize: 4096, Flags: 4}, 99, true, false, 0},
		{"the whole address space", corewriter.Raw{VAddr: 0x7fff00000000, Off: 64, FileSize: 10, MemSize: ^uint64(0), Flags: 0}, 10, true, false, 0},
		{"nothing", corewriter.Raw{VAddr: 0x10000, Off: 64, Flags: 4}, 0, false, false, 0},
	} {
		test.raw.Type = 1
		c := server().Kernel()
		c.Raw = []corewriter.Raw{test.raw}
		file := c.Bytes()
		got := read(t, file)
		if (len(got.Gaps) > 0) != test.gap || (got.Cut != nil) != test.cut {
			t.Errorf("%s: gaps %v, cut %v", test.name, got.Gaps, got.Cut)
		}
		data, err := got.Image.Bytes(image.Addr(test.raw.VAddr), test.want)
		if err != nil || test.want > 0 && !bytes.Equal(data, file[64:64+test.want]) {
			t.Errorf("%s: %v", test.name, err)
		}
		if _, err := got.Image.Uint8(image.Addr(test.raw.VAddr + test.want)); err == nil {
			t.Errorf("%s: byte %d is present", test.name, test.want)
		}
		var missing uint64
		for _, m := range got.MissingRanges() {
			if m.Start >= image.Addr(test.raw.VAddr) && m.End <= image.Addr(test.raw.VAddr+test.raw.MemSize) {
				missing += m.Len()
			}
		}
		if missing != test.missing {
			t.Errorf("%s: %d bytes missing, want %d", test.name, missing, test.missing)
		}
		checkThreads(t, got)
	}
}

// TestCostIsBounded gives the reader files that are all headers or all notes,
// made to cost the square of their size, and bounds time and memory.
func TestCostIsBounded(t *testing.T) {
	const count = 200_000
	header := server().Kernel().Bytes()
	overlapping := func(kind uint32) []byte {
		c := corewriter.Core{Machine: corewriter.AMD64, CountAside: true}
		c.Memory = []corewriter.Segment{{Addr: 0x1000, Flags: 6, Data: header}}
		for i := range uint64(count) {
			c.Raw = append(c.Raw, corewriter.Raw{Type: kind, Flags: uint32(i % 8), Off: 64 + i, VAddr: 0x1000 + i, FileSize: 56 * count, MemSize: 1 << 30})
		}
		return c.Bytes()
	}
	notes := func(n corewriter.Note) []byte {
		c := server().Kernel()
		for i := range uint32(count) {
			c.Notes[0] = append(c.Notes[0], n)
			if len(n.Desc) > 200 { // a thread needs an id of its own
				n.Desc = corewriter.Overwrite(n.Desc, 32, binary.LittleEndian.AppendUint32(nil, 1000+i))
				if i > count/10 {
					break
				}
			}
		}
		return c.Bytes()
	}
	var files []corewriter.File
	for i := range uint64(count) {
		files = append(files, corewriter.File{Start: 0x1000 + i, End: 1 << 40, Path: ""})
	}
	manyFiles := server().Kernel()
	manyFiles.Notes = append([][]corewriter.Note{{corewriter.Files(files...)}}, manyFiles.Notes...)
	for name, file := range map[string][]byte{
		"segments that overlap":      overlapping(1),
		"note segments that overlap": overlapping(4),
		"empty notes":                notes(corewriter.Note{Owner: "CORE", Type: 1}),
		"threads":                    notes(corewriter.PRStatus(corewriter.AMD64, corewriter.Thread{})),
		"files that overlap":         manyFiles.Bytes(),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		c, err := elfcore.Read(input.Memory("core", file))
		if err == nil {
			c.MissingRanges()
			c.NeverWritten()
		}
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if took > 10*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 20*uint64(len(file)) {
			t.Errorf("%s: %d bytes taken for a file of %d", name, used, len(file))
		}
		if err == nil && len(c.Gaps) > 100 {
			t.Errorf("%s: %d gaps listed", name, len(c.Gaps))
		}
	}
}
