package exe_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"testing"

	"postmortem/coreread/exe"
	"postmortem/internal/testcores"
)

// TestDebugSection compares unpacked sections with those of debug/elf, for every
// way to pack them that a Go linker has used.
func TestDebugSection(t *testing.T) {
	for _, core := range []string{"small-nil-1.18.10-plain", "small-nil-1.26.8-default", "small-nil-1.27.3-plain", "cgo-abort-1.27.3-cgo"} {
		path := testcores.Get(t, core).BinaryPath(t)
		b := openFile(t, path)
		f, err := elf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for _, name := range []string{"info", "abbrev", "line"} {
			want, err := f.Section(".debug_" + name).Data()
			if err != nil {
				t.Fatal(err)
			}
			if got, err := b.DebugSection(name); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %d bytes of .debug_%s, want %d (%v)", core, len(got), name, len(want), err)
			}
		}
		if got, err := b.DebugSection("nonsense"); got != nil || err != nil {
			t.Errorf("%s: a section that is not there has %d bytes (%v)", core, len(got), err)
		}
	}
	b := openFile(t, testcores.Get(t, "small-nil-1.27.0-w").BinaryPath(t))
	if _, err := b.DebugSection("info"); !errors.Is(err, exe.ErrNoDWARF) {
		t.Errorf("without DWARF: %v", err)
	}
}
