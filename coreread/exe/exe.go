// Package exe reads a Go program's ELF file: who it is, how it was built, what
// its segments hold once loaded, and the tables that the Go linker leaves in
// every binary, stripped or not: functions (pclntab), module data and type
// descriptors. Symbol table and DWARF are read only when asked for.
//
// It knows nothing of a process or its core. Every address that goes in or
// comes out is the binary's own, as objdump shows it, before any load bias.
package exe

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"sync"

	"postmortem/coreread/image"
	"postmortem/coreread/input"
)

// Binary is an executable. It is safe for concurrent use. It refers to the
// bytes of the file it was opened on, which must stay open as long as it is used.
type Binary struct {
	name     string
	file     *elfFile
	relocs   *relocations
	segments []Segment
	memory   staticImage

	build     *debug.BuildInfo // nil when the binary carries none
	buildErr  error
	goVersion string
	release   int // minor version of Go 1 whose tables fit

	module *ModuleData
	funcs  *FuncTable
	types  *Types

	notes   func() buildIDs
	symbols func() (map[string]Symbol, error)
	dwarf   func() (*lazyDWARF, error)

	mu       sync.Mutex
	mappings [][]byte
}

// Open reads the executable in f, which the Binary goes on using. What is no
// executable of Go 1.18 or newer for linux/amd64 or linux/arm64 is a
// *input.FormatError or an *UnsupportedError.
func Open(f *input.File) (*Binary, error) {
	return open(f.Name(), f.Data(), f.OSFile())
}

// open reads an executable; osFile, when not nil, holds the same bytes as data.
func open(name string, data []byte, osFile *os.File) (*Binary, error) {
	file, err := openELF(name, data, osFile)
	if err != nil {
		return nil, err
	}
	b := &Binary{name: name, file: file}
	b.notes = sync.OnceValue(b.readNotes)
	b.symbols = sync.OnceValues(b.readRuntimeSymbols)
	b.dwarf = sync.OnceValues(b.readDWARF)
	if err := b.load(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// load does what Open promises, in the order that each step needs the former.
func (b *Binary) load() error {
	var err error
	if b.segments, err = b.file.segments(); err != nil {
		return err
	}
	if b.relocs, err = readRelocations(b.file, b.segments); err != nil {
		return err
	}
	if err = b.loadStaticImage(); err != nil {
		return err
	}
	b.readBuildInfo()
	return b.findModule()
}

// Close gives back the private mappings of relocated segments. Nothing that
// came from the Binary may be used afterwards. It does not close the file.
func (b *Binary) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var err error
	for _, m := range b.mappings {
		err = errors.Join(err, unmapPrivate(m))
	}
	b.mappings = nil
	return err
}

// Name returns the file's base name, as it was given.
func (b *Binary) Name() string { return b.name }

// Machine returns the architecture: elf.EM_X86_64 or elf.EM_AARCH64.
func (b *Binary) Machine() elf.Machine { return b.file.elf.Machine }

// PIE reports whether the binary may be loaded at any address.
func (b *Binary) PIE() bool { return b.file.elf.Type == elf.ET_DYN }

// Entry returns the address of the first instruction.
func (b *Binary) Entry() image.Addr { return image.Addr(b.file.elf.Entry) }

// Segments returns what the loader maps, by address.
func (b *Binary) Segments() []Segment { return slices.Clone(b.segments) }

// Module returns the linker's table of contents of the binary. The caller must not change it.
func (b *Binary) Module() *ModuleData { return b.module }

// Funcs returns the table of functions.
func (b *Binary) Funcs() *FuncTable { return b.funcs }

// Types returns the reader of type descriptors.
func (b *Binary) Types() *Types { return b.types }

// TLSG returns the distance from the thread pointer (FS base on amd64,
// TPIDR_EL0 on arm64) to the thread's g; ok is false when the binary has no such
// slot or does not say where it is.
func (b *Binary) TLSG() (off int64, ok bool) {
	tls := b.file.program(elf.PT_TLS)
	if tls == nil {
		// Statically linked by Go's own linker: the slot is the word below FS base
		// (cmd/link/internal/ld/sym.go, Tlsoffset). arm64 has none without cgo.
		return -8, b.Machine() == elf.EM_X86_64
	}
	align := max(tls.Align, 1)
	if align > 1<<16 || align&(align-1) != 0 || tls.Memsz > 1<<32 {
		return 0, false
	}
	var value uint64
	if s, found := b.Symbol("runtime.tlsg"); found {
		value = uint64(s.Addr)
	} else if tls.Memsz != 8 {
		return 0, false // without a symbol only a slot that is alone can be told
	}
	switch b.Machine() {
	case elf.EM_X86_64: // TLS variant II: the block ends at the thread pointer
		return int64(value) - int64((tls.Memsz+align-1)&^(align-1)), true
	case elf.EM_AARCH64: // variant I: two words, then the block
		return int64(value) + int64((16+align-1)&^(align-1)), true
	}
	return 0, false
}

// formatError is a complaint about the bytes at a file offset.
func (b *Binary) formatError(offset int64, want, got string) error {
	return &input.FormatError{File: b.name, Offset: offset, Want: want, Got: got}
}

// UnsupportedError is an input that was recognised and that this release cannot
// read yet.
type UnsupportedError struct {
	What    string // what it is, and what would help
	Version string // the version that is not known, as the input gives it
}

func (e *UnsupportedError) Error() string {
	if e.Version == "" {
		return e.What
	}
	return fmt.Sprintf("%s (%s)", e.What, e.Version)
}

var order = binary.LittleEndian

// maxName bounds names and paths (bytes). Many entries of a hostile file can
// name the same bytes: without a bound the work would be their product.
const maxName = 1 << 15

// cString returns the bytes up to the first NUL; ok is false when there is none
// within maxName.
func cString(b []byte) (s []byte, ok bool) {
	i := bytes.IndexByte(b[:min(len(b), maxName)], 0)
	if i < 0 {
		return nil, false
	}
	return b[:i], true
}
