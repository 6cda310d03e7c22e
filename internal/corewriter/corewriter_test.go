package corewriter_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"postmortem/internal/corewriter"
)

func dump() *corewriter.Dump {
	return &corewriter.Dump{
		Machine:  corewriter.AMD64,
		Process:  corewriter.Process{PID: 7, Comm: "server", Args: "./server -v"},
		Threads:  []corewriter.Thread{{TID: 7, Signal: 6}, {TID: 8}},
		SigInfos: []corewriter.Note{corewriter.Sent(6, -6, 7, 1000), corewriter.Sent(6, -6, 7, 1000)},
		Auxv:     []uint64{9, 0x401000},
		Files:    []corewriter.File{{Start: 0x400000, End: 0x402000, Path: "/bin/server"}},
		Memory: []corewriter.Segment{
			{Addr: 0x400000, Flags: corewriter.R | corewriter.X, Data: []byte("\x7fELF"), Size: 0x2000},
			{Addr: 0xc000000000, Flags: corewriter.R | corewriter.W, Data: bytes.Repeat([]byte{7}, 5000)},
		},
	}
}

// TestAsDebugELFSeesIt holds every layout against the standard library's reader.
func TestAsDebugELFSeesIt(t *testing.T) {
	cores := map[string]*corewriter.Core{"kernel": dump().Kernel(), "gcore": dump().GCore(), "dlv": dump().Delve()}
	for name, c := range cores {
		f, err := elf.NewFile(bytes.NewReader(c.Bytes()))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if f.Type != elf.ET_CORE || f.Machine != elf.EM_X86_64 {
			t.Errorf("%s: %v of %v", name, f.Type, f.Machine)
		}
		var loads []*elf.Prog
		notes := 0
		for _, p := range f.Progs {
			switch p.Type {
			case elf.PT_LOAD:
				loads = append(loads, p)
			case elf.PT_NOTE:
				notes++
			}
		}
		if notes != 1 || len(loads) < 2 {
			t.Fatalf("%s: %d note segments, %d of memory", name, notes, len(loads))
		}
		for i, want := range c.Memory {
			p := loads[i]
			data, err := io.ReadAll(p.Open())
			if err != nil || p.Vaddr != want.Addr || uint32(p.Flags) != want.Flags || !bytes.Equal(data, want.Data) ||
				p.Memsz != max(want.Size, uint64(len(want.Data))) {
				t.Errorf("%s, segment %d: %+v, %d bytes, %v", name, i, p.ProgHeader, len(data), err)
			}
		}
	}
}

// readelf runs binutils' reader, where it is installed.
func readelf(t *testing.T, core []byte, flag string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "core")
	if err := os.WriteFile(path, core, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("readelf", "--wide", flag, path).Output()
	if err != nil {
		t.Skipf("readelf: %v", err)
	}
	return string(out)
}

func TestNotesAsReadelfSeesThem(t *testing.T) {
	out := readelf(t, dump().Kernel().Bytes(), "--notes")
	var got []string
	for line := range strings.Lines(out) {
		if i := strings.Index(line, "NT_"); i >= 0 {
			got = append(got, strings.Fields(line[i:])[0])
		}
	}
	want := "NT_PRSTATUS NT_PRPSINFO NT_SIGINFO NT_AUXV NT_FILE NT_PRSTATUS"
	if strings.Join(got, " ") != want {
		t.Errorf("readelf sees %v, want %s", got, want)
	}
}

func TestCountAsideAsReadelfSeesIt(t *testing.T) {
	c := dump().Kernel()
	c.CountAside = true
	if out := readelf(t, c.Bytes(), "--segments"); !strings.Contains(out, "There are 3 program headers") {
		t.Errorf("want 3 program headers:\n%s", out)
	}
}

func TestSizesOfTheNotes(t *testing.T) {
	// The sizes of the C structures, as readelf shows them on a kernel's core.
	for want, n := range map[int]corewriter.Note{
		0x150: corewriter.PRStatus(corewriter.AMD64, corewriter.Thread{}),
		0x188: corewriter.PRStatus(corewriter.ARM64, corewriter.Thread{}),
		0x88:  corewriter.PRPSInfo(corewriter.Process{}),
		0x80:  corewriter.Fault(11, 1, 0),
	} {
		if len(n.Desc) != want {
			t.Errorf("note of type %#x has %#x bytes, want %#x", n.Type, len(n.Desc), want)
		}
	}
}

func TestDamage(t *testing.T) {
	file := dump().Kernel().Bytes()
	if got := corewriter.Cut(file, 10); !bytes.Equal(got, file[:10]) {
		t.Error("Cut")
	}
	if got := corewriter.Flip(file, 8*20+3); got[20] != file[20]^8 || !bytes.Equal(got[21:], file[21:]) {
		t.Error("Flip")
	}
	if got := corewriter.Overwrite(file, 4, []byte{9, 9}); binary.LittleEndian.Uint16(got[4:]) != 0x0909 || len(got) != len(file) {
		t.Error("Overwrite")
	}
}
