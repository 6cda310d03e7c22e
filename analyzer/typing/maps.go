package typing

import (
	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// mapTypes is where the structures of maps have their fields.
type mapTypes struct {
	header, table, tables gotypes.ID // tables: pointer to a table
	headerSize, tableSize uint64
	swiss                 bool

	// runtime.hmap
	b, buckets, oldBuckets, flags, extra uint64
	mapExtra                             index
	overflow, oldOverflow                uint64 // in runtime.mapextra

	// internal/runtime/maps.Map and table
	dirPtr, dirLen    uint64
	groups, groupMask uint64
}

// sameSizeGrow is the flag of a map that grows without more buckets (map.go,
// map_noswiss.go).
const sameSizeGrow = 8

func (f *inference) bindMaps() {
	m := &f.maps
	m.swiss = f.process.Layout().Has(layout.SwissMaps)
	if !m.swiss {
		m.header, _ = f.types.ByName("runtime.hmap")
		t := f.fields(m.header)
		m.headerSize = t.size
		m.b, m.buckets, m.oldBuckets = t.at("B"), t.at("buckets"), t.at("oldbuckets")
		m.flags, m.extra = t.at("flags"), t.at("extra")
		extra, _ := f.types.ByName("runtime.mapextra")
		m.mapExtra = f.single(extra)
		e := f.fields(extra)
		m.overflow, m.oldOverflow = e.at("overflow"), e.at("oldoverflow")
		if t.missing || t.size < m.extra+8 {
			m.header = 0
		}
		if e.missing {
			m.mapExtra = unknownIndex
		}
		return
	}
	m.header, _ = f.types.ByName("internal/runtime/maps.Map")
	m.table, _ = f.types.ByName("internal/runtime/maps.table")
	m.tables, _ = f.types.ByName("*internal/runtime/maps.table")
	t := f.fields(m.header)
	m.headerSize = t.size
	m.dirPtr, m.dirLen = t.at("dirPtr"), t.at("dirLen")
	table := f.fields(m.table)
	groups := f.fields(table.types["groups"])
	m.groups, m.groupMask = table.at("groups")+groups.at("data"), table.at("groups")+groups.at("lengthMask")
	m.tableSize = table.size
	if t.missing || table.missing || groups.missing {
		m.header = 0
	}
}

// fieldTable is the fields of a struct by name.
type fieldTable struct {
	size    uint64
	offsets map[string]uint64
	types   map[string]gotypes.ID
	missing bool // one was asked for that is not there
}

func (f *inference) fields(id gotypes.ID) *fieldTable {
	t := f.types.Type(id)
	table := &fieldTable{size: t.Size, offsets: make(map[string]uint64), types: make(map[string]gotypes.ID)}
	for i := range t.Fields {
		table.offsets[t.Fields[i].Name], table.types[t.Fields[i].Name] = t.Fields[i].Offset, t.Fields[i].Type
	}
	return table
}

func (t *fieldTable) at(name string) uint64 {
	at, ok := t.offsets[name]
	if !ok {
		t.missing = true
	}
	return at
}

// mapHeader returns the entry of the header of maps of a type.
func (f *inference) mapHeader(id gotypes.ID) index {
	if f.maps.header == 0 || id == 0 {
		return unknownIndex
	}
	return f.entryOf(identity{typ: f.maps.header, m: f.canonicalMap(id), form: MapHeader})
}

// mapParts returns the entry of a map's buckets or groups.
func (f *inference) mapParts(id gotypes.ID) index {
	form := MapBuckets
	if f.maps.swiss {
		form = MapGroups
	}
	if i, ok := f.parts[id]; ok {
		return i
	}
	i := unknownIndex
	if m := f.types.Map(id); m != nil && m.Group != 0 {
		i = f.entryOf(identity{typ: m.Group, m: id, form: form})
	}
	f.parts[id] = i
	return i
}

// scanMapHeader claims what a map's header leads to.
func (f *inference) scanMapHeader(id gotypes.ID, mem []byte) {
	m := &f.maps
	if uint64(len(mem)) < m.headerSize {
		return
	}
	parts := f.mapParts(id)
	size := f.entries[parts].size
	if m.swiss {
		dir, n := image.Addr(word64(mem[m.dirPtr:])), word64(mem[m.dirLen:])
		switch {
		case n == 0:
			f.claim(dir, size, parts, Owner)
		case n < 1<<40:
			f.claim(dir, 8*n, f.entryOf(identity{typ: m.tables, m: id, form: MapDirectory}), Owner)
		}
		return
	}
	if b := mem[m.b]; b < 40 {
		f.claimBuckets(image.Addr(word64(mem[m.buckets:])), b, parts)
		if b > 0 && mem[m.flags]&sameSizeGrow == 0 {
			b--
		}
		f.claimBuckets(image.Addr(word64(mem[m.oldBuckets:])), b, parts)
	}
	if extra := image.Addr(word64(mem[m.extra:])); extra != 0 && m.mapExtra != unknownIndex {
		f.claim(extra, f.entries[m.mapExtra].size, m.mapExtra, Owner)
		f.claimOverflow(extra+image.Addr(m.overflow), parts)
		f.claimOverflow(extra+image.Addr(m.oldOverflow), parts)
	}
}

// claimBuckets claims an array of 2^b buckets, and those that are made along with
// it to chain to the others when there are 16 or more (map.go, makeBucketArray).
func (f *inference) claimBuckets(at image.Addr, b uint8, parts index) {
	n := uint64(1) << b
	if b >= 4 {
		n += 1 << (b - 4)
	}
	f.claim(at, n*f.entries[parts].size, parts, Owner)
}

// maxOverflow bounds the list of a map's overflow buckets.
const maxOverflow = 1 << 24

// claimOverflow claims the buckets that a map without pointers lists, since its
// buckets themselves hold none: at at is the address of a slice of them.
func (f *inference) claimOverflow(at image.Addr, parts index) {
	list, err := f.image.Addr(at)
	if err != nil || list == 0 || f.entries[parts].size == 0 {
		return
	}
	c := f.image.Cursor()
	data, n := c.Addr(list), c.Uint64(list+8)
	if c.Err() != nil || n > maxOverflow || !f.charge(8*n) {
		return
	}
	b, err := f.image.Bytes(data, 8*n)
	if err != nil {
		return
	}
	for ; len(b) >= 8; b = b[8:] {
		f.claim(image.Addr(word64(b)), f.entries[parts].size, parts, Owner)
	}
}

// scanDirectory claims the tables of a map; one may be listed many times.
func (f *inference) scanDirectory(id gotypes.ID, mem []byte) {
	table := f.entryOf(identity{typ: f.maps.table, m: id, form: MapTable})
	var last image.Addr
	for ; len(mem) >= 8; mem = mem[8:] {
		if a := image.Addr(word64(mem)); a != last {
			f.claim(a, f.maps.tableSize, table, Owner)
			last = a
		}
	}
}

// scanMapTable claims the groups of a table.
func (f *inference) scanMapTable(id gotypes.ID, mem []byte) {
	m := &f.maps
	if uint64(len(mem)) < m.tableSize {
		return
	}
	parts := f.mapParts(id)
	if n := word64(mem[m.groupMask:]) + 1; n > 0 && n < 1<<40 {
		f.claim(image.Addr(word64(mem[m.groups:])), n*f.entries[parts].size, parts, Owner)
	}
}
