package gotypes

import (
	"reflect"
	"strings"
)

// SlotKind is what a place of a value holds that leads to other memory.
type SlotKind uint8

// The kinds of slots. All lengths and capacities count elements.
const (
	// Pointer is an address of an Elem, or of something inside of one.
	Pointer SlotKind = iota + 1
	// UnsafePointer is an address of nobody knows what.
	UnsafePointer
	// StringData is a string: address, and length in bytes at +8. Elem is uint8.
	StringData
	// SliceData is a slice: address, length at +8, capacity at +16.
	SliceData
	// Eface is an interface without methods: descriptor, and at +8 the value or its
	// address. The collector follows only the second word.
	Eface
	// Iface is an interface with methods: itab, and at +8 the value or its address.
	// The collector follows only the second word.
	Iface
	// Map is the address of a map's header. Elem is the map type itself.
	Map
	// Chan is the address of a channel. Elem is the type of its elements.
	Chan
	// Func is the address of a closure: its first word is the code's.
	Func

	// ArrayData is the address of an array of Elem, its length at +8 (sync.Pool).
	ArrayData
	// ReflectData is the second word of a reflect.Value: the word before it is the
	// descriptor of the value's type, the one behind it has the flag that says
	// whether the word is an address of the value (ReflectIndirect) or the value.
	ReflectData
)

// ReflectIndirect is the bit of reflect.Value's flag with which its word is the
// address of the value (reflect/value.go, flagIndir), in all versions.
const ReflectIndirect = 1 << 7

// Slot is a place of a value that leads to other memory.
type Slot struct {
	Offset uint64 // of its first word, in bytes from the start of the value
	Kind   SlotKind
	Elem   ID // as the kind says; 0 when unknown
}

// MaxSlots bounds what Slots returns.
const MaxSlots = 1 << 16

// Slots returns where the pointers of a value are, by offset. Of a type that has
// more than MaxSlots (see Wide), which a large array has, it returns nil: use
// EachSlot. The caller must not change the result.
func (u *Universe) Slots(id ID) []Slot {
	e := u.entry(id)
	if e == nil {
		return nil
	}
	if s := e.slots.Load(); s != nil {
		return *s
	}
	return *u.flatten(id, e)
}

// Wide reports whether a type has too many slots for Slots.
func (u *Universe) Wide(id ID) bool {
	return u.Type(id).PtrBytes > 0 && len(u.Slots(id)) == 0 && u.hasSlot(id)
}

func (u *Universe) hasSlot(id ID) bool {
	any := false
	u.EachSlot(id, 0, ^uint64(0), func(Slot) bool { any = true; return false })
	return any
}

// flatten finds the slots of a type, once.
func (u *Universe) flatten(id ID, e *entry) *[]Slot {
	slots := []Slot{}
	w := slotWalk{universe: u, to: ^uint64(0), visit: func(s Slot) bool {
		slots = append(slots, s)
		return len(slots) <= MaxSlots
	}}
	if !w.walk(id, 0, 0) {
		slots = nil
	}
	result := slots[:len(slots):len(slots)]
	e.slots.CompareAndSwap(nil, &result)
	return e.slots.Load()
}

// EachSlot calls visit with the slots of a value that begin in the bytes from
// (inclusive) to to (exclusive), by offset, until it returns false.
func (u *Universe) EachSlot(id ID, from, to uint64, visit func(Slot) bool) {
	w := slotWalk{universe: u, from: from, to: to, visit: visit}
	w.walk(id, 0, 0)
}

// slotWalk goes over a value's parts.
type slotWalk struct {
	universe *Universe
	from, to uint64
	visit    func(Slot) bool
	idle     int // parts since the last slot
}

// maxIdle ends a walk over parts that promise pointers and hold none, as only
// damaged types do.
const maxIdle = 1 << 20

// walk visits the slots of a part that begins at base; false when it was told to stop.
func (w *slotWalk) walk(id ID, base uint64, nesting int) bool {
	t := w.universe.Type(id)
	if t.PtrBytes == 0 || base >= w.to || base+t.PtrBytes <= w.from || nesting > maxNesting {
		return true
	}
	if w.idle++; w.idle > maxIdle {
		return false
	}
	switch t.Kind {
	case reflect.Array:
		return w.array(t, base, nesting)
	case reflect.Struct:
		if t.special != ordinary {
			return w.special(t, base, nesting)
		}
		for i := range t.Fields {
			f := &t.Fields[i]
			if !w.walk(f.Type, base+f.Offset, nesting+1) {
				return false
			}
		}
		return true
	}
	if s, ok := w.universe.slotOf(id, t); ok {
		return w.emit(base, s)
	}
	return true
}

func (w *slotWalk) array(t *Type, base uint64, nesting int) bool {
	elem := w.universe.Type(t.Elem)
	stride := elem.Size
	if stride == 0 || elem.PtrBytes == 0 {
		return true
	}
	var i uint64
	if w.from > base {
		i = (w.from - base) / stride
	}
	for ; i < t.Len && base+i*stride < w.to; i++ {
		if !w.walk(t.Elem, base+i*stride, nesting+1) {
			return false
		}
	}
	return true
}

func (w *slotWalk) emit(base uint64, s Slot) bool {
	if s.Offset = base; base < w.from || base >= w.to {
		return true
	}
	w.idle = 0
	return w.visit(s)
}

// slotOf returns the slot that a value of a type without parts is. Generic code
// stands for several types, and its own type of a pointer (go.shape.*uint8) or of what one leads to
// (*main.List[go.shape.int]) for theirs: what such a slot leads to is unknown.
func (u *Universe) slotOf(id ID, t *Type) (Slot, bool) {
	s, ok := u.plainSlot(id, t)
	if ok && s.Elem != 0 && s.Kind != StringData && strings.Contains(t.Name, "go.shape.") {
		if s.Elem = 0; s.Kind == Pointer {
			s.Kind = UnsafePointer
		}
	}
	return s, ok
}

func (u *Universe) plainSlot(id ID, t *Type) (Slot, bool) {
	switch t.Kind {
	case reflect.Pointer:
		return Slot{Kind: Pointer, Elem: t.Elem}, true
	case reflect.UnsafePointer:
		return Slot{Kind: UnsafePointer}, true
	case reflect.String:
		return Slot{Kind: StringData, Elem: u.basic()[reflect.Uint8]}, true
	case reflect.Slice:
		return Slot{Kind: SliceData, Elem: t.Elem}, true
	case reflect.Interface:
		if t.HasMethods {
			return Slot{Kind: Iface}, true
		}
		return Slot{Kind: Eface}, true
	case reflect.Map:
		return Slot{Kind: Map, Elem: id}, true
	case reflect.Chan:
		return Slot{Kind: Chan, Elem: t.Elem}, true
	case reflect.Func:
		return Slot{Kind: Func}, true
	}
	return Slot{}, false
}
