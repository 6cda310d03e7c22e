package elfcore

import (
	"debug/elf"
	"encoding/binary"
	"fmt"

	"postmortem/coreread/input"
)

// order is the byte order of every core that is accepted.
var order = binary.LittleEndian

// Sizes and offsets of ELF64 (System V ABI, "ELF Header", "Program Header").
const (
	headerBytes     = 64
	progHeaderBytes = 56
	sectHeaderBytes = 64

	// manyHeaders in e_phnum says that the count is in sh_info of section
	// header 0 (PN_XNUM, include/uapi/linux/elf.h).
	manyHeaders = 0xffff
)

// header is the ELF header and the program headers that the file holds whole.
type header struct {
	machine  elf.Machine
	phoff    uint64
	progs    []prog
	tableEnd uint64 // where all program headers would end
	sections int    // section headers that the file claims
	shoff    uint64
}

// prog is a program header as it stands in the file, nothing checked.
type prog struct {
	kind          elf.ProgType
	flags         elf.ProgFlag
	off, vaddr    uint64
	filesz, memsz uint64
}

func readHeader(f *input.File) (*header, error) {
	data := f.Data()
	if err := checkIdent(f.Name(), data); err != nil {
		return nil, err
	}
	h := &header{
		machine:  elf.Machine(order.Uint16(data[18:])),
		phoff:    order.Uint64(data[32:]),
		shoff:    order.Uint64(data[40:]),
		sections: int(order.Uint16(data[60:])),
	}
	count := uint64(order.Uint16(data[56:]))
	size := uint64(len(data))
	if entry := order.Uint16(data[54:]); count > 0 && entry != progHeaderBytes {
		return nil, &input.FormatError{File: f.Name(), Offset: 54, Want: fmt.Sprintf("program headers of %d bytes", progHeaderBytes),
			Got: fmt.Sprintf("%d", entry), Hint: "the ELF header is corrupt: fetch the file again"}
	}
	if count == manyHeaders {
		if h.shoff < headerBytes || h.shoff > size || size-h.shoff < sectHeaderBytes {
			return nil, cutError(f, h.shoff, "the count of the program headers")
		}
		count = uint64(order.Uint32(data[h.shoff+44:]))
	}
	if count == 0 {
		return nil, &input.FormatError{File: f.Name(), Offset: 56, Want: "program headers", Got: "none",
			Hint: "the program that wrote the core did not finish: write it anew"}
	}
	if h.phoff < headerBytes || h.phoff > size || size-h.phoff < progHeaderBytes {
		return nil, cutError(f, h.phoff, "program headers")
	}
	h.tableEnd = h.phoff + count*progHeaderBytes
	whole := min(count, (size-h.phoff)/progHeaderBytes)
	h.progs = make([]prog, 0, whole)
	for i := range whole {
		h.progs = append(h.progs, readProg(data[h.phoff+i*progHeaderBytes:]))
	}
	return h, nil
}

func readProg(b []byte) prog {
	return prog{
		kind:   elf.ProgType(order.Uint32(b)),
		flags:  elf.ProgFlag(order.Uint32(b[4:])),
		off:    order.Uint64(b[8:]),
		vaddr:  order.Uint64(b[16:]),
		filesz: order.Uint64(b[32:]),
		memsz:  order.Uint64(b[40:]),
	}
}

// cutError says that something stands outside the file.
func cutError(f *input.File, at uint64, want string) error {
	if at < headerBytes {
		return &input.FormatError{File: f.Name(), Offset: 32, Want: want + " behind the ELF header",
			Got: fmt.Sprintf("their offset as %#x", at), Hint: "the ELF header is corrupt, or the core was never finished"}
	}
	return &input.FormatError{File: f.Name(), Offset: f.Size(), Want: fmt.Sprintf("%s at offset %#x", want, at),
		Got: "the end of the file", Hint: "the file is cut: fetch the whole file; a core that dlv wrote ends with them and is of no use without"}
}

// checkIdent accepts the ELF header of a Linux core of a machine that is known,
// and says of everything else what it is.
func checkIdent(name string, data []byte) error {
	refuse := func(offset int64, got, hint string) error {
		return &input.FormatError{File: name, Offset: offset, Want: "an ELF core of 64-bit Linux", Got: got, Hint: hint}
	}
	if len(data) < 4 || string(data[:4]) != elf.ELFMAG {
		return refuse(0, input.Kind(data), "")
	}
	if len(data) < headerBytes {
		return refuse(int64(len(data)), "the end of the file in the ELF header", "the file is cut: fetch the whole file")
	}
	switch class := elf.Class(data[elf.EI_CLASS]); class {
	case elf.ELFCLASS64:
	case elf.ELFCLASS32:
		return refuse(elf.EI_CLASS, "a 32-bit ELF file", "32-bit processes are not supported")
	default:
		return refuse(elf.EI_CLASS, fmt.Sprintf("ELF class %d", class), "the ELF header is corrupt: fetch the file again")
	}
	switch endian := elf.Data(data[elf.EI_DATA]); endian {
	case elf.ELFDATA2LSB:
	case elf.ELFDATA2MSB:
		return refuse(elf.EI_DATA, "a big-endian ELF file", "big-endian machines are not supported")
	default:
		return refuse(elf.EI_DATA, fmt.Sprintf("ELF byte order %d", endian), "the ELF header is corrupt: fetch the file again")
	}
	if abi := elf.OSABI(data[elf.EI_OSABI]); abi != elf.ELFOSABI_NONE && abi != elf.ELFOSABI_LINUX {
		return refuse(elf.EI_OSABI, "an ELF file of another system: "+abi.String(), "")
	}
	switch kind := elf.Type(order.Uint16(data[16:])); kind {
	case elf.ET_CORE:
	case elf.ET_EXEC:
		return refuse(16, "an executable", "the core comes first, the binary second")
	case elf.ET_DYN:
		return refuse(16, "an executable or a shared library", "the core comes first, the binary second")
	case elf.ET_REL:
		return refuse(16, "an object file", "")
	default:
		return refuse(16, fmt.Sprintf("ELF type %d", kind), "the ELF header is corrupt: fetch the file again")
	}
	machine := elf.Machine(order.Uint16(data[18:]))
	if _, ok := arches[machine]; !ok {
		return refuse(18, "a core of "+machine.String(), "x86-64 and aarch64 are supported")
	}
	return nil
}
