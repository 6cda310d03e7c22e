package exe

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sort"

	"postmortem/coreread/image"
	"postmortem/coreread/input"
)

// Guard runs f, which calls debug/elf or debug/dwarf: both can panic on a
// damaged file. A panic becomes a *input.FormatError of the file, saying what
// was read. It is the only door to these packages.
func Guard(file, what string, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &input.FormatError{File: file, Want: "readable " + what, Got: fmt.Sprintf("data that its decoder rejects (%v)", r)}
		}
	}()
	return f()
}

// Segment is a PT_LOAD: a piece of the file that the loader maps.
type Segment struct {
	image.Range              // in memory, zero-filled end included
	Offset      uint64       // of its first byte in the file
	FileBytes   uint64       // bytes that the file has for it; less than the header says when the file is cut
	Flags       elf.ProgFlag //
	Cut         uint64       // bytes that the header promises and the file does not have
	Relro       image.Range  // the part that the loader makes read-only after relocation, empty if none
	align       uint64
}

// Writable reports whether the process may write to the segment (its Relro part
// only while it starts).
func (s *Segment) Writable() bool { return s.Flags&elf.PF_W != 0 }

// elfFile is an ELF file's headers and its bytes.
type elfFile struct {
	name   string
	data   []byte
	osFile *os.File // nil when the bytes are in memory only
	elf    *elf.File
}

// ELF header fields that say where the section headers are (ELF-64 object file format, figure 2).
const (
	ehdrBytes     = 64
	ehdrShoff     = 40 // u64
	ehdrShnum     = 60 // u16
	ehdrShstrndx  = 62 // u16
	phdrBytes     = 56
	maxProgHeader = 128 // linkers write about a dozen; work is per segment and relocation
)

// openELF checks the headers. Section headers are a help, not a need: without
// them, or with damaged ones, the file is read by its program headers.
func openELF(name string, data []byte, osFile *os.File) (*elfFile, error) {
	if err := checkELFHeader(name, data); err != nil {
		return nil, err
	}
	f := &elfFile{name: name, data: data, osFile: osFile}
	var err error = errPackedNames
	if !packedSectionNames(data) {
		err = Guard(name, "ELF headers", func() (err error) {
			f.elf, err = elf.NewFile(bytes.NewReader(data))
			return err
		})
	}
	if err != nil {
		err = Guard(name, "ELF program headers", func() (err error) {
			f.elf, err = elf.NewFile(withoutSections(bytes.NewReader(data), data[:ehdrBytes]))
			return err
		})
	}
	if err != nil {
		return nil, &input.FormatError{File: name, Want: "an ELF executable", Got: fmt.Sprintf("damaged headers (%v); take the file from its origin again", err)}
	}
	if len(f.elf.Progs) > maxProgHeader {
		return nil, &input.FormatError{File: name, Offset: ehdrBytes, Want: fmt.Sprintf("at most %d program headers", maxProgHeader), Got: fmt.Sprint(len(f.elf.Progs))}
	}
	return f, nil
}

// checkELFHeader tells apart what can be read, what is known but cannot be read
// yet, and what is something else.
func checkELFHeader(name string, data []byte) error {
	complain := func(offset int64, got string) error {
		return &input.FormatError{File: name, Offset: offset, Want: "a Go executable for linux (ELF)", Got: got}
	}
	switch {
	case len(data) == 0:
		return complain(0, "an empty file")
	case bytes.HasPrefix(data, []byte("MZ")):
		return complain(0, "a Windows executable")
	case bytes.HasPrefix(data, []byte("\xcf\xfa\xed\xfe")):
		return complain(0, "a macOS executable")
	case bytes.HasPrefix(data, []byte("#!")):
		return complain(0, "a script; give the program that it starts")
	case !bytes.HasPrefix(data, []byte(elf.ELFMAG)):
		return complain(0, "no ELF file")
	case len(data) < ehdrBytes:
		return complain(int64(len(data)), "a file that ends inside its ELF header; it was cut when it was copied")
	}
	class, order, kind := elf.Class(data[elf.EI_CLASS]), elf.Data(data[elf.EI_DATA]), elf.Type(uint16(data[16])|uint16(data[17])<<8)
	machine := elf.Machine(uint16(data[18]) | uint16(data[19])<<8)
	switch {
	case class != elf.ELFCLASS64 || order != elf.ELFDATA2LSB:
		return &UnsupportedError{What: name + ": only 64-bit little-endian executables can be read", Version: class.String() + ", " + order.String()}
	case kind == elf.ET_CORE:
		return complain(16, "a core dump; the order is CORE BINARY")
	case kind == elf.ET_REL:
		return complain(16, "an object file that has not been linked")
	case kind != elf.ET_EXEC && kind != elf.ET_DYN:
		return complain(16, fmt.Sprintf("an ELF file of type %v", kind))
	case machine != elf.EM_X86_64 && machine != elf.EM_AARCH64:
		return &UnsupportedError{What: name + ": only executables for amd64 and arm64 can be read", Version: machine.String()}
	}
	return nil
}

var errPackedNames = errors.New("section names are compressed")

// packedSectionNames reports whether the table of section names claims to be
// compressed. No tool does that, and debug/elf would unpack it whatever its size.
func packedSectionNames(data []byte) bool {
	const shdrBytes, shdrFlags = 64, 8
	at := order.Uint64(data[ehdrShoff:])
	index := uint64(order.Uint16(data[ehdrShstrndx:]))
	if elf.SectionIndex(index) == elf.SHN_XINDEX {
		return true // more than 65,000 sections: no Go binary either
	}
	at += index * shdrBytes
	if at > uint64(len(data)) || uint64(len(data))-at < shdrBytes {
		return false // debug/elf complains of that
	}
	return elf.SectionFlag(order.Uint64(data[at+shdrFlags:]))&elf.SHF_COMPRESSED != 0
}

// overlaid is a file whose first bytes are replaced.
type overlaid struct {
	io.ReaderAt
	head []byte
}

// withoutSections hides the section headers of an ELF file with this header.
func withoutSections(r io.ReaderAt, header []byte) io.ReaderAt {
	head := bytes.Clone(header)
	clear(head[ehdrShoff : ehdrShoff+8])
	clear(head[ehdrShnum : ehdrShstrndx+2])
	return &overlaid{r, head}
}

func (o *overlaid) ReadAt(p []byte, off int64) (int, error) {
	n, err := o.ReaderAt.ReadAt(p, off)
	if off >= 0 && off < int64(len(o.head)) {
		copy(p[:n], o.head[off:])
	}
	return n, err
}

// segments returns the PT_LOADs by address.
func (f *elfFile) segments() ([]Segment, error) {
	var segments []Segment
	for i, p := range f.elf.Progs {
		if p.Type != elf.PT_LOAD || p.Memsz == 0 {
			continue
		}
		complain := func(want, got string) error {
			return &input.FormatError{File: f.name, Offset: int64(ehdrBytes + i*phdrBytes), Want: want, Got: got + "; the file is damaged"}
		}
		if p.Vaddr+p.Memsz < p.Vaddr || p.Vaddr+p.Memsz > math.MaxInt64 {
			return nil, complain("a segment inside the address space", fmt.Sprintf("%#x bytes at %#x", p.Memsz, p.Vaddr))
		}
		if p.Filesz > p.Memsz {
			return nil, complain("a segment whose file part fits its memory", fmt.Sprintf("%#x bytes of file for %#x of memory", p.Filesz, p.Memsz))
		}
		s := Segment{
			Range:  image.Range{Start: image.Addr(p.Vaddr), End: image.Addr(p.Vaddr + p.Memsz)},
			Offset: p.Off, FileBytes: p.Filesz, Flags: p.Flags, align: p.Align,
		}
		if have := uint64(len(f.data)) - min(p.Off, uint64(len(f.data))); have < s.FileBytes {
			s.FileBytes, s.Cut = have, s.FileBytes-have
		}
		segments = append(segments, s)
	}
	if len(segments) == 0 {
		return nil, &input.FormatError{File: f.name, Offset: ehdrBytes, Want: "segments to load", Got: "none; this is debug information or an object, not the program"}
	}
	var fileBytes uint64
	for i := range segments {
		fileBytes += segments[i].FileBytes
	}
	if size := uint64(len(f.data)); fileBytes > 2*size {
		return nil, &input.FormatError{File: f.name, Offset: ehdrBytes, Want: fmt.Sprintf("segments made of the file's %d bytes", size), Got: fmt.Sprintf("segments of %d bytes altogether; the file is damaged", fileBytes)}
	}
	sort.SliceStable(segments, func(i, j int) bool { return segments[i].Start < segments[j].Start })
	for i := 1; i < len(segments); i++ {
		if a, b := segments[i-1].Range, segments[i].Range; a.End > b.Start {
			return nil, &input.FormatError{File: f.name, Offset: ehdrBytes, Want: "segments that do not overlap", Got: fmt.Sprintf("%v-%v and %v-%v; the file is damaged", a.Start, a.End, b.Start, b.End)}
		}
	}
	f.setRelro(segments)
	return segments, nil
}

// loaderPage is the unit in which addresses are protected. Kernels for arm64
// may use larger pages; what is said by this one stays true with those.
const loaderPage = 4096

// setRelro marks what the loader protects: whole pages only, rounded down on both sides
// (glibc, elf/dl-reloc.c, _dl_protect_relro). Without a loader, the start-up code of a
// libc that is linked in protects it, having written variables of its own there
// (attribute_relro): nothing then tells what it holds.
func (f *elfFile) setRelro(segments []Segment) {
	p := f.program(elf.PT_GNU_RELRO)
	if p == nil || f.program(elf.PT_INTERP) == nil || p.Vaddr+p.Memsz < p.Vaddr {
		return
	}
	start := image.Addr(p.Vaddr &^ (loaderPage - 1))
	end := image.Addr((p.Vaddr + p.Memsz) &^ (loaderPage - 1))
	for i := range segments {
		s := &segments[i]
		if s.Contains(image.Addr(p.Vaddr)) && s.Writable() {
			s.Relro = image.Range{Start: max(start, s.Start), End: min(end, s.End)}
			if s.Relro.Len() == 0 {
				s.Relro = image.Range{}
			}
		}
	}
}

// program returns the first program header of a kind, nil when there is none.
func (f *elfFile) program(kind elf.ProgType) *elf.Prog {
	for _, p := range f.elf.Progs {
		if p.Type == kind {
			return p
		}
	}
	return nil
}

// section is a part of the file that a section header names.
type section struct {
	name string
	kind elf.SectionType
	image.Range
	offset uint64
	data   []byte // as it stands in the file; nil when the file does not hold all of it
	link   uint32
}

// section returns the first section with one of the names, tried in order.
func (f *elfFile) section(names ...string) (section, bool) {
	for _, name := range names {
		for _, s := range f.elf.Sections {
			if s.Name == name {
				return f.describe(s), true
			}
		}
	}
	return section{}, false
}

func (f *elfFile) describe(s *elf.Section) section {
	d := section{
		name: s.Name, kind: s.Type, offset: s.Offset, link: s.Link,
		Range: image.Range{Start: image.Addr(s.Addr), End: image.Addr(s.Addr + s.Size)},
	}
	if s.Type != elf.SHT_NOBITS && s.Flags&elf.SHF_COMPRESSED == 0 {
		d.data = f.bytes(s.Offset, s.FileSize)
	}
	return d
}

// bytes returns n bytes of the file from off on, nil when it does not have them.
func (f *elfFile) bytes(off, n uint64) []byte {
	if size := uint64(len(f.data)); off > size || n > size-off {
		return nil
	}
	return f.data[off : off+n : off+n]
}
