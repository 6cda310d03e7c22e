package exe_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
)

// This file writes tiny executables in the way of Go's linker, from the format
// descriptions alone: it shares no layouts with the package.

var le = binary.LittleEndian

// Addresses of a synthetic executable's segments.
const (
	synText   = 0x401000
	synRoData = 0x1000000
	synData   = 0x4000000
	synHeader = 64 + 4*56
)

// synFunc is a function of a synthetic executable; it takes 32 bytes of text.
type synFunc struct {
	name    string
	file    string
	line    int
	depth   int    // of the stack after 4 bytes
	inlined string // a function inlined from byte 8 to byte 16, called on line+1
}

const synFuncBytes = 32

// varints appends a zigzag value delta and a pc delta.
func varints(b []byte, value int, pc uint64) []byte {
	b = binary.AppendUvarint(b, uint64(uint32(value<<1)^uint32(value>>31)))
	return binary.AppendUvarint(b, pc)
}

// pcTable returns a pc-value table of runs that begin at the given offsets.
func pcTable(values ...[2]int) []byte {
	var b []byte
	last := -1
	for i, v := range values {
		end := synFuncBytes
		if i+1 < len(values) {
			end = values[i+1][0]
		}
		b = varints(b, v[1]-last, uint64(end-v[0]))
		last = v[1]
	}
	return append(b, 0)
}

// synTables is what the linker makes of functions.
type synTables struct {
	pcln []byte // pclntab, from its header on
	tree []byte // inline trees, where moduledata.gofunc points to
}

// synPCLN writes the function table of a minor version: from 1.20 on it has
// another magic number, start lines and 16-byte inline entries instead of 20; from 1.26
// on no address of the text.
func synPCLN(minor int, funcs []synFunc) synTables {
	var names, cu, files, pctab, records, tree []byte
	text := func(b *[]byte, s string) uint32 {
		at := len(*b)
		*b = append(append(*b, s...), 0)
		return uint32(at)
	}
	table := func(b []byte) uint32 {
		at := len(pctab)
		pctab = append(pctab, b...)
		return uint32(at)
	}
	pctab = []byte{0} // offset 0 means no table
	text(&names, "")
	ftabBytes := 8*len(funcs) + 8
	var ftab []byte
	for i, f := range funcs {
		ftab = le.AppendUint32(ftab, uint32(i*synFuncBytes))
		ftab = le.AppendUint32(ftab, uint32(ftabBytes+len(records)))
		cuOffset := uint32(len(cu) / 4)
		cu = le.AppendUint32(cu, text(&files, f.file))
		lines, inlTable := pcTable([2]int{0, f.line}), uint32(0)
		treeAt := ^uint32(0)
		if f.inlined != "" {
			lines = pcTable([2]int{0, f.line}, [2]int{8, 1000 + f.line}, [2]int{16, f.line + 1})
			inlTable = table(pcTable([2]int{0, -1}, [2]int{8, 0}, [2]int{16, -1}))
			treeAt = uint32(len(tree))
			const call = 16 // offset of an instruction on the line of the call
			name := text(&names, f.inlined)
			entry := []uint32{0, name, call, uint32(900 + f.line)} // funcID, name, parentPc, startLine
			if minor < 20 {
				entry = []uint32{0xffff, 0, uint32(f.line), name, call} // parent and funcID, file, line, name, parentPc
			}
			for _, v := range entry {
				tree = le.AppendUint32(tree, v)
			}
		}
		record := []uint32{
			uint32(i * synFuncBytes), text(&names, f.name), 0, 0,
			table(pcTable([2]int{0, 0}, [2]int{4, f.depth})), table(pcTable([2]int{0, 0})), table(lines),
			3, cuOffset,
		}
		if minor >= 20 {
			record = append(record, uint32(f.line))
		}
		for _, v := range record {
			records = le.AppendUint32(records, v)
		}
		records = append(records, 0, 0, 0, 4) // funcID, flag, padding, number of funcdata
		for _, v := range []uint32{0, 0, inlTable, ^uint32(0), ^uint32(0), ^uint32(0), treeAt} {
			records = le.AppendUint32(records, v)
		}
	}
	ftab = le.AppendUint32(ftab, uint32(len(funcs)*synFuncBytes))
	ftab = le.AppendUint32(ftab, 0)

	header := []byte{0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8}
	if minor < 20 {
		header[0] = 0xf0
	}
	header = le.AppendUint64(header, uint64(len(funcs)))
	header = le.AppendUint64(header, uint64(len(funcs)))
	if minor < 26 {
		header = le.AppendUint64(header, synText)
	} else {
		header = le.AppendUint64(header, 0)
	}
	body := []byte(nil)
	for _, part := range [][]byte{names, cu, files, pctab, append(ftab, records...)} {
		header = le.AppendUint64(header, uint64(72+len(body)))
		body = append(body, part...)
		for len(body)%8 != 0 {
			body = append(body, 0)
		}
	}
	return synTables{pcln: append(header, body...), tree: tree}
}

// synTypes is a region of types.
type synTypes struct {
	data []byte
	link uint32 // offset of the descriptor that typelinks lists; from 1.27 on, of the end of the row of descriptors
}

// typeName appends a name and returns its offset.
func (s *synTypes) typeName(text string) uint32 {
	at := len(s.data)
	s.data = append(s.data, 0)
	s.data = binary.AppendUvarint(s.data, uint64(len(text)))
	s.data = append(s.data, text...)
	return uint32(at)
}

// descriptor appends the head of a descriptor, aligned.
func (s *synTypes) descriptor(size uint64, tflag, kind byte, name uint32) uint32 {
	for len(s.data)%8 != 0 {
		s.data = append(s.data, 0)
	}
	at := len(s.data)
	s.data = le.AppendUint64(s.data, size)
	s.data = le.AppendUint64(s.data, 0)
	s.data = append(s.data, 1, 2, 3, 4, tflag, 8, 8, kind)
	s.data = append(s.data, make([]byte, 16)...)
	s.data = le.AppendUint32(s.data, name)
	s.data = le.AppendUint32(s.data, 0)
	return uint32(at)
}

// synPointerToStruct writes *pkg.name, a pointer to a struct with two fields of type int64,
// for a region at the address start.
func synPointerToStruct(minor int, start uint64, pkg, name string) (s synTypes) {
	s = synTypes{data: make([]byte, 8)}
	if minor >= 27 {
		// The row has the pointer only, with the size of its descriptor.
		at := s.descriptor(8, 0, 22, 0)
		s.data = append(s.data, make([]byte, 8)...)
		defer func() {
			copy(s.data[at:], s.data[s.link:s.link+56])
			s.link = 8 + 56
		}()
	}
	integer := s.descriptor(8, 0, 6, s.typeName("int64"))
	first, second := s.typeName("first"), s.typeName("second")
	pkgName, structName := s.typeName(pkg), s.typeName("*"+pkg+"."+name)
	st := s.descriptor(16, 1|2|4, 25, structName) // uncommon, extra star, named
	fields := start + uint64(st) + 80 + 16
	for _, v := range []uint64{start + uint64(pkgName), fields, 2, 2} {
		s.data = le.AppendUint64(s.data, v)
	}
	s.data = le.AppendUint32(s.data, pkgName)
	s.data = append(s.data, make([]byte, 12)...)
	for i, f := range []uint32{first, second} {
		for _, v := range []uint64{start + uint64(f), start + uint64(integer), uint64(8 * i)} {
			if minor == 18 && v == uint64(8*i) {
				v <<= 1
			}
			s.data = le.AppendUint64(s.data, v)
		}
	}
	s.link = s.descriptor(8, 0, 22, structName)
	s.data = le.AppendUint64(s.data, start+uint64(st))
	return s
}

// synModule is the parts of runtime.moduledata.
type synModule struct {
	pcln      uint64 // address
	functions uint64
	tables    [5]uint64 // offsets of the table's parts
	pclnBytes uint64
	textEnd   uint64
	types     [2]uint64
	typelinks [2]uint64 // address, number
	row       uint64    // bytes of types with the row of descriptors
	goFunc    uint64
	sections  [2]uint64 // of text: address, number
}

// bytes orders them as a minor version does.
func (m *synModule) bytes(minor int) []byte {
	var b []byte
	words := func(v ...uint64) {
		for _, w := range v {
			b = le.AppendUint64(b, w)
		}
	}
	words(m.pcln)
	for i := range 4 {
		n := m.tables[i+1] - m.tables[i]
		words(m.pcln+m.tables[i], n, n)
	}
	words(m.pcln+m.tables[4], m.pclnBytes-m.tables[4], m.pclnBytes-m.tables[4])
	words(m.pcln+m.tables[4], m.functions+1, m.functions+1)
	words(0, synText, m.textEnd) // findfunctab, minpc, maxpc
	words(synText, m.textEnd)    // text
	for range 4 {                // noptrdata, data, bss, noptrbss
		words(synData, synData+0x10)
	}
	if minor >= 20 {
		words(0, 0) // covctrs, ecovctrs
	}
	words(synData+0x10, 0, 0) // end, gcdata, gcbss
	words(m.types[0])
	if minor >= 27 {
		words(m.row)
	}
	words(m.types[1])
	if minor >= 27 {
		words(0, 0) // itaboffset, itabsize
	}
	words(0, m.goFunc) // rodata, gofunc
	if minor >= 26 {
		words(0) // epclntab
	}
	words(m.sections[0], m.sections[1], m.sections[1]) // textsectmap
	if minor < 27 {
		words(m.typelinks[0], m.typelinks[1], m.typelinks[1])
	}
	return append(b, make([]byte, 600-len(b))...)
}

// synBuildInfo is the blob of .go.buildinfo.
func synBuildInfo(version string) []byte {
	b := append([]byte("\xff Go buildinf:"), 8, 2)
	b = append(b, make([]byte, 16)...)
	b = binary.AppendUvarint(b, uint64(len(version)))
	b = append(b, version...)
	return append(b, 0)
}

// synELF writes an executable of three segments without section headers.
func synELF(text, rodata, data []byte) []byte {
	var b bytes.Buffer
	b.WriteString(elf.ELFMAG)
	b.Write([]byte{2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	for _, v := range []any{uint16(elf.ET_EXEC), uint16(elf.EM_X86_64), uint32(1), uint64(synText), uint64(64), uint64(0), uint32(0), uint16(64), uint16(56), uint16(3), uint16(64), uint16(0), uint16(0)} {
		binary.Write(&b, le, v)
	}
	offset := uint64(synHeader)
	for _, s := range []struct {
		at    uint64
		data  []byte
		flags uint32
	}{{synText, text, 5}, {synRoData, rodata, 4}, {synData, data, 6}} {
		n := uint64(len(s.data))
		for _, v := range []any{uint32(elf.PT_LOAD), s.flags, offset, s.at, s.at, n, n, uint64(0x1000)} {
			binary.Write(&b, le, v)
		}
		offset += n
	}
	b.Write(make([]byte, synHeader-b.Len()))
	b.Write(text)
	b.Write(rodata)
	b.Write(data)
	return b.Bytes()
}

// synProgram puts a program together around a function table and types, which
// need not be sound: the module data says of them what they say themselves.
func synProgram(minor int, version string, tables synTables, makeTypes func(start uint64) synTypes) []byte {
	return synSplitProgram(minor, version, tables, makeTypes, nil)
}

// synSplitProgram is synProgram with a text in sections: first and end offset in
// the function table's count, and address.
func synSplitProgram(minor int, version string, tables synTables, makeTypes func(start uint64) synTypes, sections [][3]uint64) []byte {
	pcln := append(bytes.Clone(tables.pcln), make([]byte, -len(tables.pcln)&7)...)
	treeAt := synRoData + uint64(len(pcln))
	rodata := append(pcln, tables.tree...)
	rodata = append(rodata, make([]byte, 8+(-len(rodata)&7))...)
	start := synRoData + uint64(len(rodata))
	types := makeTypes(start)
	rodata = append(rodata, types.data...)
	rodata = append(rodata, make([]byte, 8+(-len(rodata)&7))...)
	linkAt := synRoData + uint64(len(rodata))
	rodata = le.AppendUint64(rodata, uint64(types.link))
	sectionsAt := synRoData + uint64(len(rodata))
	for _, s := range sections {
		for _, v := range s {
			rodata = le.AppendUint64(rodata, v)
		}
	}

	text := uint64(0x180)
	m := synModule{pcln: synRoData, pclnBytes: uint64(len(tables.pcln)), types: [2]uint64{start, start + uint64(len(types.data))}, typelinks: [2]uint64{linkAt, 1}, row: uint64(types.link), goFunc: treeAt, textEnd: synText}
	if len(tables.pcln) >= 72 {
		m.functions = le.Uint64(tables.pcln[8:])
		for i := range m.tables {
			m.tables[i] = le.Uint64(tables.pcln[32+8*i:])
		}
		if at := m.tables[4] + 8*m.functions; m.functions < 1<<20 && m.tables[4] < 1<<24 && at+4 <= uint64(len(tables.pcln)) {
			m.textEnd += uint64(le.Uint32(tables.pcln[at:]))
			text = max(text, min(synFuncBytes*m.functions, 1<<20))
		}
	}
	if len(sections) > 0 {
		last := sections[len(sections)-1]
		m.sections = [2]uint64{sectionsAt, uint64(len(sections))}
		m.textEnd = last[2] + last[1] - last[0]
	}
	data := append(synBuildInfo(version), make([]byte, 16)...)
	data = data[:len(data)&^15]
	return synELF(bytes.Repeat([]byte{0x90}, int(text)), rodata, append(data, m.bytes(minor)...))
}

// synSound is a sound program of three functions and one struct.
func synSound(minor int, version string) []byte {
	return synProgram(minor, version, synPCLN(minor, synFuncs), func(start uint64) synTypes {
		return synPointerToStruct(minor, start, "runtime", "g")
	})
}

var synFuncs = []synFunc{
	{name: "main.main", file: "/src/main.go", line: 10, depth: 24},
	{name: "main.(*server).serve", file: "/src/server.go", line: 20, depth: 120, inlined: "main.handle"},
	{name: "runtime.goexit", file: "/go/asm.s", line: 30, depth: 8},
}
