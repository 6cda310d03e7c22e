package gotypes

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"postmortem/coreread"
	"postmortem/internal/testcores"
)

// withDWARF are cores whose binary has DWARF, of both versions of it.
var withDWARF = []string{
	"small-nil-1.18.10-plain", "small-nil-1.22.12-pie", "small-nil-1.25.4-plain", "small-nil-1.26.8-default",
	"rich-crashserver-1.27.3-plain", "cgo-panic-1.27.3-cgopie",
}

func universeOf(t testing.TB, name string) (*Universe, *coreread.Snapshot) {
	t.Helper()
	c := testcores.Get(t, name)
	s, err := coreread.Open(context.Background(), coreread.Config{Core: c.CorePath(t), Binary: c.BinaryPath(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	u, err := New(s.Runtime)
	if err != nil {
		t.Fatal(err)
	}
	return u, s
}

// TestDWARFAndDescriptorsAgree decodes each type that has both from its DWARF
// alone: the two must be alike in every field, the name included, and have one number.
func TestDWARFAndDescriptorsAgree(t *testing.T) {
	for _, name := range withDWARF {
		t.Run(name, func(t *testing.T) {
			u, _ := universeOf(t, name)
			u.ByName("")
			d := u.debug()
			both := 0
			for _, x := range allTypes(t, d) {
				if x.runtime == 0 {
					continue
				}
				both++
				compareWithDWARF(t, u, x)
			}
			if u.debugErr != nil || both < 300 {
				t.Errorf("%d types have both (%v)", both, u.debugErr)
			}
		})
	}
}

func compareWithDWARF(t *testing.T, u *Universe, x die) {
	id := u.debugType(x.offset)
	want, got := u.Type(id), u.decodeDIE(x.offset, 0)
	if want.Descriptor == 0 {
		t.Errorf("%s has no descriptor", x.name)
		return
	}
	if got.Name != want.Name && !namedElse(got.Name, want.Name) {
		t.Errorf("%s in DWARF is %s by its descriptor", got.Name, want.Name)
	}
	if got.Kind != want.Kind || got.Size != want.Size || got.Len != want.Len ||
		got.Elem != want.Elem || got.Key != want.Key || got.HasMethods != want.HasMethods {
		t.Errorf("DWARF %+v\ndescriptor %+v", *got, *want)
	}
	if want.PtrBytes != got.PtrBytes && !ofNotInHeap(u, want) {
		t.Errorf("%s: pointers in %d bytes by DWARF, %d by the descriptor", want.Name, got.PtrBytes, want.PtrBytes)
	}
	if len(got.Fields) != len(want.Fields) {
		t.Errorf("%s: %d fields in DWARF, %d in the descriptor", want.Name, len(got.Fields), len(want.Fields))
		return
	}
	for i := range want.Fields {
		if got.Fields[i] != want.Fields[i] {
			t.Errorf("%s: field %+v in DWARF, %+v in the descriptor", want.Name, got.Fields[i], want.Fields[i])
		}
	}
}

// namedElse reports differences between names that are there to stay: DWARF has
// names for the insides of maps, the package of an unexported method, and the
// whole path in type arguments, of which descriptors of Go 1.18 have the last element.
func namedElse(dwarf, descriptor string) bool {
	switch {
	case strings.HasPrefix(dwarf, "map.bucket[") || strings.HasPrefix(dwarf, "map.group["):
		return strings.HasPrefix(descriptor, "struct { topbits ") || strings.HasPrefix(descriptor, "struct { ctrl ")
	case strings.HasPrefix(dwarf, "interface { crypto/x509.query("):
		return strings.HasPrefix(descriptor, "interface { query(")
	}
	return dwarf == strings.Replace(descriptor, "*park.queue", "*example.com/scenarios/park.queue", 1)
}

// ofNotInHeap reports whether a type holds pointers that the collector does not
// count, to what is never in the heap. DWARF does not tell them.
func ofNotInHeap(u *Universe, t *Type) bool {
	switch t.Kind {
	case reflect.Pointer:
		return t.PtrBytes == 0
	case reflect.Array:
		return ofNotInHeap(u, u.Type(t.Elem))
	case reflect.Struct:
		for _, f := range t.Fields {
			if ofNotInHeap(u, u.Type(f.Type)) {
				return true
			}
		}
	}
	return false
}

// allTypes reads the DIE of every type.
func allTypes(t *testing.T, d *debugInfo) (found []die) {
	for i := range d.units {
		u := &d.units[i]
		c := cursor{data: d.info[:u.end], at: u.first}
		u.skip(&c, u.head(&c))
		for depth := 1; depth > 0; {
			at := c.at
			a := u.head(&c)
			if c.bad {
				t.Fatal("damaged debug information")
			}
			if a == nil {
				depth--
				continue
			}
			x := u.die(&c, a, at)
			if depth == 1 && isType(a.tag) && (a.tag != tagTypedef || x.kind != 0) {
				found = append(found, x)
			}
			if a.children {
				depth++
			}
		}
	}
	return found
}

// TestMapsAsTheCompilerLaysThemOut compares the layouts that maps' own types give
// with those that their keys and elements make.
func TestMapsAsTheCompilerLaysThemOut(t *testing.T) {
	for _, name := range []string{"rich-crashserver-1.22.12-w", "rich-crashserver-1.27.3-plain", "small-nil-1.18-w", "small-nil-1.24.9-w", "small-nil-1.25.4-plain"} {
		u, _ := universeOf(t, name)
		maps := 0
		for _, id := range u.names() {
			m := u.Map(id)
			if m == nil {
				if u.Type(id).Kind == reflect.Map {
					t.Errorf("%s: no layout of %s", name, u.Type(id).Name)
				}
				continue
			}
			if u.Type(id).Descriptor == 0 {
				continue // no value of it can have been made
			}
			maps++
			made := MapLayout{Swiss: m.Swiss, Key: m.Key, Elem: m.Elem}
			made.compute(u)
			made.Group = m.Group
			if m.Group == 0 || made != *m {
				t.Errorf("%s: %s is %+v, its key and element make %+v", name, u.Type(id).Name, *m, made)
			}
		}
		if maps < 7 {
			t.Errorf("%s: %d map types", name, maps)
		}
	}
}

// TestClosuresAsDWARFHasThem compares the structs that the code makes with what
// DWARF says of the captured variables since Go 1.23: their offsets and types.
func TestClosuresAsDWARFHasThem(t *testing.T) {
	u, s := universeOf(t, "rich-crashserver-1.27.3-plain")
	d := u.debug()
	checked := 0
	for _, f := range d.funcs {
		id, ok := u.Closure(f.pc.Add(s.Bias))
		if !ok {
			continue
		}
		fields := make(map[uint64]string)
		for _, f := range u.Type(id).Fields {
			fields[f.Offset] = u.Type(f.Type).Name
		}
		fn, unit, c, _ := d.at(f.offset)
		for depth := 1; fn.children && depth > 0 && !c.bad; {
			at := c.at
			a := unit.head(&c)
			if a == nil {
				depth--
				continue
			}
			x := unit.die(&c, a, at)
			if a.children {
				depth++
			}
			if x.closure == 0 || depth > 1 {
				continue
			}
			// What is captured by value and moved to the heap within the closure is called &name too.
			want := u.Type(u.debugType(x.typ)).Name
			if got := fields[x.closure]; got != want && !(x.name[0] == '&' && "*"+got == want) {
				t.Errorf("%s at %d of %s is a %s, want a %s", x.name, x.closure, fn.name, got, want)
			}
			checked++
		}
	}
	if checked < 100 {
		t.Errorf("only %d captured variables", checked)
	}
}
