package gort

import (
	"errors"
	"fmt"

	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// variable is one of the runtime's global structures. It is read field by
// field, so that a hole in the memory costs what lies in it and no more; the
// first field lost is told as a gap, with what the report lacks for it.
type variable struct {
	p      *Process
	name   string
	typ    *layout.Struct // nil for a plain word
	at     image.Addr     // 0 when the variable was not found
	effect string
	told   bool
}

// variable finds the global called name, a structure of type typ ("" for a plain word).
func (p *Process) variable(name, typ, effect string) *variable {
	v := &variable{p: p, name: name, effect: effect}
	at, err := p.global(name)
	if err != nil {
		v.lose("", 0, 0, err)
		return v
	}
	v.at = at
	if typ != "" {
		v.typ = p.layout.Struct(typ)
	}
	return v
}

// lose tells, once, that something of v could not be read.
func (v *variable) lose(path string, at image.Addr, n uint64, err error) {
	if v.told {
		return
	}
	v.told = true
	name := v.name
	if path != "" {
		name += "." + path
	}
	v.p.addGap(fmt.Sprintf("%s: %v", name, err), at, n, v.effect)
}

var (
	errNoPlace    = errors.New("where this field is in this Go version is not known")
	errImpossible = errors.New("its value is impossible")
)

// has reports whether the Go version has the field.
func (v *variable) has(path string) bool {
	if v.typ == nil {
		return false
	}
	_, ok := v.typ.Optional(path)
	return ok
}

// place returns the address of a field that every version has; "" is the variable itself.
func (v *variable) place(path string) (image.Addr, bool) {
	if v.at == 0 {
		return 0, false
	}
	if path == "" {
		return v.at, true
	}
	if v.typ == nil {
		return 0, false
	}
	off, ok := v.typ.Optional(path)
	if !ok {
		err := v.typ.Err()
		if err == nil {
			err = errNoPlace
		}
		v.lose(path, v.at, 0, err)
		return 0, false
	}
	return v.at + image.Addr(off), true
}

// word reads a field with get; nil means that it could not be read.
func word[T any](v *variable, path string, n uint64, get func(image.Addr) (T, error)) *T {
	at, ok := v.place(path)
	if !ok {
		return nil
	}
	value, err := get(at)
	if err != nil {
		v.lose(path, at, n, err)
		return nil
	}
	return &value
}

func (v *variable) u8(path string) *uint8   { return word(v, path, 1, v.p.Image.Uint8) }
func (v *variable) u32(path string) *uint32 { return word(v, path, 4, v.p.Image.Uint32) }
func (v *variable) u64(path string) *uint64 { return word(v, path, 8, v.p.Image.Uint64) }

func (v *variable) i32(path string) *int32 { return convert[int32](v.u32(path)) }
func (v *variable) i64(path string) *int64 { return convert[int64](v.u64(path)) }

// bool reads a flag by its lowest byte: what is an atomic.Bool today was a
// 32-bit 0 or 1 before Go 1.20.
func (v *variable) bool(path string) *bool {
	b := v.u8(path)
	if b == nil {
		return nil
	}
	set := *b != 0
	return &set
}

// count reads a 32-bit number that cannot be negative or above limit.
func (v *variable) count(path string, limit int32) *int {
	n := v.i32(path)
	if n == nil {
		return nil
	}
	if *n < 0 || *n > limit {
		at, _ := v.place(path)
		v.lose(path, at, 4, fmt.Errorf("its value %d is impossible", *n))
		return nil
	}
	i := int(*n)
	return &i
}

// words reads n 64-bit words from the field on.
func (v *variable) words(path string, n uint64) []uint64 {
	at, ok := v.place(path)
	if !ok {
		return nil
	}
	data, err := v.p.Image.Bytes(at, n*8)
	if err != nil {
		v.lose(path, at, n*8, err)
		return nil
	}
	out := make([]uint64, n)
	for i := range out {
		out[i] = v.p.Image.ByteOrder().Uint64(data[i*8:])
	}
	return out
}

func convert[T, F ~int32 | ~int64 | ~uint32 | ~uint64](f *F) *T {
	if f == nil {
		return nil
	}
	t := T(*f)
	return &t
}
