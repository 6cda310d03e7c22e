package shape

import (
	"debug/dwarf"
	"fmt"
	"strings"
)

// maxFields bounds the fields of one struct and everything in it by value;
// runtime.m, the largest, has some 300.
const maxFields = 1 << 14

// DWARF finds struct types and variables of the runtime in debugging
// information. It walks entries itself, following no pointers: a description
// takes a few entries, and hostile input cannot make it recurse.
type DWARF struct {
	data  *dwarf.Data
	types map[string]dwarf.Offset // structs and named arrays
	vars  map[string]dwarf.Offset // type of the variable
}

// packages are those whose types and variables are indexed.
var packages = []string{"runtime.", "internal/runtime/maps.", "internal/sync.", "sync.", "internal/poll.", "time.", "internal/abi."}

// NewDWARF indexes the types and variables of the runtime. The linker puts all
// type entries into the unit of package runtime (cmd/link/internal/ld/dwarf.go).
func NewDWARF(data *dwarf.Data) (d *DWARF, err error) {
	defer guard(&err)
	d = &DWARF{data: data, types: make(map[string]dwarf.Offset), vars: make(map[string]dwarf.Offset)}
	r := data.Reader()
	inRuntime := false
	// The depth is counted: (*dwarf.Reader).SkipChildren recurses as deep as the
	// entries do, which nothing bounds.
	for depth := 0; ; {
		e, err := r.Next()
		if err != nil {
			return nil, fmt.Errorf("reading DWARF: %w", err)
		}
		if e == nil {
			return d, nil
		}
		switch {
		case e.Tag == dwarf.TagCompileUnit:
			name, _ := e.Val(dwarf.AttrName).(string)
			inRuntime, depth = name == "runtime", 0
		case e.Tag == 0:
			depth--
		case inRuntime && depth == 1:
			d.add(e)
		}
		if e.Children {
			depth++
		}
	}
}

// add indexes an entry at the top level of a unit.
func (d *DWARF) add(e *dwarf.Entry) {
	name, _ := e.Val(dwarf.AttrName).(string)
	if !wanted(name) {
		return
	}
	switch e.Tag {
	case dwarf.TagStructType, dwarf.TagArrayType, dwarf.TagTypedef:
		if _, seen := d.types[name]; !seen {
			d.types[name] = e.Offset
		}
	case dwarf.TagVariable:
		if off, ok := e.Val(dwarf.AttrType).(dwarf.Offset); ok {
			d.vars[name] = off
		}
	}
}

func wanted(name string) bool {
	for _, p := range packages {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// guard turns a panic of debug/dwarf, which hostile input can cause, into an error.
func guard(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("reading DWARF: damaged: %v", p)
	}
}

// Type describes the struct or array type of that name; ok is false when there is none.
func (d *DWARF) Type(name string) (t *Type, ok bool, err error) {
	off, ok := d.types[name]
	if !ok {
		return nil, false, nil
	}
	t, err = d.describe(off, name)
	return t, true, err
}

// Variable describes the type of a variable; an unnamed one is called as.
func (d *DWARF) Variable(name, as string) (t *Type, ok bool, err error) {
	off, ok := d.vars[name]
	if !ok {
		return nil, false, nil
	}
	t, err = d.describe(off, as)
	return t, true, err
}

func (d *DWARF) describe(off dwarf.Offset, place string) (t *Type, err error) {
	defer guard(&err)
	w := dwarfWalk{r: d.data.Reader()}
	t, err = w.at(off, place, 0)
	if err != nil {
		return nil, fmt.Errorf("reading DWARF type %s: %w", place, err)
	}
	return t, nil
}

type dwarfWalk struct {
	r      *dwarf.Reader
	fields int
}

// at describes the type at off. An unnamed struct is named by its place.
func (w *dwarfWalk) at(off dwarf.Offset, place string, depth int) (*Type, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("nested more than %d deep", MaxDepth)
	}
	w.r.Seek(off)
	e, err := w.r.Next()
	if err != nil {
		return nil, err
	}
	if e == nil {
		return nil, fmt.Errorf("no entry at offset %#x", off)
	}
	name, _ := e.Val(dwarf.AttrName).(string)
	size, sized := e.Val(dwarf.AttrByteSize).(int64)
	if size < 0 {
		return nil, fmt.Errorf("entry at offset %#x has a size of %d", off, size)
	}
	switch e.Tag {
	case dwarf.TagStructType:
		if IsScalarStruct(name) {
			return &Type{Name: name, Size: uint64(size)}, nil
		}
		if isUnnamed(name) {
			name = place
		}
		return w.structure(&Type{Name: name, Size: uint64(size)}, depth)
	case dwarf.TagTypedef:
		under, ok := e.Val(dwarf.AttrType).(dwarf.Offset)
		if !ok {
			return &Type{Name: name, Size: 8}, nil
		}
		t, err := w.at(under, place, depth+1)
		if err == nil && !t.IsStruct() && t.Elem == nil {
			t.Name = name
		}
		return t, err
	case dwarf.TagArrayType:
		return w.array(e, name, uint64(size), place, depth)
	}
	if !sized { // pointers, functions, maps, channels
		size = 8
	}
	return &Type{Name: name, Size: uint64(size)}, nil
}

func (w *dwarfWalk) array(e *dwarf.Entry, name string, size uint64, place string, depth int) (*Type, error) {
	count := int64(-1)
	for e.Children {
		c, err := w.r.Next()
		if err != nil {
			return nil, err
		}
		if c == nil || c.Tag == 0 {
			break
		}
		if n, ok := c.Val(dwarf.AttrCount).(int64); ok {
			count = n
		}
	}
	elem, ok := e.Val(dwarf.AttrType).(dwarf.Offset)
	if !ok || count < 0 {
		return nil, fmt.Errorf("array at offset %#x has no element type or count", e.Offset)
	}
	et, err := w.at(elem, place+"[]", depth+1)
	if err != nil {
		return nil, err
	}
	return &Type{Name: fmt.Sprintf("[%d]%s", count, et.Name), Size: size, Elem: et, Len: uint64(count)}, nil
}

// structure reads the members that follow a struct's entry.
func (w *dwarfWalk) structure(t *Type, depth int) (*Type, error) {
	type member struct {
		name   string
		offset int64
		typ    dwarf.Offset
	}
	var members []member
	for {
		e, err := w.r.Next()
		if err != nil {
			return nil, err
		}
		if e == nil || e.Tag == 0 {
			break
		}
		if e.Tag != dwarf.TagMember {
			continue
		}
		var m member
		m.name, _ = e.Val(dwarf.AttrName).(string)
		var ok1, ok2 bool
		m.offset, ok1 = e.Val(dwarf.AttrDataMemberLoc).(int64)
		m.typ, ok2 = e.Val(dwarf.AttrType).(dwarf.Offset)
		if !ok1 || !ok2 || m.offset < 0 {
			return nil, fmt.Errorf("member %s of %s has no offset or type", m.name, t.Name)
		}
		if w.fields++; w.fields > maxFields {
			return nil, fmt.Errorf("more than %d fields", maxFields)
		}
		members = append(members, m)
	}
	t.Fields = make([]Field, 0, len(members))
	for _, m := range members {
		if m.name == "_" {
			continue
		}
		ft, err := w.at(m.typ, t.Name+"."+m.name, depth+1)
		if err != nil {
			return nil, err
		}
		if ft.Size > 0 {
			t.Fields = append(t.Fields, Field{Name: m.name, Offset: uint64(m.offset), Type: ft})
		}
	}
	return t, nil
}

// IsScalarStruct reports whether the struct of that name counts as a scalar.
func IsScalarStruct(name string) bool {
	return name == "string" || name == "runtime.iface" || name == "runtime.eface" || name == "internal/cpu.CacheLinePad" ||
		strings.HasPrefix(name, "[]") || IsAtomic(name)
}

// isUnnamed reports whether name is a struct type literal.
func isUnnamed(name string) bool {
	name = strings.TrimPrefix(name, "noalg.")
	return name == "" || strings.HasPrefix(name, "struct {")
}
