package typing

import (
	"reflect"

	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
)

// index is the number of an entry while types are inferred.
type index = uint32

// The entries that every table has.
const (
	unknownIndex index = iota
	tinyIndex
	stringIndex
)

// maxEntries leaves room for the class in an object's word.
const maxEntries = 1 << 24

// identity tells entries apart.
type identity struct {
	typ  gotypes.ID
	m    gotypes.ID
	code image.Addr
	form Form
}

// entry is what scanning and checking need of a type that objects have.
type entry struct {
	identity
	size     uint64 // bytes of one value; 0 when unknown
	words    uint64 // of one value, up to the last pointer
	mask     uint64 // which of the first 64 words are pointers
	bits     []uint64
	pointers bool // the value has pointers to follow
	repeated bool // as many values as fit
	unsized  bool // neither size nor pointers are known
	invalid  bool // no object can have it
	program  *program
	desc     image.Addr
}

// entryOf returns the index of an entry, which is made when it is new; 0 when
// there is no room or no such type.
func (f *inference) entryOf(id identity) index {
	if i, ok := f.byIdentity[id]; ok {
		return i
	}
	if len(f.entries) >= maxEntries {
		f.incomplete = "there are more types than can be told apart"
		return unknownIndex
	}
	e := entry{identity: id, repeated: repeats(id.form)}
	f.measure(&e)
	i := index(len(f.entries))
	if e.invalid {
		i = unknownIndex
	} else {
		f.entries = append(f.entries, e)
	}
	f.byIdentity[id] = i
	return i
}

func repeats(form Form) bool {
	switch form {
	case Array, MapBuckets, MapGroups, MapDirectory, ChanBuffer:
		return true
	}
	return false
}

// single and array return the entries of a value and of an array of a type.
func (f *inference) single(typ gotypes.ID) index { return f.ofType(typ, Single) }
func (f *inference) array(typ gotypes.ID) index  { return f.ofType(typ, Array) }

func (f *inference) ofType(typ gotypes.ID, form Form) index {
	if typ == 0 {
		return unknownIndex
	}
	return f.entryOf(identity{typ: typ, form: form})
}

// measure finds the size and the pointers of an entry's value.
func (f *inference) measure(e *entry) {
	switch e.form {
	case TinyBlock, StringData:
		e.unsized = true
		return
	case MapDirectory:
		e.size, e.words, e.mask, e.pointers = 8, 1, 1, true
		return
	case Closure:
		e.unsized = e.typ == 0
		if e.unsized {
			return
		}
	case Chan:
		// Its size depends on the buffer; scanning finds the buffer and its queues.
		f.channelShape(e)
		return
	case MapHeader:
		e.typ, e.size = f.maps.header, f.maps.headerSize
	case MapTable:
		e.typ = f.maps.table
	}
	t := f.types.Type(e.typ)
	if t.Kind == reflect.Invalid || t.Size == 0 {
		e.invalid = true
		return
	}
	e.size, e.desc = t.Size, t.Descriptor
	e.invalid = !f.readMask(e, t)
	e.pointers = e.words > 0 || e.form == MapHeader || e.form == MapTable
}

// readMask finds which words of a value are pointers.
func (f *inference) readMask(e *entry, t *gotypes.Type) bool {
	if t.Descriptor != 0 {
		m, size, err := f.types.GCMask(t.Descriptor)
		if err != nil || size != t.Size {
			return false
		}
		e.words, e.bits = m.Words, m.Bits
	} else if !f.maskOfSlots(e, t) {
		return false
	}
	if len(e.bits) > 0 {
		e.mask = e.bits[0]
	}
	return true
}

// maxMask bounds the masks that are made here, of types that only DWARF has (words).
const maxMask = 1 << 20

// maskOfSlots makes the mask of a type without a descriptor.
func (f *inference) maskOfSlots(e *entry, t *gotypes.Type) bool {
	words := (t.PtrBytes + 7) / 8
	if words > maxMask {
		return false
	}
	e.words, e.bits = words, make([]uint64, (words+63)/64)
	f.types.EachSlot(e.typ, 0, ^uint64(0), func(s gotypes.Slot) bool {
		word := s.Offset / 8
		if s.Kind == gotypes.Eface || s.Kind == gotypes.Iface {
			word++
		}
		if word < words {
			e.bits[word/64] |= 1 << (word % 64)
		}
		return true
	})
	return true
}

// canonicalMap returns one number for all map types of a key and an element, so
// that named and unnamed ones are one row.
func (f *inference) canonicalMap(id gotypes.ID) gotypes.ID {
	t := f.types.Type(id)
	k := [2]gotypes.ID{t.Key, t.Elem}
	if known, ok := f.mapOf[k]; ok {
		return known
	}
	f.mapOf[k] = id
	return id
}

// name returns an entry's name as a histogram shows it.
func (f *inference) name(e *entry) string {
	switch e.form {
	case TinyBlock:
		return "tiny block"
	case StringData:
		return "string data"
	case Array:
		return "[n]" + f.types.Type(e.typ).Name
	case MapHeader:
		return "map" + f.mapArguments(e.m)
	case MapBuckets:
		return "map.bucket" + f.mapArguments(e.m)
	case MapGroups:
		return "map.group" + f.mapArguments(e.m)
	case MapTable:
		return "map.table" + f.mapArguments(e.m)
	case MapDirectory:
		return "map.directory" + f.mapArguments(e.m)
	case Chan:
		return f.channelName(e.typ)
	case ChanBuffer:
		return f.channelName(e.typ) + " buffer"
	case Closure:
		return "func " + f.codeName(e.code)
	}
	return f.types.Type(e.typ).Name
}

func (f *inference) mapArguments(id gotypes.ID) string {
	t := f.types.Type(id)
	return "[" + f.types.Type(t.Key).Name + "]" + f.types.Type(t.Elem).Name
}

func (f *inference) channelName(elem gotypes.ID) string {
	name := f.types.Type(elem).Name
	if len(name) > 1 && name[:2] == "<-" {
		return "chan (" + name + ")"
	}
	return "chan " + name
}
