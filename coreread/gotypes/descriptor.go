package gotypes

import (
	"fmt"
	"reflect"

	"postmortem/coreread/exe"
	"postmortem/coreread/image"
)

// decode reads the descriptor at an address; damaged ones give a Type of kind Invalid.
func (u *Universe) decode(addr image.Addr, nesting int) *Type {
	d, err := u.types.Bare(addr)
	if err != nil {
		return &Type{Descriptor: addr}
	}
	t := &Type{
		Kind: d.Kind, Size: d.Size, PtrBytes: d.PtrBytes, Len: d.Len,
		HasMethods: len(d.IMethods) > 0, Descriptor: addr, group: d.Group,
	}
	switch d.Kind {
	case reflect.Array, reflect.Chan, reflect.Pointer, reflect.Slice, reflect.Map:
		t.Elem, t.Key = u.ref(d.Elem), u.ref(d.Key)
	case reflect.Struct:
		for i := range d.Fields {
			f := &d.Fields[i]
			t.Fields = append(t.Fields, Field{Name: f.Name, Type: u.ref(f.TypeAddr), Offset: f.Offset, Embedded: f.Embedded})
		}
	}
	if err := u.check(d); err != nil {
		return &Type{Descriptor: addr}
	}
	t.Name = u.nameOf(d, t, nesting)
	t.special = specialOf(t)
	t.more = append(append(t.more, d.In...), d.Out...)
	for _, m := range d.IMethods {
		t.more = append(t.more, m.Type)
	}
	for _, a := range []image.Addr{d.PtrToThis, d.Group} {
		if a != 0 {
			t.more = append(t.more, a)
		}
	}
	return t
}

// check reports sizes that contradict each other, so that no walk over a value
// of the type leaves it or takes a part of it twice.
func (u *Universe) check(d *exe.Type) error {
	if d.Kind == reflect.Array {
		elem, err := u.types.Pointers(d.Elem)
		if err != nil {
			return err
		}
		if elem.Size != 0 && (d.Len > d.Size/elem.Size || d.Len*elem.Size != d.Size) {
			return &exe.TypeError{Addr: d.Addr, What: fmt.Sprintf("%d elements of %d bytes in %d", d.Len, elem.Size, d.Size)}
		}
		if d.PtrBytes != 0 && (d.Len == 0 || elem.PtrBytes == 0 || (d.Len-1)*elem.Size+elem.PtrBytes != d.PtrBytes) {
			return &exe.TypeError{Addr: d.Addr, What: fmt.Sprintf("pointers in %d bytes of %d elements with %d", d.PtrBytes, d.Len, elem.PtrBytes)}
		}
	}
	var end, pointers uint64
	for i := range d.Fields {
		f := &d.Fields[i]
		head, err := u.types.Pointers(f.TypeAddr)
		if err != nil {
			return err
		}
		if f.Offset < end || head.Size > d.Size-f.Offset {
			return &exe.TypeError{Addr: d.Addr, What: fmt.Sprintf("field %s at %d of %d bytes", f.Name, f.Offset, d.Size)}
		}
		end = f.Offset + head.Size
		if head.PtrBytes > 0 {
			pointers = f.Offset + head.PtrBytes
		}
	}
	if d.Kind == reflect.Struct && pointers != d.PtrBytes {
		return &exe.TypeError{Addr: d.Addr, What: fmt.Sprintf("pointers in %d bytes, its fields have %d", d.PtrBytes, pointers)}
	}
	// A pointer to what is never in the heap (internal/runtime/sys.NotInHeap) counts as none.
	if words := scalarWords(d.Kind); words != 0 && (d.Size != 8*words || d.PtrBytes != pointerBytes(d.Kind) && d.PtrBytes != 0) {
		return &exe.TypeError{Addr: d.Addr, What: fmt.Sprintf("a %v of %d bytes", d.Kind, d.Size)}
	}
	return nil
}

// scalarWords returns how many words a value of a kind that holds pointers has;
// 0 for arrays, structs and what has none.
func scalarWords(k reflect.Kind) uint64 {
	switch k {
	case reflect.Chan, reflect.Func, reflect.Map, reflect.Pointer, reflect.UnsafePointer:
		return 1
	case reflect.Interface, reflect.String:
		return 2
	case reflect.Slice:
		return 3
	}
	return 0
}
