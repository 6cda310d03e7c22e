package gotypes

import (
	"reflect"
	"strconv"
)

// Path returns how the source would name the byte at an offset of a value:
// ".Friends[2].Name". It goes down to strings, slices, interfaces and other
// values without named parts; it is "" for those themselves, and ends early at a
// byte that no field holds.
func (u *Universe) Path(id ID, off uint64) string {
	var path []byte
	for range maxNesting {
		t := u.Type(id)
		switch {
		case t.Kind == reflect.Array:
			size := u.Type(t.Elem).Size
			if size == 0 || off >= t.Size {
				return string(path)
			}
			path = append(path, '[')
			path = strconv.AppendUint(path, off/size, 10)
			path = append(path, ']')
			id, off = t.Elem, off%size
		case t.Kind == reflect.Struct && t.special != atomicPointer && t.special != runtimePointer:
			f, ok := u.fieldAt(t, off)
			if !ok || len(path) > maxName {
				return string(path)
			}
			path = append(path, '.')
			path = append(path, f.Name...)
			id, off = f.Type, off-f.Offset
		default:
			return string(path)
		}
	}
	return string(path)
}

// fieldAt returns the field of a struct that holds the byte at an offset.
func (u *Universe) fieldAt(t *Type, off uint64) (Field, bool) {
	for i := range t.Fields {
		f := &t.Fields[i]
		if off >= f.Offset && off-f.Offset < u.Type(f.Type).Size {
			return *f, true
		}
	}
	return Field{}, false
}
