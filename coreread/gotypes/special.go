package gotypes

import (
	"reflect"
	"strings"
)

// special is a struct of the standard library whose fields do not say what they
// lead to.
type special uint8

const (
	ordinary special = iota
	atomicPointer
	runtimePointer
	weakPointer
	syncPool
	syncMapEntry
	reflectValue
	trieNode
)

// specials is by name up to the type arguments. All of them have the same fields
// wherever the version has the type, which specialOf makes sure of.
var specials = map[string]special{
	"sync/atomic.Pointer":             atomicPointer,  // since 1.19: _ [0]*T, _ noCopy, v
	"runtime/internal/atomic.Pointer": runtimePointer, // since 1.19: u, a struct around the pointer
	"internal/runtime/atomic.Pointer": runtimePointer,
	"weak.Pointer":                    weakPointer,  // since 1.24: _ [0]*T, u
	"sync.Pool":                       syncPool,     // local, localSize, victim, victimSize, New
	"sync.entry":                      syncMapEntry, // p, until 1.18 an unsafe.Pointer to an any
	"reflect.Value":                   reflectValue, // typ (typ_), ptr, flag
}

// specialOf returns what a struct is by its name.
func specialOf(t *Type) special {
	if t.Kind != reflect.Struct || len(t.Fields) == 0 {
		return ordinary
	}
	name, _, _ := strings.Cut(t.Name, "[")
	if (name == "internal/sync.node" || name == "internal/concurrent.node") && t.PtrBytes == 0 {
		return trieNode
	}
	return specials[name]
}

// special visits the slots of a struct of the standard library.
func (w *slotWalk) special(t *Type, base uint64, nesting int) bool {
	u := w.universe
	if t.special == runtimePointer && t.Size == 8 {
		return w.emit(base, u.specialSlot(t))
	}
	for i := range t.Fields {
		f := &t.Fields[i]
		s, ok := u.slotOf(f.Type, u.Type(f.Type))
		if !ok || s.Kind == UnsafePointer {
			s, ok = u.specialSlot(t), u.Type(f.Type).Kind == reflect.UnsafePointer
		}
		if !ok {
			if !w.walk(f.Type, base+f.Offset, nesting+1) {
				return false
			}
			continue
		}
		if !w.emit(base+f.Offset, s) {
			return false
		}
	}
	return true
}

// specialSlot returns what an unsafe.Pointer among the fields of a special struct leads to.
func (u *Universe) specialSlot(t *Type) Slot {
	to := func(kind SlotKind, elem ID) Slot {
		if elem == 0 {
			return Slot{Kind: UnsafePointer}
		}
		return Slot{Kind: kind, Elem: elem}
	}
	switch t.special {
	case atomicPointer:
		if target := u.Type(u.Type(t.Fields[0].Type).Elem).Elem; target != 0 {
			return to(Pointer, target)
		}
		return to(Pointer, u.argument(t.Name)) // 1.19.0 has no such field
	case runtimePointer:
		return to(Pointer, u.argument(t.Name))
	case weakPointer:
		// Not the value, but the word that says where it is (runtime/mheap.go, getOrAddWeakHandle).
		return to(Pointer, u.named("internal/runtime/atomic.Uintptr"))
	case syncMapEntry:
		return to(Pointer, u.named("interface {}"))
	case reflectValue:
		return Slot{Kind: ReflectData}
	case syncPool:
		// The words behind them are the arrays' lengths.
		return to(ArrayData, u.named("sync.poolLocal"))
	}
	return Slot{Kind: UnsafePointer}
}

// named is ByName without the ok.
func (u *Universe) named(name string) ID {
	id, _ := u.ByName(name)
	return id
}

// argument returns the type argument of a generic type that has one.
func (u *Universe) argument(name string) ID {
	_, arg, ok := strings.Cut(name, "[")
	if !ok || !strings.HasSuffix(arg, "]") {
		return 0
	}
	return u.named(arg[:len(arg)-1])
}

// Refine returns the type of a value by its memory where the declared type is only
// the head that several types begin with; for any other type it returns id.
// memory is the value's from its start on, as much as there is.
//
// Such are the nodes of the hash tries in sync.Map and unique: a bool tells entries
// from inner nodes (internal/sync/hashtriemap.go; internal/concurrent in 1.23).
func (u *Universe) Refine(id ID, memory []byte) ID {
	t := u.Type(id)
	if t.special != trieNode || len(memory) == 0 || memory[0] > 1 {
		return id
	}
	kind := [...]string{"indirect[", "entry["}[memory[0]]
	head, arguments, _ := strings.Cut(t.Name, "node[")
	if refined := u.named(head + kind + arguments); refined != 0 {
		return refined
	}
	return id
}
