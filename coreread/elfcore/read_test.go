package elfcore_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postmortem/coreread/elfcore"
	"postmortem/coreread/image"
	"postmortem/coreread/input"
	"postmortem/internal/corewriter"
)

// server is a process with a binary, written and unwritten memory, and a stack.
func server() *corewriter.Dump {
	d := &corewriter.Dump{
		Machine:  corewriter.AMD64,
		Process:  corewriter.Process{PID: 700, PPID: 1, UID: 1000, GID: 100, State: 'R', Comm: "server", Args: "./server -listen :80"},
		SigInfos: []corewriter.Note{corewriter.Fault(11, 1, 0xdead0), corewriter.Sent(19, 0, 42, 7)},
		Auxv:     []uint64{9, 0x401000, 6, 4096},
		Files: []corewriter.File{
			{Start: 0x400000, End: 0x402000, Page: 0, Path: "/bin/server"},
			{Start: 0x402000, End: 0x403000, Page: 2, Path: "/bin/server"},
			{Start: 0x403000, End: 0x404000, Page: 3, Path: "/bin/server"},
		},
		Memory: []corewriter.Segment{
			{Addr: 0x400000, Flags: corewriter.R | corewriter.X, Data: page(1), Size: 0x2000},
			{Addr: 0x402000, Flags: corewriter.R, Size: 0x1000},
			{Addr: 0x403000, Flags: corewriter.R | corewriter.W, Data: page(3)},
			{Addr: 0xc000000000, Flags: corewriter.R | corewriter.W, Data: append(page(4), page(5)...)},
			{Addr: 0xc000002000, Size: 0x4000000 - 0x2000},
			{Addr: 0x7f0000000000, Flags: corewriter.R | corewriter.W, Size: 0x10000},
			{Addr: 0x7ffd00000000, Flags: corewriter.R | corewriter.W, Data: page(6)},
		},
	}
	for i := range 2 {
		t := corewriter.Thread{TID: int32(700 + i), Signal: int16(11 * (1 - i))}
		fill(&t.AMD64, uint64(1000*i))
		t.AMD64.RSP = 0x7ffd00000100
		d.Threads = append(d.Threads, t)
	}
	return d
}

func page(with byte) []byte { return bytes.Repeat([]byte{with}, 4096) }

// fill gives every field of a register file a value of its own.
func fill(regs any, from uint64) {
	v := reflect.ValueOf(regs).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Uint64 {
			f.SetUint(from + uint64(i) + 1)
		}
	}
}

func read(t testing.TB, file []byte) *elfcore.Core {
	t.Helper()
	c, err := elfcore.Read(input.Memory("core.700", file))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWhatEveryWriterWrites(t *testing.T) {
	for producer, c := range map[elfcore.Producer]*corewriter.Core{
		elfcore.Kernel: server().Kernel(), elfcore.GCore: server().GCore(), elfcore.Delve: server().Delve(),
	} {
		t.Run(string(producer), func(t *testing.T) {
			got := read(t, c.Bytes())
			if got.Producer != producer || got.Machine != elf.EM_X86_64 || got.Cut != nil || len(got.Gaps) != 0 || got.FileName != "core.700" {
				t.Errorf("producer %v, machine %v, cut %v, gaps %v", got.Producer, got.Machine, got.Cut, got.Gaps)
			}
			checkMemory(t, got)
			checkThreads(t, got)
			want := &elfcore.Process{PID: 700, PPID: 1, UID: 1000, GID: 100, State: "R", Comm: "server", Args: "./server -listen :80"}
			if producer == elfcore.Delve {
				want.PPID, want.UID, want.GID, want.State = -1, -1, -1, ""
			}
			if diff := cmp.Diff(want, got.Process); diff != "" {
				t.Error(diff)
			}
			if entry, ok := got.Entry(); !ok || entry != 0x401000 || got.Auxv[6] != 4096 {
				t.Errorf("entry %v, %v, auxv %v", entry, ok, got.Auxv)
			}
			checkSignals(t, got)
			checkFiles(t, got)
		})
	}
}

func checkMemory(t *testing.T, got *elfcore.Core) {
	t.Helper()
	var total uint64
	for _, s := range server().Memory {
		data, err := got.Image.Bytes(image.Addr(s.Addr), uint64(len(s.Data)))
		if err != nil || !bytes.Equal(data, s.Data) {
			t.Errorf("memory at %#x: %v", s.Addr, err)
		}
		if _, err := got.Image.Uint8(image.Addr(s.Addr) + image.Addr(len(s.Data))); len(s.Data) == 4096 && s.Size != 0 && err == nil {
			t.Errorf("memory behind the bytes at %#x is not absent", s.Addr)
		}
		if s.Flags != 0 {
			total += max(s.Size, uint64(len(s.Data)))
		}
	}
	if got.MemoryBytes != total || len(got.Segments) != len(server().Memory) {
		t.Errorf("%d bytes in %d segments, want %d", got.MemoryBytes, len(got.Segments), total)
	}
	if s, ok := got.SegmentAt(0x401fff); !ok || s.Start != 0x400000 || s.Flags != elf.PF_R|elf.PF_X || s.FileBytes != 4096 || s.Present != 4096 {
		t.Errorf("SegmentAt = %+v, %v", s, ok)
	}
	if s, ok := got.SegmentAt(0x404000); ok {
		t.Errorf("SegmentAt outside = %+v", s)
	}
}

func checkThreads(t *testing.T, got *elfcore.Core) {
	t.Helper()
	threads := server().Threads
	if len(got.Threads) != len(threads) {
		t.Fatalf("%d threads, want %d", len(got.Threads), len(threads))
	}
	for i, want := range threads {
		th := got.Threads[i]
		if th.TID != int(want.TID) || got.Producer != elfcore.Delve && th.Signal != int(want.Signal) {
			t.Errorf("thread %d: tid %d, signal %d", i, th.TID, th.Signal)
		}
		regs := reflect.ValueOf(want.AMD64)
		for j := range regs.NumField() {
			name := strings.ToLower(regs.Type().Field(j).Name)
			name = strings.NewReplacer("orig", "orig_", "base", "_base").Replace(name)
			if v, ok := th.Regs.Get(name); !ok || v != regs.Field(j).Uint() || th.Regs.Named[j].Name != name {
				t.Errorf("register %s = %#x, %v, want %#x", name, v, ok, regs.Field(j).Uint())
			}
		}
		r, w := th.Regs, want.AMD64
		if uint64(r.PC) != w.RIP || uint64(r.SP) != w.RSP || uint64(r.FP) != w.RBP || uint64(r.TLS) != w.FSBase || uint64(r.G) != w.R14 || r.LR != 0 {
			t.Errorf("thread %d: %+v", i, r)
		}
	}
}

func checkSignals(t *testing.T, got *elfcore.Core) {
	t.Helper()
	fault := &elfcore.SigInfo{Signo: 11, Code: 1, Addr: 0xdead0}
	sent := &elfcore.SigInfo{Signo: 19, Code: 0, PID: 42, UID: 7}
	want := map[elfcore.Producer][3]*elfcore.SigInfo{
		elfcore.Kernel: {fault, fault, nil}, elfcore.GCore: {fault, fault, sent}, elfcore.Delve: {},
	}[got.Producer]
	if diff := cmp.Diff(want, [3]*elfcore.SigInfo{got.Signal, got.Threads[0].SigInfo, got.Threads[1].SigInfo}); diff != "" {
		t.Error(diff)
	}
}

func checkFiles(t *testing.T, got *elfcore.Core) {
	t.Helper()
	if got.Producer == elfcore.Delve {
		return // the synthetic one has no FILE note either
	}
	if f, ok := got.FileAt(0x402010); !ok || f.Path != "/bin/server" || f.Offset != 0x2000 || f.Start != 0x402000 {
		t.Errorf("FileAt = %+v, %v", f, ok)
	}
	if _, ok := got.FileAt(0xc000000000); ok || len(got.Files) != 3 {
		t.Errorf("files %v", got.Files)
	}
}

func TestARM64(t *testing.T) {
	d := server()
	d.Machine = corewriter.ARM64
	for i := range d.Threads {
		regs := &d.Threads[i].ARM64
		for j := range regs.X {
			regs.X[j] = uint64(100*i + j)
		}
		regs.SP, regs.PC, regs.PState = 0x7ffd00000100, 0x401100, 1<<30
	}
	c := d.Kernel()
	c.Notes[0] = append(c.Notes[0], corewriter.TLS(0xabc000))
	got := read(t, c.Bytes())
	if got.Machine != elf.EM_AARCH64 || len(got.Gaps) != 0 {
		t.Fatalf("%v, gaps %v", got.Machine, got.Gaps)
	}
	r := got.Threads[1].Regs
	if r.PC != 0x401100 || r.SP != 0x7ffd00000100 || r.FP != 129 || r.LR != 130 || r.G != 128 || r.TLS != 0xabc000 || got.Threads[0].Regs.TLS != 0 {
		t.Errorf("%+v", r)
	}
	for i := range 31 {
		if v, ok := r.Get("x" + strconv.Itoa(i)); !ok || v != uint64(100+i) {
			t.Errorf("x%d = %d, %v", i, v, ok)
		}
	}
	if v, ok := r.Get("pstate"); !ok || v != 1<<30 {
		t.Errorf("pstate = %#x, %v", v, ok)
	}
}

// Delve writes threads in a format of its own where it knows no PRSTATUS.
func TestDelveThreads(t *testing.T) {
	g := uint64(0xc000000180)
	c := server().Delve()
	c.Machine = corewriter.ARM64
	c.Notes = [][]corewriter.Note{{
		corewriter.DelveHeader("linux/arm64\n1.27.2\nTarget Pid: 77\nEntry Point: 0x78000\n"),
		corewriter.DelveThread(77, 1, 2, 3, 4, &g, []string{"X0", "X28", "V0", "PSTATE"}, []uint64{10, 11, 12, 13}),
		corewriter.DelveThread(78, 5, 6, 7, 8, nil, []string{"X28"}, []uint64{14}),
	}}
	got := read(t, c.Bytes())
	if got.Producer != elfcore.Delve || len(got.Gaps) != 0 || len(got.Threads) != 2 {
		t.Fatalf("%v, gaps %v, %d threads", got.Producer, got.Gaps, len(got.Threads))
	}
	if e, ok := got.Entry(); !ok || e != 0x78000 || got.Process.PID != 77 || got.Process.UID != -1 {
		t.Errorf("entry %v, process %+v", e, got.Process)
	}
	a, b := got.Threads[0].Regs, got.Threads[1].Regs
	if got.Threads[0].TID != 77 || a.PC != 1 || a.SP != 2 || a.FP != 3 || a.TLS != 4 || uint64(a.G) != g {
		t.Errorf("%+v", a)
	}
	if v, _ := a.Get("pstate"); v != 13 {
		t.Errorf("pstate = %d", v)
	}
	if b.PC != 5 || b.G != 14 {
		t.Errorf("%+v", b)
	}
}

func TestSeveralNoteSegmentsAndManyHeaders(t *testing.T) {
	c := server().Kernel()
	notes := c.Notes[0]
	c.Notes = [][]corewriter.Note{notes[:3], notes[3:]}
	c.CountAside = true
	got := read(t, c.Bytes())
	checkMemory(t, got)
	checkThreads(t, got)
	checkFiles(t, got)
	if got.Producer != elfcore.Kernel || len(got.Gaps) != 0 {
		t.Errorf("%v, gaps %v", got.Producer, got.Gaps)
	}
}

// More mappings than e_phnum can count.
func TestSeventyThousandMappings(t *testing.T) {
	c := server().Kernel()
	c.CountAside = true
	for i := range 70000 {
		c.Memory = append(c.Memory, corewriter.Segment{Addr: 0x100000000 + uint64(i)*0x2000, Flags: corewriter.R, Size: 0x1000})
	}
	got := read(t, c.Bytes())
	if want := len(server().Memory) + 70000; len(got.Segments) != want {
		t.Errorf("%d segments, want %d", len(got.Segments), want)
	}
	if s, ok := got.SegmentAt(0x100000000 + 69999*0x2000 + 5); !ok || s.Len() != 0x1000 {
		t.Errorf("the last: %+v, %v", s, ok)
	}
}

func TestWhatIsNoCoreIsNamed(t *testing.T) {
	edit := func(change func(h *corewriter.Header)) []byte {
		c := server().Kernel()
		c.Edit = change
		return c.Bytes()
	}
	unfinished := server().Delve()
	unfinished.Edit = func(h *corewriter.Header) { h.PhOff, h.PhNum = 0, 0 }
	delve := server().Delve().Bytes()
	empty := server().Kernel()
	empty.Memory = []corewriter.Segment{{Addr: 0x1000, Flags: 6, Size: 0x1000}}
	for _, test := range []struct {
		name string
		file []byte
		want string
	}{
		{"a log", []byte("panic: boom\n\ngoroutine 1 [running]:\n"), "text"},
		{"an archive", append([]byte("PK\x03\x04"), make([]byte, 100)...), "zip"},
		{"zeros", make([]byte, 8192), "zero bytes"},
		{"32 bits", edit(func(h *corewriter.Header) { h.Ident[4] = 1 }), "32-bit"},
		{"big endian", edit(func(h *corewriter.Header) { h.Ident[5] = 2 }), "big-endian"},
		{"no class", edit(func(h *corewriter.Header) { h.Ident[4] = 9 }), "class 9"},
		{"no order", edit(func(h *corewriter.Header) { h.Ident[5] = 9 }), "byte order 9"},
		{"FreeBSD", edit(func(h *corewriter.Header) { h.Ident[7] = 9 }), "FREEBSD"},
		{"an executable", edit(func(h *corewriter.Header) { h.Type = 2 }), "an executable"},
		{"a PIE", edit(func(h *corewriter.Header) { h.Type = 3 }), "an executable or a shared library"},
		{"an object", edit(func(h *corewriter.Header) { h.Type = 1 }), "an object file"},
		{"a strange type", edit(func(h *corewriter.Header) { h.Type = 77 }), "77"},
		{"RISC-V", edit(func(h *corewriter.Header) { h.Machine = 243 }), "RISCV"},
		{"odd headers", edit(func(h *corewriter.Header) { h.PhEntSize = 32 }), "32"},
		{"no headers", edit(func(h *corewriter.Header) { h.PhNum = 0 }), "none"},
		{"headers far out", edit(func(h *corewriter.Header) { h.PhOff = 1 << 40 }), "the file is cut"},
		{"headers at the end of space", edit(func(h *corewriter.Header) { h.PhOff = ^uint64(0) - 20 }), "the file is cut"},
		{"headers in the header", edit(func(h *corewriter.Header) { h.PhOff = 10 }), "0xa"},
		{"count nowhere", edit(func(h *corewriter.Header) { h.PhNum = 0xffff; h.ShOff = 1 << 50 }), "the file is cut"},
		{"count at the end of space", edit(func(h *corewriter.Header) { h.PhNum = 0xffff; h.ShOff = ^uint64(0) - 3 }), "the file is cut"},
		{"unfinished", unfinished.Bytes(), "did not finish"},
		{"Delve's, cut", delve[:len(delve)-56*9], "dlv"},
		{"nothing but a header", edit(nil)[:64], "the file is cut"},
		{"a cut header", edit(nil)[:40], "the file is cut"},
		{"magic", []byte("\x7fELF"), "the file is cut"},
		{"cut in the headers", edit(nil)[:64+56*3], "before its first byte of memory"},
		{"cut in the notes", edit(nil)[:64+56*8+400], "before its first byte of memory"},
		{"no memory", empty.Bytes(), "coredump_filter"},
	} {
		_, err := elfcore.Read(input.Memory("core.700", test.file))
		var format *input.FormatError
		if !errors.As(err, &format) || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "core.700") {
			t.Errorf("%s: %v, want a FormatError with %q", test.name, err, test.want)
		}
	}
}
