package gotypes

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"postmortem/coreread/image"
)

// debugInfo is the binary's DWARF (version 4, and 5 since Go 1.25): where
// things are in it, found in one pass. All addresses in it are the binary's own.
type debugInfo struct {
	info, addr []byte // .debug_info, .debug_addr
	units      []unit // by offset
	abbrevs    map[uint64][]abbrev

	globals []globalDIE
	funcs   []funcDIE // by pc
	lone    []uint64  // offsets of types without a descriptor, in the order of the section
	linked  []uint64  // descriptors of the other types, from runtime.types
}

type globalDIE struct {
	addr image.Addr
	name []byte
	typ  uint64
}

type funcDIE struct {
	pc     image.Addr
	offset uint64
}

// sectionReader returns a section of the debug information, as exe.Binary.DebugSection does.
type sectionReader func(name string) ([]byte, error)

// readDebugInfo goes over all of the debug information. The error is why there is
// none, or where it is damaged; what was read before that is kept.
func readDebugInfo(section sectionReader) (*debugInfo, error) {
	d := &debugInfo{abbrevs: make(map[uint64][]abbrev)}
	var err error
	if d.info, err = section("info"); err != nil {
		return d, err
	}
	abbrevs, err := section("abbrev")
	if err != nil {
		return d, err
	}
	if d.addr, err = section("addr"); err != nil {
		return d, err
	}
	defer d.sort()
	for at := uint64(0); at < uint64(len(d.info)); {
		u, err := d.unit(at, abbrevs)
		if err != nil {
			return d, err
		}
		if u.isGo {
			if !d.scan(&u) {
				return d, fmt.Errorf(".debug_info is damaged in the unit at %#x", u.start)
			}
			d.units = append(d.units, u)
		}
		at = u.end
	}
	return d, nil
}

// sort orders what was noted by address.
func (d *debugInfo) sort() {
	slices.SortStableFunc(d.funcs, func(a, b funcDIE) int { return cmp.Compare(a.pc, b.pc) })
	slices.SortStableFunc(d.globals, func(a, b globalDIE) int { return cmp.Compare(a.addr, b.addr) })
}

// unit reads the header of the unit at an offset, and its own DIE.
func (d *debugInfo) unit(at uint64, abbrevs []byte) (unit, error) {
	c := cursor{data: d.info, at: at}
	length := c.u32()
	u := unit{start: at, end: c.at + length}
	u.version = c.u16()
	var table uint64
	if u.version >= 5 {
		kind := c.u8()
		addrBytes := c.u8()
		table = c.u32()
		if kind != 1 || addrBytes != 8 {
			u.version = 0 // nothing that Go writes
		}
	} else {
		table = c.u32()
		c.u8()
	}
	if c.bad || length >= 0xfffffff0 || u.end > uint64(len(d.info)) || u.end < c.at {
		return u, fmt.Errorf(".debug_info is damaged at %#x", at)
	}
	u.first = c.at
	known := false
	if u.abbrevs, known = d.abbrevs[table]; !known {
		u.abbrevs = readAbbrevs(abbrevs, table)
		d.abbrevs[table] = u.abbrevs
	}
	if u.version < 2 || u.version > 5 || u.abbrevs == nil {
		return u, nil // left out, as it is not of Go
	}
	c.data = d.info[:u.end]
	if a := u.head(&c); a != nil && a.tag == tagCompileUnit {
		d.describeUnit(&u, &c, a)
	}
	return u, nil
}

func (d *debugInfo) describeUnit(u *unit, c *cursor, a *abbrev) {
	for i := range a.attrs {
		v := u.read(c, a.attrs[i])
		switch a.attrs[i].attr {
		case attrLanguage:
			u.isGo = v.n == languageGo
		case attrLowPC:
			u.lowPC = v.n
		case attrAddrBase:
			u.addrBase = v.n
		}
	}
	u.isGo = u.isGo && !c.bad && a.children
}

// scan notes the unit's variables, functions and types; false when it is damaged.
func (d *debugInfo) scan(u *unit) bool {
	c := cursor{data: d.info[:u.end], at: u.first}
	if a := u.head(&c); a != nil {
		u.skip(&c, a)
	}
	for depth := 1; depth > 0 && !c.bad; {
		at := c.at
		a := u.head(&c)
		if a == nil {
			depth--
			continue
		}
		switch {
		case depth > 1:
			u.skip(&c, a)
		case a.tag == tagVariable:
			d.noteGlobal(u.die(&c, a, at))
		case a.tag == tagSubprogram:
			d.noteFunc(u, u.die(&c, a, at))
		case isType(a.tag):
			d.noteType(u.die(&c, a, at))
		default:
			u.skip(&c, a)
		}
		if a.children {
			depth++
		}
	}
	return !c.bad
}

func isType(tag uint32) bool {
	switch tag {
	case tagArray, tagPointer, tagStruct, tagSubroutine, tagTypedef, tagBase:
		return true
	}
	return false
}

func (d *debugInfo) noteGlobal(x die) {
	const opAddr = 0x03
	if e := x.location.bytes; len(e) == 9 && e[0] == opAddr && len(x.name) > 0 {
		c := cursor{data: e, at: 1}
		d.globals = append(d.globals, globalDIE{image.Addr(c.u64()), x.name, x.typ})
	}
}

// noteType passes over names for a type that stands elsewhere.
func (d *debugInfo) noteType(x die) {
	switch {
	case x.runtime != 0:
		d.linked = append(d.linked, x.runtime)
	case len(x.name) > 0 && (x.tag != tagTypedef || x.kind != 0):
		d.lone = append(d.lone, x.offset)
	}
}

func (d *debugInfo) noteFunc(u *unit, x die) {
	if pc, ok := d.address(u, x.low); ok {
		d.funcs = append(d.funcs, funcDIE{image.Addr(pc), x.offset})
	}
}

// address returns the value of an attribute that is an address.
func (d *debugInfo) address(u *unit, v value) (uint64, bool) {
	switch v.form {
	case formAddr:
		return v.n, true
	case formAddrx, formAddrx1, formAddrx2, formAddrx4:
		return d.indexed(u, v.n)
	}
	return 0, false
}

// indexed returns an entry of the unit's part of .debug_addr.
func (d *debugInfo) indexed(u *unit, i uint64) (uint64, bool) {
	if i > uint64(len(d.addr)) {
		return 0, false
	}
	c := cursor{data: d.addr, at: u.addrBase + 8*i}
	pc := c.u64()
	return pc, !c.bad
}

// unitOf returns the unit that holds an offset, nil when none of Go's does.
func (d *debugInfo) unitOf(offset uint64) *unit {
	i := sort.Search(len(d.units), func(i int) bool { return d.units[i].end > offset })
	if i == len(d.units) || offset < d.units[i].first {
		return nil
	}
	return &d.units[i]
}

// at reads the DIE at an offset and leaves the cursor behind it.
func (d *debugInfo) at(offset uint64) (die, *unit, cursor, bool) {
	u := d.unitOf(offset)
	if u == nil {
		return die{}, nil, cursor{}, false
	}
	c := cursor{data: d.info[:u.end], at: offset}
	a := u.head(&c)
	if a == nil {
		return die{}, nil, cursor{}, false
	}
	x := u.die(&c, a, offset)
	return x, u, c, !c.bad
}
