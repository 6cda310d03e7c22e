package layout

import (
	"errors"

	"postmortem/coreread/layout/internal/shape"
)

// Source is where the layout of a struct was read.
type Source string

const (
	FromDescriptor Source = "descriptor" // type descriptor in the binary
	FromTable      Source = "table"      // committed table of the Go release
	FromDWARF      Source = "dwarf"      // debugging information of the binary
)

// Struct is the layout of one struct of the runtime. It keeps the first error:
// readers ask for all their offsets once, check Err once, and then read memory.
// Offsets are bytes from the start of the struct. A path names fields with dots,
// down to scalars ("sched.sp"), and may index arrays ("central[2].mcentral");
// an array without an index is its first element's place. The atomic wrappers
// are scalars: "atomicstatus" is the place of the value. A Struct is not safe
// for concurrent use.
type Struct struct {
	name   string
	shape  *shape.Type
	source Source
	err    error
}

// Field is the place of a field.
type Field struct {
	Offset uint64 // bytes from the start of the struct
	Size   uint64 // bytes; readers of a field whose width changed take it from here
}

// Array is the place of an array field.
type Array struct {
	Offset uint64 // of element 0, in bytes from the start of the struct
	Stride uint64 // bytes from one element to the next
	Len    uint64 // elements
}

// Name returns the name of the struct as it was asked for.
func (s *Struct) Name() string { return s.name }

// Source says where the layout was read; empty when the struct is not known.
func (s *Struct) Source() Source { return s.source }

// Err returns the first error: the struct is not known, or a path that was
// asked for is not in it. It is an *UnsupportedError in the first case.
func (s *Struct) Err() error { return s.err }

// Size returns the size of the struct in bytes, 0 after an error.
func (s *Struct) Size() uint64 {
	if s.shape == nil {
		return 0
	}
	return s.shape.Size
}

// Offset returns where the field at path is. A field that is not there is an error.
func (s *Struct) Offset(path string) uint64 { return s.Field(path).Offset }

// Field returns the place and size of the field at path. A field that is not
// there is an error.
func (s *Struct) Field(path string) Field {
	offset, t := s.locate(path, true)
	if t == nil {
		return Field{}
	}
	return Field{offset, t.Size}
}

// Array returns the place of the array at path. A path that is not an array's is an error.
func (s *Struct) Array(path string) Array {
	offset, t := s.locate(path, true)
	if t == nil {
		return Array{}
	}
	if t.Elem == nil {
		s.fail(&PathError{Struct: s.name, Path: path, Err: errors.New("is no array")})
		return Array{}
	}
	return Array{offset, t.Elem.Size, t.Len}
}

// Optional returns where the field at path is, and whether this version has it.
func (s *Struct) Optional(path string) (offset uint64, ok bool) {
	offset, t := s.locate(path, false)
	return offset, t != nil
}

// OptionalField is Optional with the field's size.
func (s *Struct) OptionalField(path string) (f Field, ok bool) {
	offset, t := s.locate(path, false)
	if t == nil {
		return Field{}, false
	}
	return Field{offset, t.Size}, true
}

// OneOf returns where the first of the paths is that this version has: a field
// that was renamed, or moved into a struct ("elem.vu", "elem"). It is an error
// when there is none of them.
func (s *Struct) OneOf(paths ...string) uint64 {
	for i, path := range paths {
		if offset, t := s.locate(path, i == len(paths)-1); t != nil {
			return offset
		}
	}
	return 0
}

// locate finds the field at path; t is nil when it is not there, which is an
// error only if it is required.
func (s *Struct) locate(path string, required bool) (offset uint64, t *shape.Type) {
	if s.shape == nil {
		return 0, nil
	}
	offset, t, err := s.shape.Locate(path)
	if err == nil {
		return offset, t
	}
	if required {
		s.fail(&PathError{Struct: s.name, Path: path, Err: err})
	}
	return 0, nil
}

func (s *Struct) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// PathError is a field that a reader needs and that the struct, as this version
// has it, does not hold: a layout that postmortem does not know, or a damaged
// description of it.
type PathError struct {
	Struct string // "runtime.g"
	Path   string // "sched.sp"
	Err    error
}

func (e *PathError) Error() string { return "layout of " + e.Struct + ": " + e.Err.Error() }

func (e *PathError) Unwrap() error { return e.Err }
