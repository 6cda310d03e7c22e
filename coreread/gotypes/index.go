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
	x := index{universe: u, names: make(map[string]ID), seen: make(map[ID]bool)}
	for _, addr := range u.process.Exe.Types().Listed() {
		x.meet(u.ref(addr.Add(u.process.Bias)))
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
	seen     map[ID]bool
	queue    []ID
}

func (x *index) meet(id ID) {
	if id != 0 && !x.seen[id] {
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
