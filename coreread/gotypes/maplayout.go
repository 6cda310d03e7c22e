package gotypes

import "reflect"

// MapLayout is where a map keeps its keys and elements: in buckets until Go 1.23,
// in groups of slots (Swiss tables) since 1.24. Both hold MapSlots entries.
// Offsets are bytes from the start of a bucket or group.
type MapLayout struct {
	Swiss     bool
	Key, Elem ID
	// IndirectKey and IndirectElem say that a slot holds a pointer to the key or element.
	IndirectKey, IndirectElem bool

	Group      ID     // the type of a bucket or group; 0 when nothing describes it
	GroupBytes uint64 // size of a bucket or group
	// Keys and Elems are where those of slot 0 are; slot i's are i strides behind.
	// Control bytes (Swiss) or hash bytes of the slots stand at 0, one for each.
	Keys, KeyStride   uint64
	Elems, ElemStride uint64
	Overflow          uint64 // of the pointer to the next bucket; 0 for Swiss
}

// MapSlots is how many entries a bucket or a group has, in all versions
// (internal/abi/map.go).
const MapSlots = 8

// maxMapInline is the largest key or element that stands in a slot itself
// (internal/abi/map.go, MapMaxKeyBytes), in all versions.
const maxMapInline = 128

// Map returns the layout of a map type; nil for any other type, and for one whose key or
// element is not known.
func (u *Universe) Map(id ID) *MapLayout {
	t := u.Type(id)
	if t.Kind != reflect.Map || t.Key == 0 || t.Elem == 0 {
		return nil
	}
	m := &MapLayout{Swiss: u.swiss, Key: t.Key, Elem: t.Elem}
	if group := u.ref(t.group); t.group != 0 && m.fromGroup(u, group) {
		return m
	}
	m.compute(u)
	return m
}

// fromGroup reads the layout off the type that the compiler made for a bucket or
// a group (cmd/compile/internal/reflectdata/map*.go).
func (m *MapLayout) fromGroup(u *Universe, group ID) bool {
	g := u.Type(group)
	if g.Kind != reflect.Struct || len(g.Fields) < 2 {
		return false
	}
	m.Group, m.GroupBytes = group, g.Size
	var key, elem ID
	if slots := u.Type(g.Fields[1].Type); len(g.Fields) == 2 {
		// ctrl uint64; slots [8]struct{ key K; elem E }
		slot := u.Type(slots.Elem)
		if slots.Kind != reflect.Array || slots.Len != MapSlots || slot.Kind != reflect.Struct || len(slot.Fields) < 2 {
			return false
		}
		at := g.Fields[1].Offset
		m.Keys, m.Elems = at+slot.Fields[0].Offset, at+slot.Fields[1].Offset
		m.KeyStride, m.ElemStride = slot.Size, slot.Size
		key, elem = slot.Fields[0].Type, slot.Fields[1].Type
	} else {
		// topbits [8]uint8 (or ctrl uint64); keys [8]K; elems [8]E; overflow
		keys, elems := u.Type(g.Fields[1].Type), u.Type(g.Fields[2].Type)
		if keys.Kind != reflect.Array || keys.Len != MapSlots || elems.Kind != reflect.Array || elems.Len != MapSlots {
			return false
		}
		m.Keys, m.Elems = g.Fields[1].Offset, g.Fields[2].Offset
		key, elem = keys.Elem, elems.Elem
		m.KeyStride, m.ElemStride = u.Type(key).Size, u.Type(elem).Size
		if !m.Swiss && len(g.Fields) > 3 {
			m.Overflow = g.Fields[len(g.Fields)-1].Offset
		}
	}
	m.IndirectKey = u.Type(m.Key).Size > maxMapInline
	m.IndirectElem = u.Type(m.Elem).Size > maxMapInline
	return u.slotFits(key, m.Key, m.IndirectKey) && u.slotFits(elem, m.Elem, m.IndirectElem)
}

// slotFits reports whether a slot's type is that of what it is to hold.
func (u *Universe) slotFits(slot, of ID, indirect bool) bool {
	s := u.Type(slot)
	if indirect {
		return s.Size == 8 && s.PtrBytes == 8
	}
	return s.Size == u.Type(of).Size
}

// compute does what the compiler and reflect.MapOf do. Of maps that reflect made
// until Go 1.23 the bucket's descriptor has no fields.
func (m *MapLayout) compute(u *Universe) {
	slot := func(id ID) (size, align uint64, indirect bool) {
		if t := u.Type(id); t.Size <= maxMapInline {
			return t.Size, u.align(id, 0), false
		}
		return 8, 8, true
	}
	keySize, keyAlign, indirectKey := slot(m.Key)
	elemSize, elemAlign, indirectElem := slot(m.Elem)
	*m = MapLayout{Swiss: m.Swiss, Key: m.Key, Elem: m.Elem, IndirectKey: indirectKey, IndirectElem: indirectElem, Keys: 8}
	if !m.Swiss {
		m.KeyStride, m.ElemStride = keySize, elemSize
		m.Elems = roundUp(m.Keys+MapSlots*keySize, elemAlign)
		m.Overflow = roundUp(m.Elems+MapSlots*elemSize, 8)
		m.GroupBytes = m.Overflow + 8
		return
	}
	elemAt := roundUp(keySize, elemAlign)
	stride := elemAt + elemSize
	if elemSize == 0 && keySize > 0 {
		stride++ // so that a pointer to the element stays inside
	}
	stride = roundUp(stride, max(keyAlign, elemAlign))
	m.KeyStride, m.ElemStride, m.Elems = stride, stride, m.Keys+elemAt
	m.GroupBytes = roundUp(m.Keys+MapSlots*stride, 8)
}

func roundUp(n, to uint64) uint64 { return (n + to - 1) / to * to }

// align returns the alignment of a type's values (bytes).
func (u *Universe) align(id ID, nesting int) uint64 {
	t := u.Type(id)
	if nesting > maxNesting {
		return 1
	}
	switch t.Kind {
	case reflect.Array:
		return u.align(t.Elem, nesting+1)
	case reflect.Struct:
		most := uint64(1)
		for i := range t.Fields {
			most = max(most, u.align(t.Fields[i].Type, nesting+1))
		}
		return most
	}
	switch {
	case t.Size == 0:
		return 1
	case t.Kind == reflect.Complex64:
		return 4
	}
	return min(t.Size&-t.Size, 8)
}
