package testcores

import (
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sizes and places in a 64-bit ELF file, in bytes.
const (
	sectionTableAt    = 0x28 // of the header's word that says where the section headers are
	sectionHeaderSize = 64
)

// StrippedPath is the path of a copy of the plain binary whose sections of debug information are gone, as -ldflags=-w
// would have left it; the core fits it all the same. It is valid until the test is over.
func (c *Core) StrippedPath(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile(c.BinaryPath(t))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), c.Program)
	f, err := elf.Open(c.BinaryPath(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table := f.ByteOrder.Uint64(b[sectionTableAt:])
	for i, s := range f.Sections {
		if strings.HasPrefix(s.Name, ".debug_") || strings.HasPrefix(s.Name, ".zdebug_") {
			at := table + uint64(i)*sectionHeaderSize
			clear(b[at : at+sectionHeaderSize]) // SHT_NULL without a name
			clear(b[s.Offset : s.Offset+s.FileSize])
		}
	}
	if err := os.WriteFile(path, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
