package typing

import (
	"reflect"
	"slices"
	"strings"

	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
)

// opKind is what scanning does with a place of a value.
type opKind uint8

const (
	opPointer opKind = iota
	opString
	opSlice
	opEface
	opIface
	opMap
	opChan
	opFunc
	opArrayData
	opReflect
	opTrieNode
	opOverflow // the pointer of a map's bucket to the next
)

// op is a place of a value that leads to other memory.
type op struct {
	offset uint64
	size   uint64 // of one value of the target
	entry  index  // what it leads to
	other  index  // of a trie's node: when it is an entry
	kind   opKind
	class  Class // of the claim
}

// program is what scanning does with a value: ops for each of count units.
type program struct {
	ops   []op
	unit  uint64 // bytes
	count uint64
	wide  bool // too many ops to list
}

// programOf returns the program of an entry, which is made when it is first asked for.
func (f *inference) programOf(i index) *program {
	if p := f.entries[i].program; p != nil {
		return p
	}
	p := f.compile(f.entries[i].identity, f.entries[i].size)
	f.entries[i].program = p
	return p
}

func (f *inference) compile(id identity, size uint64) *program {
	typ := id.typ
	p := &program{unit: size, count: 1}
	t := f.types.Type(typ)
	for t.Kind == reflect.Array && t.Len > 0 && id.form == Single {
		// Arrays in arrays: the count is bounded by the value's size.
		p.count *= t.Len
		typ = t.Elem
		t = f.types.Type(typ)
		p.unit = t.Size
	}
	if f.types.Wide(typ) {
		p.wide = true
		return p
	}
	slots := f.types.Slots(typ)
	switch t.Name {
	case "sync.eface":
		// The words of an interface, which sync.Pool reads and writes one by one (poolqueue.go).
		slots = []gotypes.Slot{{Kind: gotypes.Eface}}
	case "runtime.g":
		// The runtime does not know the type of its labels (runtime/pprof/label.go).
		if labels, ok := f.types.ByName("runtime/pprof.labelMap"); ok {
			g := f.fields(typ)
			if at := g.at("labels"); !g.missing {
				slots = append(slices.Clone(slots), gotypes.Slot{Offset: at, Kind: gotypes.Pointer, Elem: labels})
			}
		}
	}
	for _, s := range slots {
		if o, ok := f.compileSlot(s); ok {
			p.ops = append(p.ops, o)
		}
	}
	if id.form == MapBuckets && size >= 8 {
		p.ops = append(p.ops, op{offset: size - 8, size: size, entry: f.entryOf(id), kind: opOverflow, class: Owner})
	}
	return p
}

// compileSlot turns a slot into an op; false for those that say nothing.
func (f *inference) compileSlot(s gotypes.Slot) (op, bool) {
	o := op{offset: s.Offset, class: Pointer}
	switch s.Kind {
	case gotypes.Pointer:
		return f.compilePointer(o, s.Elem)
	case gotypes.StringData:
		o.kind, o.entry = opString, stringIndex
	case gotypes.SliceData, gotypes.ArrayData:
		o.kind, o.entry = opSlice, f.array(s.Elem)
		if s.Kind == gotypes.ArrayData {
			o.kind = opArrayData
		}
		o.size = f.entries[o.entry].size
	case gotypes.Eface:
		o.kind = opEface
		return o, true
	case gotypes.Iface:
		o.kind = opIface
		return o, true
	case gotypes.Map:
		o.kind, o.class = opMap, Owner
		o.entry = f.mapHeader(s.Elem)
		o.size = f.entries[o.entry].size
	case gotypes.Chan:
		o.kind, o.class = opChan, Owner
		o.entry = f.ofType(s.Elem, Chan)
	case gotypes.Func:
		o.kind, o.class = opFunc, Owner
		return o, true
	case gotypes.ReflectData:
		o.kind = opReflect
		return o, true
	}
	return o, o.entry != unknownIndex
}

// compilePointer is for pointers to a type, some of which say more than that.
func (f *inference) compilePointer(o op, elem gotypes.ID) (op, bool) {
	t := f.types.Type(elem)
	switch {
	case t.Name == "runtime.funcval" || isClosureStruct(f.types, t):
		o.kind, o.class = opFunc, Owner
		return o, true
	case t.Name == "runtime.hchan":
		o.kind, o.class = opChan, Owner
		return o, true
	}
	if inner, leaf := f.trieNodes(elem, t.Name); inner != leaf {
		o.kind, o.entry, o.other = opTrieNode, f.single(inner), f.single(leaf)
		return o, true
	}
	o.kind, o.entry = opPointer, f.single(elem)
	o.size = f.entries[o.entry].size
	return o, o.entry != unknownIndex
}

// trieNodes returns what a type that nodes of a hash trie begin with is in inner
// nodes and in entries; the same twice for any other type.
func (f *inference) trieNodes(id gotypes.ID, name string) (inner, leaf gotypes.ID) {
	if strings.HasPrefix(name, "unique.node[") { // since 1.25, canonmap.go
		inner, _ = f.types.ByName(strings.Replace(name, ".node[", ".indirect[", 1))
		leaf, _ = f.types.ByName(strings.Replace(name, ".node[", ".entry[", 1))
		return inner, leaf
	}
	return f.types.Refine(id, []byte{0}), f.types.Refine(id, []byte{1})
}

// isClosureStruct reports whether a type is the struct that the compiler makes
// for a closure: its code's address in a field F, .F in 1.20 and 1.21, and what it captured
// (cmd/compile/internal/typecheck/closure.go).
func isClosureStruct(u *gotypes.Universe, t *gotypes.Type) bool {
	return t.Kind == reflect.Struct && len(t.Fields) > 0 && strings.TrimPrefix(t.Fields[0].Name, ".") == "F" &&
		strings.HasPrefix(t.Name, "struct {") && u.Type(t.Fields[0].Type).Kind == reflect.Uintptr
}

// perform makes the claims of an op on a value at an address. mem begins at the value.
func (f *inference) perform(o *op, mem []byte) {
	v := image.Addr(word64(mem[o.offset:]))
	if v == 0 {
		return
	}
	switch o.kind {
	case opPointer:
		f.claim(v, o.size, o.entry, o.class)
	case opString:
		switch n := word64(mem[o.offset+8:]); n {
		case 0:
		case ^uint64(0):
			f.claim(v, 0, stringIndex, Part)
		default:
			f.claimString(v, n)
		}
	case opSlice:
		f.claimArray(v, word64(mem[o.offset+16:]), o)
	case opArrayData:
		f.claimArray(v, word64(mem[o.offset+8:]), o)
	case opMap:
		f.claim(v, o.size, o.entry, o.class)
	case opOverflow:
		f.claim(v, o.size, o.entry, o.class)
	case opEface:
		f.dynamicValue(v, mem[o.offset+8:], false)
	case opIface:
		f.dynamicValue(v, mem[o.offset+8:], true)
	case opChan:
		f.channel(v, o.entry)
	case opFunc:
		f.function(v)
	case opReflect:
		f.reflected(v, mem, o.offset)
	case opTrieNode:
		f.trie(v, o)
	}
}

// claimArray claims an array of n values.
func (f *inference) claimArray(v image.Addr, n uint64, o *op) {
	if n == ^uint64(0) {
		f.claim(v, 0, o.entry, Part)
		return
	}
	if n == 0 || n > 1<<48/o.size {
		return
	}
	f.claim(v, n*o.size, o.entry, o.class)
}

// trie claims a node of a hash trie.
func (f *inference) trie(v image.Addr, o *op) {
	isEntry, err := f.image.Uint8(v)
	if err != nil {
		return
	}
	switch isEntry {
	case 0:
		f.claim(v, f.entries[o.entry].size, o.entry, Owner)
	case 1:
		f.claim(v, f.entries[o.other].size, o.other, Owner)
	}
}
