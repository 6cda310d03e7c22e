// Package corewriter makes ELF core files for tests, sound ones and hostile
// ones: any program headers, notes and memory, laid out as the kernel, gcore or
// Delve lay them out. It is no dumper, and it shares no layout or constant with
// the readers that it tests: structures are written field by field as the C
// headers declare them.
package corewriter

import (
	"bytes"
	"encoding/binary"
)

// Machines, as in e_machine.
const (
	AMD64 = 0x3e
	ARM64 = 0xb7
)

// Protections of a segment.
const (
	X, W, R = 1, 2, 4
)

// Core describes a core file. The zero value plus a Machine is one without
// threads and memory.
type Core struct {
	Machine uint16
	Notes   [][]Note  // each element becomes a PT_NOTE
	Memory  []Segment // each becomes a PT_LOAD, in this order
	Raw     []Raw     // further program headers, as they are, behind the others

	NotesLast    bool // notes behind the memory, as gcore and Delve put them
	HeadersLast  bool // program headers at the end of the file, as Delve puts them
	CountAside   bool // PN_XNUM: the count of program headers in section header 0
	Sections     bool // a section header for each segment, as gcore writes
	MemoryPadded bool // each segment at a multiple of 4096, as the kernel puts it

	// Edit changes the ELF header before it is written.
	Edit func(*Header)
}

// Segment is a mapping of the process.
type Segment struct {
	Addr  uint64
	Flags uint32
	Data  []byte // bytes in the file
	Size  uint64 // of the mapping; len(Data) when 0
}

// Note is a note; its owner is written without a final zero when NoZero.
type Note struct {
	Owner  string
	NoZero bool
	Type   uint32
	Desc   []byte
}

// Raw is a program header (Elf64_Phdr).
type Raw struct {
	Type, Flags                                     uint32
	Off, VAddr, PAddr, FileSize, MemSize, Alignment uint64
}

// Header is an ELF header (Elf64_Ehdr).
type Header struct {
	Ident                                                [16]byte
	Type, Machine                                        uint16
	Version                                              uint32
	Entry, PhOff, ShOff                                  uint64
	Flags                                                uint32
	EhSize, PhEntSize, PhNum, ShEntSize, ShNum, ShStrNdx uint16
}

// sectionHeader is Elf64_Shdr.
type sectionHeader struct {
	Name, Type                uint32
	Flags, Addr, Offset, Size uint64
	Link, Info                uint32
	AddrAlign, EntSize        uint64
}

// Bytes returns the file.
func (c *Core) Bytes() []byte {
	h := Header{Type: 4, Machine: c.Machine, Version: 1, EhSize: 64, PhEntSize: 56}
	copy(h.Ident[:], "\x7fELF\x02\x01\x01")
	count := len(c.Notes) + len(c.Memory) + len(c.Raw)
	out := make([]byte, 64)
	if !c.HeadersLast {
		h.PhOff = 64
		out = append(out, make([]byte, 56*count)...)
	}
	var noteHeaders, memoryHeaders []Raw
	if !c.NotesLast {
		out, noteHeaders = c.appendNotes(out)
	}
	out, memoryHeaders = c.appendMemory(out)
	if c.NotesLast {
		out, noteHeaders = c.appendNotes(out)
	}
	table := append(append(noteHeaders, memoryHeaders...), c.Raw...)
	if c.HeadersLast {
		h.PhOff = uint64(len(out))
		out = append(out, make([]byte, 56*count)...)
	}
	if count > 0 {
		copy(out[h.PhOff:], encode(table))
	}
	h.PhNum = uint16(count)
	if c.CountAside || c.Sections {
		out = c.appendSections(out, &h, table)
	}
	if c.Edit != nil {
		c.Edit(&h)
	}
	copy(out, encode(h))
	return out
}

func (c *Core) appendNotes(out []byte) ([]byte, []Raw) {
	var headers []Raw
	for _, notes := range c.Notes {
		out = pad(out, 4)
		part := EncodeNotes(notes)
		headers = append(headers, Raw{Type: 4, Off: uint64(len(out)), FileSize: uint64(len(part)), Alignment: 4})
		out = append(out, part...)
	}
	return out, headers
}

func (c *Core) appendMemory(out []byte) ([]byte, []Raw) {
	var headers []Raw
	for _, s := range c.Memory {
		if c.MemoryPadded {
			out = pad(out, 4096)
		}
		size := s.Size
		if size == 0 {
			size = uint64(len(s.Data))
		}
		headers = append(headers, Raw{Type: 1, Flags: s.Flags, Off: uint64(len(out)), VAddr: s.Addr,
			FileSize: uint64(len(s.Data)), MemSize: size, Alignment: 4096})
		out = append(out, s.Data...)
	}
	return out, headers
}

// appendSections writes a null section, which holds the count of program
// headers under PN_XNUM, and one for each program header if wanted.
func (c *Core) appendSections(out []byte, h *Header, table []Raw) []byte {
	h.ShOff, h.ShEntSize, h.ShNum = uint64(len(out)), 64, 1
	null := sectionHeader{}
	if c.CountAside {
		h.PhNum = 0xffff
		null.Info = uint32(len(table))
	}
	out = append(out, encode(null)...)
	if c.Sections {
		for _, p := range table {
			out = append(out, encode(sectionHeader{Type: 1, Addr: p.VAddr, Offset: p.Off, Size: p.FileSize})...)
			h.ShNum++
		}
	}
	return out
}

// EncodeNotes returns the content of a PT_NOTE.
func EncodeNotes(notes []Note) []byte {
	var out []byte
	for _, n := range notes {
		name := n.Owner
		if name != "" && !n.NoZero {
			name += "\x00"
		}
		out = append(out, encode([]uint32{uint32(len(name)), uint32(len(n.Desc)), n.Type})...)
		out = pad(append(out, name...), 4)
		out = pad(append(out, n.Desc...), 4)
	}
	return out
}

func pad(b []byte, to int) []byte {
	for len(b)%to != 0 {
		b = append(b, 0)
	}
	return b
}

// encode writes the fields of a fixed-size value one after the other, as a C
// compiler lays out a structure whose padding is spelled out.
func encode(v any) []byte {
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
		panic(err) // a type without fixed size: a mistake in this package
	}
	return b.Bytes()
}
