package exe

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"postmortem/coreread/image"
)

// ErrNoType says that no descriptor of that name can be reached: the program
// does not use the type in a way that needs one.
var ErrNoType = errors.New("no type descriptor of that name")

// StructType is a struct of the program, as its type descriptor (or DWARF) has it.
type StructType struct {
	Name   string     // package path and name: "runtime.g", "internal/runtime/maps.Map"
	Addr   image.Addr // of the descriptor, 0 when it comes from DWARF
	Size   uint64     // bytes
	Fields []Field    // by offset
}

// Struct returns the struct type with that package path and name, like
// "runtime.g" or "internal/abi.ITab". The error wraps ErrNoType when there is none.
func (t *Types) Struct(name string) (*StructType, error) {
	found, err := t.Structs(name)
	if err != nil {
		return nil, err
	}
	if s := found[name]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("struct %s in %s: %w", name, t.file, ErrNoType)
}

// Structs looks several names up at once; those that have no descriptor are
// absent from the result. Descriptors are searched until all names are found,
// at most once each, however often Structs is called.
func (t *Types) Structs(names ...string) (map[string]*StructType, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.index == nil {
		t.index = newTypeIndex(t)
	}
	found := make(map[string]*StructType)
	for _, addr := range t.index.find(names) {
		typ, err := t.At(addr)
		if err != nil {
			return nil, fmt.Errorf("reading a struct of %s: %w", t.file, err)
		}
		s := &StructType{Name: typ.fullName(), Addr: addr, Size: typ.Size, Fields: typ.Fields}
		found[s.Name] = s
	}
	return found, nil
}

// fullName returns package path and name of a named type, "" of others.
func (typ *Type) fullName() string {
	if !typ.Named || typ.PkgPath == "" {
		return ""
	}
	_, name, ok := strings.Cut(typ.String, ".")
	if !ok {
		return ""
	}
	return typ.PkgPath + "." + name
}

// typeIndex is a walk over the descriptors of the binary that stops when it has
// found what was wanted and goes on from there the next time.
type typeIndex struct {
	types   *Types
	structs map[string]image.Addr // named structs met so far
	seen    []uint64              // bitmap: one bit for 8 bytes of the types' range
	queue   []image.Addr          // met, not yet read
	rest    []image.Addr          // roots that are read after the queue
	budget  int64                 // bytes of descriptors and names that may still be read
}

// newTypeIndex begins with the descriptors that the linker lists. Those of the
// runtime, which most searches are for, come first.
func newTypeIndex(t *Types) *typeIndex {
	x := &typeIndex{types: t, structs: make(map[string]image.Addr), seen: make([]uint64, t.types.Len()/(8*64)+1), budget: t.budget()}
	for _, addr := range t.roots() {
		if t.ofRuntime(addr) {
			x.meet(addr)
		} else {
			x.rest = append(x.rest, addr)
		}
	}
	return x
}

// ofRuntime reports whether the type's name speaks of a package called runtime.
func (t *Types) ofRuntime(addr image.Addr) bool {
	off, err := t.image.Uint32(addr + typeStr)
	if err != nil {
		return false
	}
	name, err := t.nameAt(t.types.Start.Add(int64(int32(off))))
	return err == nil && bytes.Contains(name.text[:min(len(name.text), maxRuntimeName)], []byte("runtime."))
}

// Listed returns the descriptors that the linker lists: all of them since Go
// 1.27; before, some of the unnamed ones, which lead to most others.
func (t *Types) Listed() []image.Addr { return t.roots() }

// roots returns the descriptors that the linker lists.
func (t *Types) roots() []image.Addr {
	if t.layout.descriptors {
		return t.row()
	}
	var roots []image.Addr
	list, err := t.image.Bytes(t.linkData.Ptr, 4*min(t.linkData.Len, t.types.Len()))
	if err != nil {
		return nil
	}
	for ; len(list) >= 4; list = list[4:] {
		roots = append(roots, t.types.Start.Add(int64(int32(order.Uint32(list)))))
	}
	return roots
}

// budget returns how many bytes of descriptors and names a walk may read: each
// stands in the types' range and belongs to one descriptor, package paths to a
// few, unless the file is hostile.
func (t *Types) budget() int64 { return 8*int64(t.types.Len()) + typeBytes }

// cost returns the bytes that a descriptor and its names take.
func (typ *Type) cost() int64 { return int64(typ.tableSize) + int64(len(typ.String)+len(typ.PkgPath)) }

// row steps over the descriptors that stand one after another from the second
// word of the types on (runtime/type.go, moduleTypelinks, 1.27).
func (t *Types) row() []image.Addr {
	var row []image.Addr
	end := min(t.descEnd, t.types.End)
	budget := t.budget()
	for at := t.types.Start + 8; at < end && budget > 0; {
		d, err := t.head(at, false)
		if err == nil {
			err = d.tail()
		}
		if err != nil {
			return row // nothing tells where the next one begins
		}
		row = append(row, at)
		budget -= d.typ.cost()
		at += image.Addr((d.typ.tableSize + 7) &^ 7)
	}
	return row
}

// meet queues a descriptor that was not met before.
func (x *typeIndex) meet(addr image.Addr) {
	if addr%8 != 0 || !x.types.types.Contains(addr) {
		return
	}
	n := uint64(addr-x.types.types.Start) / 8
	if x.seen[n/64]&(1<<(n%64)) != 0 {
		return
	}
	x.seen[n/64] |= 1 << (n % 64)
	x.queue = append(x.queue, addr)
}

// find returns the addresses of the named structs, in the order of names.
func (x *typeIndex) find(names []string) []image.Addr {
	missing := slices.Clone(names)
	known := func(name string) bool { _, ok := x.structs[name]; return ok }
	for {
		missing = slices.DeleteFunc(missing, known)
		if len(missing) == 0 || !x.walk(missing) {
			break
		}
	}
	var found []image.Addr
	for _, name := range names {
		if addr, ok := x.structs[name]; ok {
			found = append(found, addr)
		}
	}
	return found
}

// walk reads queued descriptors until one of the wanted structs is met; false
// when there is nothing left to read.
func (x *typeIndex) walk(wanted []string) bool {
	for {
		if len(x.queue) == 0 {
			for _, addr := range x.rest {
				x.meet(addr)
			}
			x.rest = nil
		}
		if len(x.queue) == 0 || x.budget <= 0 {
			return false
		}
		addr := x.queue[len(x.queue)-1]
		x.queue = x.queue[:len(x.queue)-1]
		if name := x.read(addr); name != "" && slices.Contains(wanted, name) {
			return true
		}
	}
}

// read follows a descriptor's edges and returns the name of a named struct. A
// descriptor that cannot be read is passed over: what it alone leads to stays unfound.
func (x *typeIndex) read(addr image.Addr) string {
	d, err := x.types.head(addr, false)
	if err == nil {
		err = d.tail()
	}
	if err != nil {
		return ""
	}
	typ := d.typ
	x.budget -= typ.cost()
	for _, edges := range [][]image.Addr{{typ.Elem, typ.Key, typ.Group, typ.PtrToThis}, typ.In, typ.Out} {
		for _, e := range edges {
			x.meet(e)
		}
	}
	for i := range typ.Fields {
		x.meet(typ.Fields[i].TypeAddr)
	}
	for i := range typ.IMethods {
		x.meet(typ.IMethods[i].Type)
	}
	name := typ.fullName()
	if typ.Kind != reflect.Struct || name == "" {
		return ""
	}
	if _, twice := x.structs[name]; !twice {
		x.structs[name] = addr
	}
	return name
}
