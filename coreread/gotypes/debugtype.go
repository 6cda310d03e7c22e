package gotypes

import (
	"reflect"
	"strings"

	"postmortem/coreread/image"
)

// maxTypedefs bounds the names that stand for one another.
const maxTypedefs = 10

// debugType returns the number of the type whose DIE is at an offset; 0 when it
// is damaged or no type of Go's.
func (u *Universe) debugType(offset uint64) ID {
	d := u.debug()
	if offset == 0 {
		return 0
	}
	u.mu.Lock()
	id, ok := u.byDIE[offset]
	u.mu.Unlock()
	if ok {
		return id
	}
	x, ok := d.resolve(offset)
	if ok {
		id = u.refDIE(&x)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.byDIE[offset] = id
	return id
}

// resolve reads a type's DIE, behind the names that only stand for it.
func (d *debugInfo) resolve(offset uint64) (die, bool) {
	for range maxTypedefs {
		x, _, _, ok := d.at(offset)
		if !ok {
			return die{}, false
		}
		if x.tag != tagTypedef || x.kind != 0 {
			return x, isType(x.tag)
		}
		offset = x.typ
	}
	return die{}, false
}

// refDIE returns the number of a type by its DIE: that of its descriptor when it has one.
func (u *Universe) refDIE(x *die) ID {
	if x.runtime != 0 {
		if id := u.ref(u.module.Start + image.Addr(x.runtime)); id != 0 {
			return id
		}
	}
	kind := debugKind(x)
	if kind == reflect.Invalid {
		return 0
	}
	if id := u.basic()[kind]; id != 0 && string(x.name) == u.Type(id).Name {
		return id // the linker makes some before it knows of a descriptor
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if id, ok := u.byDIE[x.offset]; ok {
		return id
	}
	id := u.add(0)
	if e := u.entry(id); e != nil {
		e.die = x.offset
	}
	u.byDIE[x.offset] = id
	return id
}

// debugKind returns the kind of a type by its DIE. Pointers that the linker makes
// for the fields of its own types, and unsafe.Pointer, do not say it.
func debugKind(x *die) reflect.Kind {
	switch {
	case x.kind != 0 && x.kind <= uint64(reflect.UnsafePointer):
		return reflect.Kind(x.kind)
	case x.kind != 0:
		return reflect.Invalid
	case x.tag == tagPointer && x.typ == 0:
		return reflect.UnsafePointer
	case x.tag == tagPointer:
		return reflect.Pointer
	case x.tag == tagStruct:
		return reflect.Struct
	}
	return reflect.Invalid
}

// decodeDIE makes a type of its DIE; damaged ones are of kind Invalid.
func (u *Universe) decodeDIE(offset uint64, nesting int) *Type {
	d := u.debug()
	x, unit, c, ok := d.at(offset)
	if !ok {
		return &Type{}
	}
	t := &Type{Kind: debugKind(&x), Size: x.size}
	if words := scalarWords(t.Kind); words != 0 {
		t.Size = 8 * words
	}
	switch t.Kind {
	case reflect.Array, reflect.Pointer:
		t.Elem = u.debugType(x.typ)
	case reflect.Chan, reflect.Slice:
		t.Elem = u.debugType(x.elem)
	case reflect.Map:
		t.Key, t.Elem = u.debugType(x.key), u.debugType(x.elem)
	case reflect.Interface:
		words, _ := d.resolve(x.typ)
		t.HasMethods = string(words.name) != "runtime.eface"
	}
	if x.children && !u.debugParts(t, unit, &c) {
		return &Type{}
	}
	if !u.measure(t, nesting) {
		return &Type{}
	}
	t.Name = u.debugName(string(x.name), t, nesting)
	t.special = specialOf(t)
	return t
}

// debugParts reads the children of a type's DIE.
func (u *Universe) debugParts(t *Type, unit *unit, c *cursor) bool {
	for {
		at := c.at
		a := unit.head(c)
		if a == nil {
			return !c.bad
		}
		x := unit.die(c, a, at)
		if a.children {
			return false // no part of a type has any
		}
		switch {
		case t.Kind == reflect.Array && x.tag == tagSubrange:
			t.Len = x.count
		case t.Kind == reflect.Struct && x.tag == tagMember:
			f := Field{Name: string(x.name), Type: u.debugType(x.typ), Offset: x.member, Embedded: x.embedded}
			if f.Embedded {
				f.Name = embeddedName(f.Name)
			}
			t.Fields = append(t.Fields, f)
		}
	}
}

// embeddedName returns the name of an embedded field, which the linker gives as that of its type.
func embeddedName(name string) string {
	if i := strings.IndexByte(name, '['); i > 0 {
		name = name[:i]
	}
	return strings.TrimPrefix(name[strings.LastIndexByte(name, '.')+1:], "*")
}

// measure finds where the last pointer of a type without a descriptor ends, and
// reports whether its parts fit it, as check does.
func (u *Universe) measure(t *Type, nesting int) bool {
	switch t.Kind {
	case reflect.Array:
		size, ptrBytes := u.extent(t.Elem, nesting+1)
		if size != 0 && (t.Len > t.Size/size || t.Len*size != t.Size) {
			return false
		}
		if t.Len > 0 && ptrBytes > 0 {
			t.PtrBytes = (t.Len-1)*size + ptrBytes
		}
	case reflect.Struct:
		var end uint64
		for i := range t.Fields {
			f := &t.Fields[i]
			size, ptrBytes := u.extent(f.Type, nesting+1)
			if f.Offset < end || f.Offset > t.Size || size > t.Size-f.Offset {
				return false
			}
			end = f.Offset + size
			if ptrBytes > 0 {
				t.PtrBytes = f.Offset + ptrBytes
			}
		}
	default:
		t.PtrBytes = pointerBytes(t.Kind)
	}
	return t.Kind != reflect.Invalid && t.Size <= 1<<62
}

// extent returns the size of a type and the bytes up to the end of its last
// pointer. It decodes no pointer, slice or map: their names would need that of a
// struct that is being measured, and leads to them.
func (u *Universe) extent(id ID, nesting int) (size, ptrBytes uint64) {
	e := u.entry(id)
	if e == nil {
		return 0, 0
	}
	if t := e.typ.Load(); t == nil && e.descriptor != 0 {
		head, err := u.types.Pointers(e.descriptor)
		if err != nil {
			return 0, 0
		}
		return head.Size, head.PtrBytes
	} else if t == nil {
		x, _, _, _ := u.debug().at(e.die)
		if kind := debugKind(&x); scalarWords(kind) != 0 {
			return 8 * scalarWords(kind), pointerBytes(kind)
		}
	}
	t := u.typeAt(id, nesting)
	return t.Size, t.PtrBytes
}

// pointerBytes returns the bytes up to the end of the pointer of a value of a
// kind that is neither array nor struct.
func pointerBytes(k reflect.Kind) uint64 {
	switch scalarWords(k) {
	case 2:
		if k == reflect.Interface {
			return 16
		}
		return 8
	case 1, 3:
		return 8
	}
	return 0
}

// debugName returns the name of a type without a descriptor, as a descriptor
// would have it.
func (u *Universe) debugName(raw string, t *Type, nesting int) string {
	b := nameBuilder{universe: u, nesting: nesting + 1}
	name := strings.TrimPrefix(raw, "noalg.")
	composed := false
	switch t.Kind {
	case reflect.Array, reflect.Slice:
		composed = strings.HasPrefix(name, "[")
	case reflect.Pointer:
		composed = strings.HasPrefix(name, "*")
	case reflect.Map:
		composed = strings.HasPrefix(name, "map[")
	case reflect.Struct:
		composed = strings.HasPrefix(name, "struct {")
	case reflect.Chan:
		switch {
		case strings.HasPrefix(name, "<-chan "):
			b.channel(b.name(t.Elem), reflect.RecvDir)
		case strings.HasPrefix(name, "chan<- "):
			b.channel(b.name(t.Elem), reflect.SendDir)
		case strings.HasPrefix(name, "chan "):
			b.channel(b.name(t.Elem), reflect.BothDir)
		}
	}
	if composed {
		b.composed(t, 0)
	}
	if b.Len() > 0 {
		return b.String()
	}
	return plainName(name)
}
