package exe

import (
	"fmt"

	"postmortem/coreread/image"
)

// Slice is a slice header in the program's memory.
type Slice struct {
	Ptr      image.Addr
	Len, Cap uint64 // elements
}

// ModuleData is runtime.firstmoduledata: where the parts of the program are.
// Words that the Go version does not have are zero; so are those that only the running
// process fills (read these from a core with Binary.ModuleAt).
type ModuleData struct {
	Addr image.Addr // its own

	PCHeader    image.Addr
	FuncNameTab Slice // bytes
	CUTab       Slice // uint32
	FileTab     Slice // bytes
	PCTab       Slice // bytes
	PCLNTable   Slice // bytes
	FTab        Slice // functab, 8 bytes each
	FindFuncTab image.Addr
	MinPC       image.Addr // of the first function
	MaxPC       image.Addr // end of the last one, exclusive

	// Each pair is a range, the end exclusive.
	Text, EText           image.Addr
	NoPtrData, ENoPtrData image.Addr
	Data, EData           image.Addr
	BSS, EBSS             image.Addr
	NoPtrBSS, ENoPtrBSS   image.Addr
	CovCtrs, ECovCtrs     image.Addr // 1.20+
	End                   image.Addr
	GCData, GCBSS         image.Addr // GC programs
	Types, ETypes         image.Addr
	RoData                image.Addr
	GoFunc                image.Addr // base of function data
	EPCLNTab              image.Addr // 1.26+

	TextSectMap Slice  // textsect, 24 bytes each
	TypeLinks   Slice  // int32 offsets from Types, until 1.26
	ITabLinks   Slice  // *itab, until 1.26
	TypeDescLen uint64 // 1.27+: bytes from Types on that hold the linked descriptors
	ITabOffset  uint64 // 1.27+: from Types
	ITabSize    uint64 // 1.27+: bytes

	GCDataMask, GCBSSMask BitVector // filled by the running process
	Next                  image.Addr

	layout *moduleLayout
}

// BitVector is the runtime's bitvector: one bit per word, low bit first.
type BitVector struct {
	Bits int32
	Data image.Addr
}

// Offset returns where the field of the runtime's name, like "gcdatamask", lies
// in the structure (bytes).
func (m *ModuleData) Offset(field string) (uint64, bool) {
	off, ok := m.layout.offsets[field]
	return off, ok
}

// Bytes returns the structure's size.
func (m *ModuleData) Bytes() uint64 { return m.layout.size }

// moduleField is a row of the history of runtime.moduledata (runtime/symtab.go).
// The order of rows is the order in memory.
type moduleField struct {
	name         string
	since, until int // minor versions of Go 1, until exclusive; 0 means no bound
	kind         fieldKind
	set          func(*ModuleData) any // *image.Addr, *uint64, *Slice or *BitVector to decode into; nil if not wanted
}

// fieldKind is the shape of a field.
type fieldKind struct{ size, align uint64 }

var (
	kindWord   = fieldKind{8, 8}
	kindSlice  = fieldKind{24, 8}
	kindString = fieldKind{16, 8}
	kindByte   = fieldKind{1, 1}
	kindBits   = fieldKind{16, 8} // bitvector: int32, pointer
)

// Releases for which the tables of this package are made, as minor versions.
const (
	firstRelease = 18
	lastRelease  = 27
)

func knownRelease(minor int) bool { return firstRelease <= minor && minor <= lastRelease }

// moduleFields is checked against the descriptors of runtime.moduledata in
// binaries of every version.
var moduleFields = []moduleField{
	{"pcHeader", 0, 0, kindWord, func(m *ModuleData) any { return &m.PCHeader }},
	{"funcnametab", 0, 0, kindSlice, func(m *ModuleData) any { return &m.FuncNameTab }},
	{"cutab", 0, 0, kindSlice, func(m *ModuleData) any { return &m.CUTab }},
	{"filetab", 0, 0, kindSlice, func(m *ModuleData) any { return &m.FileTab }},
	{"pctab", 0, 0, kindSlice, func(m *ModuleData) any { return &m.PCTab }},
	{"pclntable", 0, 0, kindSlice, func(m *ModuleData) any { return &m.PCLNTable }},
	{"ftab", 0, 0, kindSlice, func(m *ModuleData) any { return &m.FTab }},
	{"findfunctab", 0, 0, kindWord, func(m *ModuleData) any { return &m.FindFuncTab }},
	{"minpc", 0, 0, kindWord, func(m *ModuleData) any { return &m.MinPC }},
	{"maxpc", 0, 0, kindWord, func(m *ModuleData) any { return &m.MaxPC }},
	{"text", 0, 0, kindWord, func(m *ModuleData) any { return &m.Text }},
	{"etext", 0, 0, kindWord, func(m *ModuleData) any { return &m.EText }},
	{"noptrdata", 0, 0, kindWord, func(m *ModuleData) any { return &m.NoPtrData }},
	{"enoptrdata", 0, 0, kindWord, func(m *ModuleData) any { return &m.ENoPtrData }},
	{"data", 0, 0, kindWord, func(m *ModuleData) any { return &m.Data }},
	{"edata", 0, 0, kindWord, func(m *ModuleData) any { return &m.EData }},
	{"bss", 0, 0, kindWord, func(m *ModuleData) any { return &m.BSS }},
	{"ebss", 0, 0, kindWord, func(m *ModuleData) any { return &m.EBSS }},
	{"noptrbss", 0, 0, kindWord, func(m *ModuleData) any { return &m.NoPtrBSS }},
	{"enoptrbss", 0, 0, kindWord, func(m *ModuleData) any { return &m.ENoPtrBSS }},
	{"covctrs", 20, 0, kindWord, func(m *ModuleData) any { return &m.CovCtrs }},
	{"ecovctrs", 20, 0, kindWord, func(m *ModuleData) any { return &m.ECovCtrs }},
	{"end", 0, 0, kindWord, func(m *ModuleData) any { return &m.End }},
	{"gcdata", 0, 0, kindWord, func(m *ModuleData) any { return &m.GCData }},
	{"gcbss", 0, 0, kindWord, func(m *ModuleData) any { return &m.GCBSS }},
	{"types", 0, 0, kindWord, func(m *ModuleData) any { return &m.Types }},
	{"typedesclen", 27, 0, kindWord, func(m *ModuleData) any { return &m.TypeDescLen }},
	{"etypes", 0, 0, kindWord, func(m *ModuleData) any { return &m.ETypes }},
	{"itaboffset", 27, 0, kindWord, func(m *ModuleData) any { return &m.ITabOffset }},
	{"itabsize", 27, 0, kindWord, func(m *ModuleData) any { return &m.ITabSize }},
	{"rodata", 0, 0, kindWord, func(m *ModuleData) any { return &m.RoData }},
	{"gofunc", 0, 0, kindWord, func(m *ModuleData) any { return &m.GoFunc }},
	{"epclntab", 26, 0, kindWord, func(m *ModuleData) any { return &m.EPCLNTab }},
	{"textsectmap", 0, 0, kindSlice, func(m *ModuleData) any { return &m.TextSectMap }},
	{"typelinks", 0, 27, kindSlice, func(m *ModuleData) any { return &m.TypeLinks }},
	{"itablinks", 0, 27, kindSlice, func(m *ModuleData) any { return &m.ITabLinks }},
	{"ptab", 0, 0, kindSlice, nil},
	{"pluginpath", 0, 0, kindString, nil},
	{"pkghashes", 0, 0, kindSlice, nil},
	{"inittasks", 21, 0, kindSlice, nil},
	{"modulename", 0, 0, kindString, nil},
	{"modulehashes", 0, 0, kindSlice, nil},
	{"hasmain", 0, 0, kindByte, nil},
	{"bad", 23, 0, kindByte, nil},
	{"gcdatamask", 0, 0, kindBits, func(m *ModuleData) any { return &m.GCDataMask }},
	{"gcbssmask", 0, 0, kindBits, func(m *ModuleData) any { return &m.GCBSSMask }},
	{"typemap", 0, 0, kindWord, nil},
	{"bad", 0, 23, kindByte, nil},
	{"next", 0, 0, kindWord, func(m *ModuleData) any { return &m.Next }},
}

// moduleLayout is where the fields are in one version.
type moduleLayout struct {
	offsets map[string]uint64
	size    uint64
}

// layoutOfRelease lays the fields of a minor version out as the compiler does.
func layoutOfRelease(minor int) *moduleLayout {
	l := &moduleLayout{offsets: make(map[string]uint64)}
	for _, f := range moduleFields {
		if minor < f.since || f.until != 0 && minor >= f.until {
			continue
		}
		l.size = (l.size + f.kind.align - 1) &^ (f.kind.align - 1)
		l.offsets[f.name] = l.size
		l.size += f.kind.size
	}
	l.size = (l.size + 7) &^ 7
	return l
}

// decode reads the structure at addr.
func (l *moduleLayout) decode(m *image.Image, addr image.Addr) (*ModuleData, error) {
	module := &ModuleData{Addr: addr, layout: l}
	c := m.Cursor()
	done := make(map[string]bool)
	for _, f := range moduleFields {
		off, ok := l.offsets[f.name]
		if !ok || f.set == nil || done[f.name] {
			continue
		}
		done[f.name] = true
		at := addr + image.Addr(off)
		switch p := f.set(module).(type) {
		case *image.Addr:
			*p = c.Addr(at)
		case *uint64:
			*p = c.Uint64(at)
		case *Slice:
			*p = Slice{c.Addr(at), c.Uint64(at + 8), c.Uint64(at + 16)}
		case *BitVector:
			*p = BitVector{c.Int32(at), c.Addr(at + 8)}
		}
	}
	if err := c.Err(); err != nil {
		return nil, fmt.Errorf("reading module data at %v: %w", addr, err)
	}
	return module, nil
}

// ModuleAt decodes a moduledata of this binary's Go version from other memory,
// such as a process's: its addresses are the process's own then.
func (b *Binary) ModuleAt(m *image.Image, addr image.Addr) (*ModuleData, error) {
	return b.module.layout.decode(m, addr)
}

// checkSlices tells which of the tables is none that the linker wrote: their
// length is their capacity, and their bytes are in the file. A layout of the wrong
// version yields slices made of other fields.
func (m *ModuleData) checkSlices(file *image.Image) error {
	for _, s := range []struct {
		name string
		Slice
		size uint64
	}{
		{"funcnametab", m.FuncNameTab, 1}, {"cutab", m.CUTab, 4}, {"filetab", m.FileTab, 1}, {"pctab", m.PCTab, 1},
		{"pclntable", m.PCLNTable, 1}, {"textsectmap", m.TextSectMap, textSectionBytes},
		{"typelinks", m.TypeLinks, 4}, {"itablinks", m.ITabLinks, 8},
	} {
		if s.Len == 0 && s.Cap == 0 {
			continue
		}
		bytes := image.Range{Start: s.Ptr, End: s.Ptr + image.Addr(s.Len*s.size)}
		if s.Len != s.Cap || s.Len > maxTable || file.Missing(bytes) > 0 {
			return fmt.Errorf("%s of %d and capacity %d at %v is no table of the file", s.name, s.Len, s.Cap, s.Ptr)
		}
	}
	return nil
}

// maxTable bounds the entries of a table of the linker.
const maxTable = 1 << 32

// plausible tells what contradicts that m is the module data of a program whose
// function table begins at header (runtime/symtab.go, moduledataverify1, and the linker's order of ranges).
func (m *ModuleData) plausible(header image.Addr) error {
	ordered := func(what string, a ...image.Addr) error {
		for i := 1; i < len(a); i++ {
			if a[i-1] > a[i] {
				return fmt.Errorf("%s out of order (%v > %v)", what, a[i-1], a[i])
			}
		}
		return nil
	}
	if m.PCHeader != header {
		return fmt.Errorf("function table at %v, not %v", m.PCHeader, header)
	}
	if m.FTab.Len < 2 || m.FTab.Ptr != m.PCLNTable.Ptr || m.PCLNTable.Len == 0 {
		return fmt.Errorf("%d functions at %v in a table of %d bytes at %v", m.FTab.Len, m.FTab.Ptr, m.PCLNTable.Len, m.PCLNTable.Ptr)
	}
	for _, err := range []error{
		ordered("text", m.Text, m.MinPC, m.MaxPC, m.EText),
		ordered("noptrdata", m.NoPtrData, m.ENoPtrData),
		ordered("data", m.Data, m.EData),
		ordered("bss", m.BSS, m.EBSS),
		ordered("noptrbss", m.NoPtrBSS, m.ENoPtrBSS),
		ordered("types", m.Types, m.ETypes),
		ordered("end", max(m.EData, m.EBSS, m.ENoPtrBSS), m.End),
	} {
		if err != nil {
			return err
		}
	}
	if m.Types == 0 || m.Text == 0 || m.GoFunc == 0 || m.MinPC == m.MaxPC {
		return fmt.Errorf("empty ranges")
	}
	if types := uint64(m.ETypes - m.Types); m.ITabOffset > types || m.ITabSize > types-m.ITabOffset {
		return fmt.Errorf("%#x bytes of itabs at %#x of %v-%v", m.ITabSize, m.ITabOffset, m.Types, m.ETypes)
	}
	if m.TypeDescLen > uint64(m.ETypes-m.Types) || m.TypeLinks.Len > uint64(m.ETypes-m.Types)/4 {
		return fmt.Errorf("more types than fit in %v-%v", m.Types, m.ETypes)
	}
	return nil
}
