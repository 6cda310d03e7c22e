// Package shape describes how a struct lies in memory: names, offsets and
// sizes of its fields, down to scalars. It does not know where the description
// came from, nor which Go version it belongs to.
package shape

import (
	"fmt"
	"strconv"
	"strings"
)

// MaxDepth bounds the nesting of structs and arrays by value. The deepest of
// the runtime's own is mheap.pages.scav.index.chunks with seven.
const MaxDepth = 24

// Type is a struct, an array or a scalar. Scalars are everything else: numbers,
// pointers, and also strings, slices, interfaces and the atomic wrappers, whose
// value is at their start.
type Type struct {
	Name   string  // as Go writes it; an unnamed struct is named by its place: "runtime.mheap.central[]"
	Size   uint64  // bytes
	Fields []Field // of a struct, by offset; without blank and zero-sized ones
	Elem   *Type   // of an array
	Len    uint64  // of an array, elements
}

// Field is one field of a struct.
type Field struct {
	Name   string
	Offset uint64 // bytes from the start of the struct
	Type   *Type
}

// IsStruct reports whether t has fields of its own.
func (t *Type) IsStruct() bool { return t.Elem == nil && t.Fields != nil }

// Field returns the field of that name.
func (t *Type) Field(name string) (Field, bool) {
	for _, f := range t.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return Field{}, false
}

// Locate follows a path of field names such as "sched.sp", where an array may
// be indexed: "central[3].mcentral" (without an index it is the array's start,
// "[]" is element 0). It returns the offset from the start of t and the type
// that lies there.
func (t *Type) Locate(path string) (offset uint64, at *Type, err error) {
	at = t
	for rest := path; rest != ""; {
		var step string
		step, rest, _ = strings.Cut(rest, ".")
		name, index, indexed := strings.Cut(step, "[")
		if at.Elem != nil {
			return 0, nil, fmt.Errorf("%s is an array: index it before .%s", at.Name, name)
		}
		f, ok := at.Field(name)
		if !ok {
			return 0, nil, &NoFieldError{Struct: t.Name, Path: path, In: at.Name, Field: name}
		}
		offset += f.Offset
		at = f.Type
		if !indexed {
			continue
		}
		i := uint64(0)
		if index = strings.TrimSuffix(index, "]"); index != "" {
			if i, err = strconv.ParseUint(index, 10, 32); err != nil {
				return 0, nil, fmt.Errorf("path %q of %s: index %q is not a number", path, t.Name, index)
			}
		}
		if at.Elem == nil || i >= at.Len {
			return 0, nil, fmt.Errorf("path %q of %s: no element %d in %s", path, t.Name, i, at.Name)
		}
		offset += i * at.Elem.Size
		at = at.Elem
	}
	return offset, at, nil
}

// NoFieldError is a path that names a field that the struct does not have.
type NoFieldError struct {
	Struct, Path string // what was asked
	In, Field    string // where the path ended
}

func (e *NoFieldError) Error() string {
	if e.Struct == e.In {
		return fmt.Sprintf("%s has no field %s", e.Struct, e.Field)
	}
	return fmt.Sprintf("%s has no %s: %s has no field %s", e.Struct, e.Path, e.In, e.Field)
}

// Check returns an error unless every field of t lies inside its struct.
func (t *Type) Check() error { return t.check(0) }

func (t *Type) check(depth int) error {
	if depth > MaxDepth {
		return fmt.Errorf("%s is nested more than %d deep", t.Name, MaxDepth)
	}
	if t.Elem != nil {
		if t.Elem.Size != 0 && t.Len > t.Size/t.Elem.Size {
			return fmt.Errorf("%s: %d elements of %d bytes do not fit in %d", t.Name, t.Len, t.Elem.Size, t.Size)
		}
		return t.Elem.check(depth + 1)
	}
	end := uint64(0)
	for _, f := range t.Fields {
		switch {
		case f.Offset < end:
			return fmt.Errorf("%s.%s at %d overlaps the field before it, which ends at %d", t.Name, f.Name, f.Offset, end)
		case f.Offset > t.Size || f.Type.Size > t.Size-f.Offset:
			return fmt.Errorf("%s.%s at %d has %d bytes and passes the end at %d", t.Name, f.Name, f.Offset, f.Type.Size, t.Size)
		}
		end = f.Offset + f.Type.Size
		if err := f.Type.check(depth + 1); err != nil {
			return err
		}
	}
	return nil
}

// IsAtomic reports whether name is one of the runtime's atomic wrapper types,
// which are scalars here: their value is their only field with a size
// (internal/runtime/atomic; runtime/internal/atomic until 1.22).
func IsAtomic(name string) bool {
	return strings.HasPrefix(name, "internal/runtime/atomic.") || strings.HasPrefix(name, "runtime/internal/atomic.") ||
		strings.HasPrefix(name, "sync/atomic.") || strings.HasPrefix(name, "atomic.")
}
