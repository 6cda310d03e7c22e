package gotypes

import (
	"reflect"

	"postmortem/coreread/image"
)

// Type is a Go type. It must not be changed.
type Type struct {
	// Name is the type as a Go programmer writes it, with the whole path of each
	// package: "example.com/app/store.User", "map[string]*main.T", "main.List[int]".
	// Tags of struct fields are left out.
	Name     string
	Kind     reflect.Kind // Invalid when what describes the type is damaged
	Size     uint64       // bytes
	PtrBytes uint64       // bytes up to the end of the last pointer
	Elem     ID           // of array, chan, map, pointer, slice
	Key      ID           // of map
	Len      uint64       // of array
	Fields   []Field      // of struct, by offset

	HasMethods bool       // of interface: its values begin with an itab
	Descriptor image.Addr // 0 when only DWARF has the type

	group   image.Addr   // of map: descriptor of its buckets or groups
	more    []image.Addr // descriptors that this one leads to besides
	special special
}

// Field is a field of a struct.
type Field struct {
	Name     string
	Type     ID
	Offset   uint64 // bytes
	Embedded bool
}

// unknown is the type with number 0.
var unknown = &Type{}

// Type returns the type with a number. It is never nil: of 0, and of a number
// that was not given, it is a Type of kind Invalid without a name.
func (u *Universe) Type(id ID) *Type { return u.typeAt(id, 0) }

// maxNesting bounds how deep a composed type can be built of others: what
// damaged descriptors make a circle of ends there.
const maxNesting = 100

// typeAt is Type inside of another type that is being decoded.
func (u *Universe) typeAt(id ID, nesting int) *Type {
	e := u.entry(id)
	if e == nil {
		return unknown
	}
	if t := e.typ.Load(); t != nil {
		return t
	}
	if nesting > maxNesting {
		return unknown
	}
	var t *Type
	if e.descriptor != 0 {
		t = u.decode(e.descriptor, nesting)
	} else {
		t = u.decodeDIE(e.die, nesting)
	}
	if !e.typ.CompareAndSwap(nil, t) {
		return e.typ.Load()
	}
	return t
}
