package exe

import (
	"fmt"
	"hash/maphash"
	"sort"
	"sync"

	"postmortem/coreread/image"
)

// pcHeader is the start of the function table (runtime/symtab.go, pcHeader):
// sizes, and where its parts begin, in bytes from the header.
type pcHeader struct {
	magic     uint32
	functions uint64
	textStart image.Addr // 0 since 1.26
	data      []byte     // from the header to the end of its segment

	funcNames, cu, files, pcTab, pcln uint64
}

// Offsets in pcHeader, the same in all versions.
const (
	headerFuncs     = 8  // int
	headerTextStart = 24 // address
	headerOffsets   = 32 // five words: funcname, cu, filetab, pctab, pcln
	headerBytes     = 72
	maxFunctions    = 1 << 24
)

// parsePCHeader checks the header that data begins with. All offsets it returns
// lie in data, in increasing order.
func parsePCHeader(data []byte, quantum byte) (*pcHeader, error) {
	if len(data) < headerBytes {
		return nil, fmt.Errorf("%d bytes of header, want %d", len(data), headerBytes)
	}
	h := &pcHeader{magic: order.Uint32(data), functions: order.Uint64(data[headerFuncs:]), textStart: image.Addr(order.Uint64(data[headerTextStart:])), data: data}
	if h.magic != magic120 && h.magic != magic118 && h.magic != magic116 {
		return nil, fmt.Errorf("magic number %#x is of no known version", h.magic)
	}
	if data[4] != 0 || data[5] != 0 || data[6] != quantum || data[7] != 8 {
		return nil, fmt.Errorf("header % x is not of this architecture", data[:8])
	}
	if h.magic == magic116 {
		return h, nil // has no textStart; nobody reads further
	}
	at := uint64(headerBytes)
	for i, p := range []*uint64{&h.funcNames, &h.cu, &h.files, &h.pcTab, &h.pcln} {
		*p = order.Uint64(data[headerOffsets+8*i:])
		if *p < at || *p > uint64(len(data)) {
			return nil, fmt.Errorf("part %d begins at %#x, want %#x to %#x", i, *p, at, len(data))
		}
		at = *p
	}
	// Every function has an 8-byte entry; the last one is followed by a 4-byte end.
	if h.functions == 0 || h.functions > maxFunctions || h.functions*8+4 > uint64(len(data))-h.pcln {
		return nil, fmt.Errorf("%d functions in %#x bytes", h.functions, uint64(len(data))-h.pcln)
	}
	return h, nil
}

// textSection is a piece of the text where the linker split it (runtime/symtab.go, textsect).
type textSection struct {
	start, end uint64 // offsets as the function table counts them
	base       image.Addr
}

const (
	textSectionBytes = 24
	maxTextSections  = 1 << 10
)

// FuncTable is the linker's table of functions (pclntab).
type FuncTable struct {
	image     *image.Image
	layout    *funcLayout
	quantum   byte
	text      image.Addr
	sections  []textSection // nil when the text is in one piece
	span      image.Range   // from the first function to the end of the last
	functions int

	pcln      []byte // entries of 8 bytes, then the functions' records, which the entries point into
	funcNames []byte
	cu        []byte // uint32 offsets into files
	files     []byte
	pcTab     []byte
	goFunc    image.Addr

	pages  []uint32 // first entry whose function ends after the start of a page of text
	byName func() *nameIndex
}

// textPage is the unit of FuncTable.pages (bytes of text).
const textPage = 4096

// newFuncTable reads the function table of a module.
func newFuncTable(m *image.Image, module *ModuleData, minor int, quantum byte) (*FuncTable, error) {
	s, ok := m.SegmentAt(module.PCHeader)
	if !ok {
		return nil, &image.FaultError{Addr: module.PCHeader, Len: headerBytes}
	}
	h, err := parsePCHeader(s.Data[module.PCHeader-s.Start:], quantum)
	if err != nil {
		return nil, err
	}
	if (h.magic == magic118) != (minor < 20) {
		return nil, fmt.Errorf("magic number %#x is not that of go1.%d", h.magic, minor)
	}
	if h.pcln != uint64(module.PCLNTable.Ptr-module.PCHeader) {
		return nil, fmt.Errorf("its functions begin %#x bytes after its start, and at %v by the module data", h.pcln, module.PCLNTable.Ptr)
	}
	if h.functions != module.FTab.Len-1 {
		return nil, fmt.Errorf("%d functions, %d by the module data", h.functions, module.FTab.Len-1)
	}
	if h.textStart != 0 && h.textStart != module.Text && minor < 26 {
		return nil, fmt.Errorf("text at %v, at %v by the module data", h.textStart, module.Text)
	}
	pcln := h.data[h.pcln:]
	pcln = pcln[:min(module.PCLNTable.Len, uint64(len(pcln)))]
	if h.functions*8+4 > uint64(len(pcln)) {
		return nil, fmt.Errorf("%d functions in a table of %#x bytes", h.functions, len(pcln))
	}
	t := &FuncTable{
		image: m, layout: funcLayoutOf(minor), quantum: quantum, text: module.Text, functions: int(h.functions),
		pcln: pcln, funcNames: h.data[h.funcNames:h.cu], cu: h.data[h.cu:h.files], files: h.data[h.files:h.pcTab], pcTab: h.data[h.pcTab:h.pcln],
		goFunc: module.GoFunc,
	}
	if err := t.readSections(module.TextSectMap); err != nil {
		return nil, err
	}
	if err := t.indexPages(uint64(module.EText - module.Text)); err != nil {
		return nil, err
	}
	if t.span.Start != module.MinPC || t.span.End != module.MaxPC {
		return nil, fmt.Errorf("functions from %v to %v, from %v to %v by the module data", t.span.Start, t.span.End, module.MinPC, module.MaxPC)
	}
	t.byName = sync.OnceValue(t.indexNames)
	return t, nil
}

// readSections reads the map of a text in several pieces.
func (t *FuncTable) readSections(s Slice) error {
	if s.Len <= 1 {
		return nil
	}
	if s.Len > maxTextSections {
		return fmt.Errorf("%d sections of text, want at most %d", s.Len, maxTextSections)
	}
	c := t.image.Cursor()
	for i := range s.Len {
		at := s.Ptr + image.Addr(i*textSectionBytes)
		t.sections = append(t.sections, textSection{c.Uint64(at), c.Uint64(at + 8), c.Addr(at + 16)})
	}
	if err := c.Err(); err != nil {
		return fmt.Errorf("reading the sections of text: %w", err)
	}
	return nil
}

// address returns where the offset off into the text stands (runtime/symtab.go, textAddr).
func (t *FuncTable) address(off uint32) image.Addr {
	for i, s := range t.sections {
		o := uint64(off)
		if o >= s.start && o < s.end || i == len(t.sections)-1 && o == s.end {
			return s.base + image.Addr(o-s.start)
		}
	}
	return t.text + image.Addr(off)
}

// offset is the inverse of address (runtime/symtab.go, textOff).
func (t *FuncTable) offset(pc image.Addr) (off uint32, ok bool) {
	for _, s := range t.sections {
		if pc >= s.base && uint64(pc-s.base) < s.end-s.start {
			return uint32(s.start + uint64(pc-s.base)), true
		}
	}
	if t.sections != nil || pc < t.text || uint64(pc-t.text) > 1<<32-1 {
		return 0, false
	}
	return uint32(pc - t.text), true
}

// entry returns the offset into the text at which function i starts; i may be
// the number of functions, for the end of the last one.
func (t *FuncTable) entry(i int) uint32 { return order.Uint32(t.pcln[8*i:]) }

// indexPages checks that functions are in order and indexes them by pages of
// text; textBytes bounds the index.
func (t *FuncTable) indexPages(textBytes uint64) error {
	end := t.entry(t.functions)
	if len(t.sections) == 0 && uint64(end) > textBytes {
		return fmt.Errorf("functions up to %#x in %#x bytes of text", end, textBytes)
	}
	prev := t.entry(0)
	if s, ok := t.image.SegmentAt(t.address(prev)); !ok || len(t.sections) == 0 && s.End < t.address(end) {
		return fmt.Errorf("text from %v to %v is not in the file", t.address(prev), t.address(end))
	}
	t.pages = make([]uint32, 0, uint64(end)/textPage+1)
	for i := 1; i <= t.functions; i++ {
		e := t.entry(i)
		if e < prev {
			return fmt.Errorf("entry %d is not in order (%#x after %#x)", i, e, prev)
		}
		for uint64(len(t.pages))*textPage < uint64(e) {
			t.pages = append(t.pages, uint32(i-1))
		}
		prev = e
	}
	t.span = image.Range{Start: t.address(t.entry(0)), End: t.address(end)}
	return nil
}

// Len returns the number of functions.
func (t *FuncTable) Len() int { return t.functions }

// Range returns the addresses from the first function's entry to the last one's end.
// C code may lie in between.
func (t *FuncTable) Range() image.Range { return t.span }

// Func returns the function number i, 0 ≤ i < Len(), in order of address; ok is
// false where the table has a hole or a damaged record.
func (t *FuncTable) Func(i int) (f Func, ok bool) {
	if i < 0 || i >= t.functions {
		return Func{}, false
	}
	off := order.Uint32(t.pcln[8*i+4:])
	return Func{table: t, index: uint32(i), record: off}, t.layout.holds(t.pcln, off)
}

// Find returns the function that contains pc. The padding behind a function
// counts as part of it.
func (t *FuncTable) Find(pc image.Addr) (Func, bool) {
	if !t.span.Contains(pc) {
		return Func{}, false
	}
	off, ok := t.offset(pc)
	if !ok || uint64(off)/textPage >= uint64(len(t.pages)) || off < t.entry(0) || off >= t.entry(t.functions) {
		return Func{}, false
	}
	// The last entry that is not above off lies between the first one that ends behind
	// the start of off's page and the first one that ends behind the next page's start.
	lo, hi := int(t.pages[off/textPage]), t.functions-1
	if next := off/textPage + 1; int(next) < len(t.pages) {
		hi = int(t.pages[next])
	}
	n := sort.Search(hi-lo+1, func(i int) bool { return t.entry(lo+i) > off })
	if n == 0 {
		return Func{}, false
	}
	return t.Func(lo + n - 1)
}

// ByName returns the function of that name, as it stands in the table. Where
// the linker made a wrapper of the same name, the function proper is returned; of several, the first.
func (t *FuncTable) ByName(name string) (Func, bool) {
	return t.byName().find(t, name)
}

// nameIndex is an open hash table of functions by name. It holds numbers only:
// names stay in the file.
type nameIndex struct {
	seed  maphash.Seed
	slots []uint32 // function number + 1; 0 is empty
}

func (t *FuncTable) indexNames() *nameIndex {
	size := 16
	for size < 2*t.functions {
		size *= 2
	}
	index := &nameIndex{seed: maphash.MakeSeed(), slots: make([]uint32, size)}
	for i := range t.functions {
		if f, ok := t.Func(i); ok {
			index.add(t, f)
		}
	}
	return index
}

func (x *nameIndex) add(t *FuncTable, f Func) {
	name := f.rawName()
	mask := uint64(len(x.slots) - 1)
	for at := maphash.Bytes(x.seed, name) & mask; ; at = (at + 1) & mask {
		if x.slots[at] == 0 {
			x.slots[at] = f.index + 1
			return
		}
		first, _ := t.Func(int(x.slots[at] - 1))
		if string(first.rawName()) == string(name) {
			if first.IsWrapper() && !f.IsWrapper() {
				x.slots[at] = f.index + 1
			}
			return
		}
	}
}

func (x *nameIndex) find(t *FuncTable, name string) (Func, bool) {
	mask := uint64(len(x.slots) - 1)
	for at := maphash.String(x.seed, name) & mask; x.slots[at] != 0; at = (at + 1) & mask {
		if f, ok := t.Func(int(x.slots[at] - 1)); string(f.rawName()) == name {
			return f, ok
		}
	}
	return Func{}, false
}
