package gotypes

import (
	"reflect"

	"postmortem/coreread/image"
)

// ByName returns the type with a name as Type.Name has it. Of several, which
// functions that declare types of one name make, it is the one met first.
func (u *Universe) ByName(name string) (ID, bool) {
	id, ok := u.names()[name]
	return id, ok
}

// readNames decodes every type that the linker lists and those that these lead to.
func (u *Universe) readNames() map[string]ID {
	x := index{universe: u, names: make(map[string]ID)}
	for _, addr := range u.bin.Types().Listed() {
		x.meet(u.ref(addr.Add(u.bias)))
	}
	d := u.debug()
	for _, offset := range d.linked {
		x.meet(u.ref(u.module.Start + image.Addr(offset)))
	}
	for _, offset := range d.lone {
		x.meet(u.debugType(offset))
	}
	for len(x.queue) > 0 {
		id := x.queue[len(x.queue)-1]
		x.queue = x.queue[:len(x.queue)-1]
		x.follow(id)
	}
	return x.names
}

// index is a walk over types.
type index struct {
	universe *Universe
	names    map[string]ID
	seen     []bool // by number
	queue    []ID
}

func (x *index) meet(id ID) {
	if id == 0 {
		return
	}
	if n := int(id) + 1 - len(x.seen); n > 0 {
		x.seen = append(x.seen, make([]bool, n)...)
	}
	if !x.seen[id] {
		x.seen[id] = true
		x.queue = append(x.queue, id)
	}
}

// follow enters a type's name and meets what it leads to.
func (x *index) follow(id ID) {
	t := x.universe.Type(id)
	if t.Kind == reflect.Invalid {
		return
	}
	if _, twice := x.names[t.Name]; !twice {
		x.names[t.Name] = id
	}
	x.meet(t.Elem)
	x.meet(t.Key)
	for i := range t.Fields {
		x.meet(t.Fields[i].Type)
	}
	for _, a := range t.more {
		x.meet(x.universe.ref(a))
	}
}

// basicTypes are the predeclared types by kind; 0 where no descriptor was found.
type basicTypes [reflect.UnsafePointer + 1]ID

// readBasic finds the descriptors of the predeclared types: those that the linker
// lists, or that a listed pointer or slice is of.
func (u *Universe) readBasic() *basicTypes {
	var b basicTypes
	meet := func(addr image.Addr) {
		head, err := u.types.Pointers(addr)
		if err != nil || b[head.Kind] != 0 || scalarWords(head.Kind) > 0 && head.Kind != reflect.String && head.Kind != reflect.UnsafePointer {
			return
		}
		if d, err := u.types.Bare(addr); err == nil && d.Named && (d.PkgPath == "" || d.PkgPath == "unsafe") && isBasic(d.String, d.Kind) {
			b[head.Kind] = u.ref(addr)
		}
	}
	for _, addr := range u.bin.Types().Listed() {
		addr = addr.Add(u.bias)
		meet(addr)
		if head, err := u.types.Pointers(addr); err == nil && (head.Kind == reflect.Pointer || head.Kind == reflect.Slice) {
			if d, err := u.types.Bare(addr); err == nil {
				meet(d.Elem)
			}
		}
	}
	return &b
}

func isBasic(name string, kind reflect.Kind) bool {
	return name == kind.String() || kind == reflect.UnsafePointer && name == "unsafe.Pointer"
}
