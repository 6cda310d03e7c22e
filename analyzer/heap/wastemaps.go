package heap

import (
	"cmp"

	"postmortem/analyzer/dominator"
	"postmortem/analyzer/facts"
	"postmortem/coreread/goheap"
	"postmortem/coreread/gort"
	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// What makes a map worth telling.
const (
	minMapSlots = 64
	minMapEmpty = 4 << 10 // bytes of its empty slots
	mapFullness = 4       // one in so many slots is taken, or fewer
)

// sparseMap is a map that has room for many more entries than it holds.
type sparseMap struct {
	object            goheap.Object // the header
	entries, capacity uint64
	bytes             uint64 // of the empty slots
}

// newSparseMap returns the map when it is one.
func newSparseMap(o goheap.Object, entries, capacity uint64, m *gotypes.MapLayout) (sparseMap, bool) {
	s := sparseMap{o, entries, capacity, 0}
	if capacity < minMapSlots || entries >= (capacity+mapFullness-1)/mapFullness {
		return s, false
	}
	s.bytes = (capacity - entries) * (m.GroupBytes / gotypes.MapSlots)
	return s, s.bytes >= minMapEmpty
}

// mapLayouts is where the structures of maps have their fields.
type mapLayouts struct {
	known bool
	swiss bool
	size  uint64 // of the header

	count, b, buckets uint64 // runtime.hmap

	used, dirPtr, dirLen uint64 // internal/runtime/maps.Map
	tableBytes           uint64
	capacity, groups     uint64 // internal/runtime/maps.table, the group's address comes first
}

func (m *mapLayouts) bind(p *gort.Process, u *gotypes.Universe) {
	m.known = true
	field := func(name, field string) uint64 {
		id, _ := u.ByName(name)
		for _, f := range u.Type(id).Fields {
			if f.Name == field {
				return f.Offset
			}
		}
		m.known = false
		return 0
	}
	size := func(name string) uint64 {
		id, _ := u.ByName(name)
		return u.Type(id).Size
	}
	if m.swiss = p.Layout().Has(layout.SwissMaps); !m.swiss {
		const header = "runtime.hmap"
		m.size = size(header)
		m.count, m.b, m.buckets = field(header, "count"), field(header, "B"), field(header, "buckets")
		m.known = m.known && m.size >= max(m.count, m.b, m.buckets)+8
		return
	}
	const header, table = "internal/runtime/maps.Map", "internal/runtime/maps.table"
	m.size, m.tableBytes = size(header), size(table)
	m.used, m.dirPtr, m.dirLen = field(header, "used"), field(header, "dirPtr"), field(header, "dirLen")
	m.capacity, m.groups = field(table, "capacity"), field(table, "groups")
	m.known = m.known && m.size >= max(m.used, m.dirPtr, m.dirLen)+8 && m.tableBytes >= max(m.capacity, m.groups)+8
}

// mapHeader looks at a map by its header. Those with several tables are
// completed later: here their capacity is 0.
func (r *headerReader) mapHeader(o goheap.Object, m *gotypes.MapLayout, mem []byte) {
	l := &r.layouts
	if !l.known || uint64(len(mem)) < l.size {
		return
	}
	var entries, capacity uint64
	if l.swiss {
		entries = word64(mem[l.used:])
		switch tables := word64(mem[l.dirLen:]); {
		case tables == 0: // one group
			return
		case tables > 1:
			r.maps = append(r.maps, sparseMap{object: o, entries: entries})
			return
		case entries < maxTableSlots/mapFullness:
			// Most maps are fuller, and end before their table is looked for.
			table, _ := r.Heap.Process().Image.Addr(image.Addr(word64(mem[l.dirPtr:])))
			capacity = r.tableSlots(table, m)
		}
	} else if b := mem[l.b]; b <= 40 {
		entries, capacity = word64(mem[l.count:]), gotypes.MapSlots<<b
		if entries >= capacity/mapFullness {
			return
		}
		capacity = r.slotsAt(image.Addr(word64(mem[l.buckets:])), capacity, m)
	}
	if s, ok := newSparseMap(o, entries, capacity, m); ok {
		r.maps = append(r.maps, s)
	}
}

// maxTableSlots is how many slots a table may have (internal/runtime/maps/table.go,
// maxTableCapacity), in all versions.
const maxTableSlots = 1024

// tableSlots returns how many slots a table has; 0 when it cannot be one.
func (h *headers) tableSlots(table image.Addr, m *gotypes.MapLayout) uint64 {
	l := &h.layouts
	mem, err := h.Heap.Process().Image.Bytes(table, l.tableBytes)
	if err != nil {
		return 0
	}
	slots := uint64(mem[l.capacity]) | uint64(mem[l.capacity+1])<<8
	return h.slotsAt(image.Addr(word64(mem[l.groups:])), slots, m)
}

// slotsAt returns how many slots the buckets or groups at an address have, 0 when
// the object there has no room for so many.
func (h *headers) slotsAt(at image.Addr, slots uint64, m *gotypes.MapLayout) uint64 {
	o, off, ok := h.Heap.Find(at)
	if !ok || off != 0 || slots/gotypes.MapSlots*m.GroupBytes > h.Heap.SpanOf(o).ElemBytes {
		return 0
	}
	return slots
}

// manyTables completes a map with several tables. A directory lists a table in
// several places that follow one another. Each directory belongs to one map.
func (h *headers) manyTables(s *sparseMap, seen dominator.Set) bool {
	l, im := &h.layouts, h.Heap.Process().Image
	m := h.programs[h.Types.Of[s.object]].header
	mem := h.Heap.Memory(s.object)
	directory, off, ok := h.Heap.Find(image.Addr(word64(mem[l.dirPtr:])))
	if n := word64(mem[l.dirLen:]); !ok || off != 0 || seen.Has(uint32(directory)) || n > h.Heap.Size(directory)/8 {
		return false
	}
	seen.Add(uint32(directory))
	list, err := im.Bytes(h.Heap.Address(directory), 8*word64(mem[l.dirLen:]))
	if err != nil {
		return false
	}
	var last uint64
	for ; len(list) >= 8; list = list[8:] {
		if table := word64(list); table != last {
			s.capacity += h.tableSlots(image.Addr(table), m)
			last = table
		}
	}
	*s, ok = newSparseMap(s.object, s.entries, s.capacity, m)
	return ok
}

// sparseMaps are the maps that are worth telling.
type sparseMaps struct {
	*referrers
	count, bytes uint64
	top          []sparseMap
}

// sparseMaps finds the maps that are mostly empty, and chooses those at the top,
// whose holders the referrers will tell.
func (h *headers) sparseMaps(r *referrers) *sparseMaps {
	all := &sparseMaps{referrers: r}
	seen := dominator.NewSet(h.Heap.Objects())
	byBytes := func(a, b sparseMap) int {
		return cmp.Or(-cmp.Compare(a.bytes, b.bytes), cmp.Compare(a.object, b.object))
	}
	for _, list := range h.maps {
		for i := range list {
			s := &list[i]
			if s.capacity == 0 && !h.manyTables(s, seen) {
				continue
			}
			all.count++
			all.bytes += s.bytes
			if all.top = append(all.top, *s); len(all.top) >= 16*facts.WasteTopCap {
				top(&all.top, facts.WasteTopCap, byBytes)
			}
		}
	}
	top(&all.top, facts.WasteTopCap, byBytes)
	for i := range all.top {
		r.choose(all.top[i].object)
	}
	return all
}

// facts tells them; nil when nothing says how maps are made up.
func (s *sparseMaps) facts() *facts.SparseMaps {
	if !s.layouts.known {
		return nil
	}
	doc := &facts.SparseMaps{Count: s.count, Bytes: s.bytes, Top: []facts.SparseMap{}, TopTotal: int(s.count)}
	for i := range s.top {
		m := &s.top[i]
		f := facts.SparseMap{
			Address: facts.Word(s.Heap.Address(m.object)), Type: facts.Some(s.Types.Name(s.Types.Of[m.object])),
			Entries: m.entries, Capacity: m.capacity, Bytes: m.bytes,
		}
		if e := s.of(m.object); e != nil {
			f.Holder = s.name(e.holder)
		}
		doc.Top = append(doc.Top, f)
	}
	return doc
}
