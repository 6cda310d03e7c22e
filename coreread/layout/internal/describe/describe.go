// Package describe turns a binary's type descriptors into shapes. It decides
// nothing about which structs to believe.
package describe

import (
	"fmt"
	"reflect"

	"postmortem/coreread/exe"
	"postmortem/coreread/image"
	"postmortem/coreread/layout/internal/shape"
)

// maxFields bounds the fields of a struct and of everything in it by value.
const maxFields = 1 << 14

// Struct describes a struct and everything in it by value. The error wraps
// exe.ErrNoType when the binary has no descriptor of that name.
func Struct(types *exe.Types, name string) (*shape.Type, error) {
	s, err := types.Struct(name)
	if err != nil {
		return nil, err
	}
	w := walk{types: types}
	return w.structure(s.Name, s.Size, s.Fields, 0)
}

type walk struct {
	types  *exe.Types
	fields int
}

func (w *walk) structure(name string, size uint64, fields []exe.Field, depth int) (*shape.Type, error) {
	if depth > shape.MaxDepth {
		return nil, fmt.Errorf("descriptor of %s: nested more than %d deep", name, shape.MaxDepth)
	}
	if w.fields += len(fields); w.fields > maxFields {
		return nil, fmt.Errorf("descriptor of %s: more than %d fields", name, maxFields)
	}
	t := &shape.Type{Name: name, Size: size, Fields: make([]shape.Field, 0, len(fields))}
	for _, f := range fields {
		if f.Name == "_" || f.Size == 0 {
			continue
		}
		ft, err := w.field(f.TypeAddr, f.TypeName, f.Size, f.Kind, name+"."+f.Name, depth+1)
		if err != nil {
			return nil, err
		}
		t.Fields = append(t.Fields, shape.Field{Name: f.Name, Offset: f.Offset, Type: ft})
	}
	return t, nil
}

// field describes the type at addr; an unnamed struct is named by its place.
func (w *walk) field(addr image.Addr, name string, size uint64, kind reflect.Kind, place string, depth int) (*shape.Type, error) {
	if kind != reflect.Struct && kind != reflect.Array {
		return &shape.Type{Name: name, Size: size}, nil
	}
	if depth > shape.MaxDepth {
		return nil, fmt.Errorf("descriptor of %s: nested more than %d deep", place, shape.MaxDepth)
	}
	typ, err := w.types.At(addr)
	if err != nil {
		return nil, fmt.Errorf("descriptor of %s: %w", place, err)
	}
	if kind == reflect.Struct {
		full := place
		if typ.Named {
			full = fullName(typ)
		}
		if shape.IsScalarStruct(full) {
			return &shape.Type{Name: full, Size: size}, nil
		}
		return w.structure(full, size, typ.Fields, depth)
	}
	elem, err := w.types.At(typ.Elem)
	if err != nil {
		return nil, fmt.Errorf("descriptor of %s: %w", place, err)
	}
	et, err := w.field(typ.Elem, elem.String, elem.Size, elem.Kind, place+"[]", depth+1)
	if err != nil {
		return nil, err
	}
	return &shape.Type{Name: fmt.Sprintf("[%d]%s", typ.Len, et.Name), Size: size, Elem: et, Len: typ.Len}, nil
}

// fullName is the name with the whole package path, as DWARF has it.
func fullName(typ *exe.Type) string {
	for i := 0; i < len(typ.String); i++ {
		if typ.String[i] == '.' {
			return typ.PkgPath + typ.String[i:]
		}
	}
	return typ.String
}
