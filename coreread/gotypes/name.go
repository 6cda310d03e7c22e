package gotypes

import (
	"reflect"
	"strconv"
	"strings"

	"postmortem/coreread/exe"
	"postmortem/coreread/image"
)

// maxName bounds a name that is built of others (bytes): damaged types can name
// long ones many times.
const maxName = 1 << 15

// nameOf returns the name of a descriptor's type. A descriptor's own string has
// only the last element of each package's path.
func (u *Universe) nameOf(d *exe.Type, t *Type, nesting int) string {
	if d.Named {
		return namedType(d)
	}
	if d.Kind != reflect.Func && d.Kind != reflect.Interface && d.Kind != reflect.Struct && t.Elem == 0 {
		if s := d.Kind.String(); d.String == s || d.String == "" {
			return s
		}
		return d.String
	}
	b := nameBuilder{universe: u, nesting: nesting + 1}
	switch d.Kind {
	case reflect.Func:
		b.text("func")
		b.signature(d)
	case reflect.Interface:
		b.methods(d)
	default:
		b.composed(t, d.ChanDir)
	}
	return b.String()
}

// namedType returns package path and name of a type that was given a name.
func namedType(d *exe.Type) string {
	if d.PkgPath == "" || strings.HasPrefix(d.String, d.PkgPath+".") {
		return plainName(d.String) // go.shape has its path in full
	}
	_, name, ok := strings.Cut(d.String, ".")
	if !ok {
		return plainName(d.String)
	}
	return d.PkgPath + "." + plainName(name)
}

// plainName undoes what the compiler does to names for the linker: bytes of
// package paths as %2e (cmd/internal/objabi/path.go, PathToPrefix), and the
// number of a type that a function declares, as in T·1.
func plainName(s string) string {
	const dot = "·"
	if !strings.Contains(s, "%") && !strings.Contains(s, dot) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		if strings.HasPrefix(s[i:], dot) {
			n := len(dot)
			for i+n < len(s) && '0' <= s[i+n] && s[i+n] <= '9' {
				n++
			}
			if n > len(dot) {
				i += n - 1
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// nameBuilder puts a name together.
type nameBuilder struct {
	universe *Universe
	nesting  int
	strings.Builder
}

func (b *nameBuilder) text(s ...string) {
	for _, s := range s {
		if b.Len()+len(s) > maxName {
			return
		}
		b.WriteString(s)
	}
}

func (b *nameBuilder) name(id ID) string {
	if name := b.universe.typeAt(id, b.nesting).Name; name != "" {
		return name
	}
	return "?"
}

// composed writes an array, chan, map, pointer, slice or struct.
func (b *nameBuilder) composed(t *Type, dir reflect.ChanDir) {
	switch t.Kind {
	case reflect.Array:
		b.text("[", strconv.FormatUint(t.Len, 10), "]", b.name(t.Elem))
	case reflect.Chan:
		b.channel(b.name(t.Elem), dir)
	case reflect.Map:
		b.text("map[", b.name(t.Key), "]", b.name(t.Elem))
	case reflect.Pointer:
		b.text("*", b.name(t.Elem))
	case reflect.Slice:
		b.text("[]", b.name(t.Elem))
	case reflect.Struct:
		b.fields(t.Fields)
	}
}

func (b *nameBuilder) channel(elem string, dir reflect.ChanDir) {
	switch {
	case dir == reflect.RecvDir:
		b.text("<-chan ", elem)
	case dir == reflect.SendDir:
		b.text("chan<- ", elem)
	case strings.HasPrefix(elem, "<-"):
		b.text("chan (", elem, ")")
	default:
		b.text("chan ", elem)
	}
}

func (b *nameBuilder) fields(fields []Field) {
	if len(fields) == 0 {
		b.text("struct {}")
		return
	}
	b.text("struct {")
	for i := range fields {
		f := &fields[i]
		if i > 0 {
			b.text(";")
		}
		b.text(" ")
		if !f.Embedded {
			b.text(f.Name, " ")
		}
		b.text(b.name(f.Type))
		if b.Len() > maxName/2 {
			b.text("; …")
			break
		}
	}
	b.text(" }")
}

// signature writes parameters and results of a function type.
func (b *nameBuilder) signature(d *exe.Type) {
	b.text("(")
	b.list(d.In, d.Variadic)
	b.text(")")
	switch {
	case len(d.Out) == 1:
		b.text(" ", b.name(b.universe.ref(d.Out[0])))
	case len(d.Out) > 1:
		b.text(" (")
		b.list(d.Out, false)
		b.text(")")
	}
}

func (b *nameBuilder) list(types []image.Addr, variadic bool) {
	for i, at := range types {
		if i > 0 {
			b.text(", ")
		}
		name := b.name(b.universe.ref(at))
		if variadic && i == len(types)-1 {
			name = "..." + strings.TrimPrefix(name, "[]")
		}
		b.text(name)
		if b.Len() > maxName/2 {
			b.text(", …")
			break
		}
	}
}

// methods writes an unnamed interface type.
func (b *nameBuilder) methods(d *exe.Type) {
	if len(d.IMethods) == 0 {
		b.text("interface {}")
		return
	}
	b.text("interface {")
	for i, m := range d.IMethods {
		if i > 0 {
			b.text(";")
		}
		b.text(" ", m.Name, strings.TrimPrefix(b.name(b.universe.ref(m.Type)), "func"))
		if b.Len() > maxName/2 {
			b.text("; …")
			break
		}
	}
	b.text(" }")
}
