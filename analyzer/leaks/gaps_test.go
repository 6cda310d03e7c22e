package leaks_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"postmortem/internal/testcores"
)

// TestNothingIsProvenWithoutTheHeap takes parts of the heap, on which goroutines'
// stacks are, too, out of a core: any of it may refer to what goroutines wait for.
func TestNothingIsProvenWithoutTheHeap(t *testing.T) {
	c := testcores.Get(t, "waits-shapes-1.22.12-plain")
	core, err := os.ReadFile(c.CorePath(t))
	if err != nil {
		t.Fatal(err)
	}
	all, _ := find(t, c)
	const heap = 0xc000000000
	lacking := 0
	for _, percent := range []uint64{0, 10, 30, 50, 70, 80, 90, 99} {
		path := filepath.Join(t.TempDir(), "core")
		if err := os.WriteFile(path, shorten(t, core, heap, percent), 0o600); err != nil {
			t.Fatal(err)
		}
		found, _, err := tryFind(t, path, c.BinaryPath(t))
		if err != nil {
			t.Fatalf("with %d%% of the heap: %v", percent, err)
		}
		switch {
		case !found.NotProven.Known: // the rest is free
			if found.Proven != all.Proven || percent < 50 {
				t.Errorf("with %d%% of the heap %d leaks are proven, with all %d", percent, found.Proven, all.Proven)
			}
		case found.Proven > 0 || found.NotProven.V == "":
			t.Errorf("with %d%% of the heap %d leaks are proven, and against that speaks %q", percent, found.Proven, found.NotProven.V)
		default:
			lacking++
		}
	}
	if lacking < 4 {
		t.Errorf("only %d of the cores lacked anything", lacking)
	}
}

// shorten leaves so much of the segment at an address in a core.
func shorten(t *testing.T, core []byte, address, percent uint64) []byte {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(core))
	if err != nil {
		t.Fatal(err)
	}
	const (
		headers, entry     = 64, 56 // of the file, of a program header
		fileSize, pageSize = 32, 4096
	)
	for i, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Vaddr == address {
			out := bytes.Clone(core)
			binary.LittleEndian.PutUint64(out[headers+entry*i+fileSize:], p.Filesz*percent/100/pageSize*pageSize)
			return out
		}
	}
	t.Fatalf("the core has no segment at %#x", address)
	return nil
}
