package exe

import (
	"bytes"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"postmortem/coreread/image"
	"postmortem/coreread/input"
)

// buildIDs are the two names that linkers give a binary; "" where there is none.
type buildIDs struct {
	gnu    string // hexadecimal
	golang string
}

const (
	noteGNUBuildID = 3 // owner "GNU" (System V gABI extension, NT_GNU_BUILD_ID)
	noteGoBuildID  = 4 // owner "Go" (cmd/link/internal/ld/elf.go, ELF_NOTE_BUILDID… go tag)
	maxNoteBytes   = 1 << 20
	maxIDBytes     = 1 << 10
)

// GNUBuildID returns the GNU build id in hexadecimal, "" when the binary has none.
func (b *Binary) GNUBuildID() string { return b.notes().gnu }

// GoBuildID returns the Go build id, "" when the binary has none.
func (b *Binary) GoBuildID() string { return b.notes().golang }

// readNotes reads the notes that are loaded, and those that only sections name.
func (b *Binary) readNotes() buildIDs {
	var ids buildIDs
	for _, p := range b.file.elf.Progs {
		if p.Type == elf.PT_NOTE && p.Filesz <= maxNoteBytes {
			ids.parse(b.file.bytes(p.Off, p.Filesz), p.Align)
			ids.parseNext(func(off, n uint64) []byte { return b.file.bytes(p.Off+off, n) }, p.Filesz)
		}
	}
	for _, s := range b.file.elf.Sections {
		if s.Type == elf.SHT_NOTE && s.FileSize <= maxNoteBytes {
			ids.parse(b.file.describe(s).data, s.Addralign)
		}
	}
	return ids
}

// parse takes what is still unknown from a run of notes.
func (ids *buildIDs) parse(notes []byte, align uint64) {
	pad := func(n uint64) uint64 { return (n + 3) &^ 3 }
	if align == 8 {
		pad = func(n uint64) uint64 { return (n + 7) &^ 7 }
	}
	for len(notes) >= 12 {
		nameLen, descLen, kind := uint64(order.Uint32(notes)), uint64(order.Uint32(notes[4:])), order.Uint32(notes[8:])
		descAt := pad(12 + nameLen)
		if descAt+descLen > uint64(len(notes)) {
			return
		}
		owner := string(bytes.TrimRight(notes[12:12+nameLen], "\x00"))
		desc := notes[descAt : descAt+descLen]
		switch {
		case descLen > maxIDBytes:
		case owner == "GNU" && kind == noteGNUBuildID && ids.gnu == "":
			ids.gnu = hex.EncodeToString(desc)
		case owner == "Go" && kind == noteGoBuildID && ids.golang == "":
			ids.golang = string(bytes.TrimRight(desc, "\x00"))
		}
		notes = notes[min(pad(descAt+descLen), uint64(len(notes))):]
	}
}

// parseNext looks at the note behind a run of notes of size bytes. The Go linker
// (1.24 to 1.27) puts .note.gnu.build-id there and leaves it out of PT_NOTE. read returns
// bytes counted from the run's start, nil when there are none.
func (ids *buildIDs) parseNext(read func(off, n uint64) []byte, size uint64) {
	const head = 16 // header and the owner "GNU"
	size = (size + 3) &^ 3
	note := read(size, head)
	if ids.gnu != "" || note == nil || order.Uint32(note) != 4 || order.Uint32(note[8:]) != noteGNUBuildID || string(note[12:]) != "GNU\x00" {
		return
	}
	if desc := uint64(order.Uint32(note[4:])); desc <= 64 {
		ids.parse(read(size, head+desc), 4)
	}
}

// BuildIDsIn reads the build ids of an ELF file that is mapped in memory: base
// is the address of its first byte. An id that the file does not have, or whose
// note is absent from m, is "". It is an error when the headers are absent from m, or no ELF headers.
func BuildIDsIn(m *image.Image, base image.Addr) (gnu, goid string, err error) {
	mapped, err := readMapped(m, base)
	if err != nil {
		return "", "", fmt.Errorf("reading the ELF headers at %v: %w", base, err)
	}
	var ids buildIDs
	var absent error
	for _, p := range mapped.elf.Progs {
		if p.Type != elf.PT_NOTE || p.Filesz > maxNoteBytes {
			continue
		}
		at := image.Addr(p.Vaddr).Add(mapped.bias)
		notes, err := m.Bytes(at, p.Filesz)
		if err != nil {
			absent = errors.Join(absent, err)
			continue
		}
		ids.parse(notes, p.Align)
		ids.parseNext(func(off, n uint64) []byte {
			data, err := m.Bytes(at+image.Addr(off), n)
			if err != nil {
				return nil
			}
			return data
		}, p.Filesz)
	}
	if ids == (buildIDs{}) && absent != nil {
		return "", "", fmt.Errorf("reading the notes of the ELF file at %v: %w", base, absent)
	}
	return ids.gnu, ids.golang, nil
}

// mappedELF is an ELF file in a process's memory.
type mappedELF struct {
	elf  *elf.File // without sections: these are not loaded
	bias int64
}

// readMapped reads the ELF and program headers of the file mapped at base.
func readMapped(m *image.Image, base image.Addr) (*mappedELF, error) {
	header, err := m.Bytes(base, ehdrBytes)
	if err != nil {
		return nil, err
	}
	name := "memory at " + base.String()
	if !bytes.HasPrefix(header, []byte(elf.ELFMAG)) {
		return nil, &input.FormatError{File: name, Want: "an ELF header", Got: fmt.Sprintf("% x", header[:4])}
	}
	var f mappedELF
	err = Guard(name, "ELF program headers", func() (err error) {
		f.elf, err = elf.NewFile(withoutSections(&memoryReader{m, base}, header))
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, p := range f.elf.Progs {
		// The segment that holds the file's first page tells where address 0 of the file's own addresses is.
		if p.Type == elf.PT_LOAD && p.Off < loaderPage && len(f.elf.Progs) <= maxProgHeader {
			f.bias = base.Sub(image.Addr(p.Vaddr - p.Off))
			return &f, nil
		}
	}
	return nil, &input.FormatError{File: name, Offset: ehdrBytes, Want: "a segment that holds the ELF header", Got: "none"}
}

// memoryReader reads a process's memory as if it were the file mapped at base.
type memoryReader struct {
	image *image.Image
	base  image.Addr
}

func (r *memoryReader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, io.EOF
	}
	at := r.base.Add(off)
	if at < r.base {
		return 0, io.EOF
	}
	data, err := r.image.Bytes(at, uint64(len(p)))
	if err != nil {
		return 0, err
	}
	return copy(p, data), nil
}
