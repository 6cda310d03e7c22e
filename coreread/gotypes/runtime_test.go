package gotypes_test

import (
	"reflect"
	"strings"
	"testing"

	"postmortem/coreread/gort"
	"postmortem/coreread/gotypes"
)

// TestRuntimeStructs holds types against the layouts that the rest of the
// program reads the runtime by.
func TestRuntimeStructs(t *testing.T) {
	for _, name := range universes {
		t.Run(name, func(t *testing.T) {
			u, s := openBoth(t, name)
			for _, want := range []string{"runtime.g", "runtime.m", "runtime.p", "runtime.sudog", "runtime.hchan", "runtime.mspan"} {
				id, ok := u.ByName(want)
				if !ok {
					t.Fatalf("no %s", want)
				}
				layout := s.Runtime.Layout().Struct(want)
				typ := u.Type(id)
				if typ.Kind != reflect.Struct || typ.Size != layout.Size() {
					t.Errorf("%s: %v of %d bytes, want a struct of %d", want, typ.Kind, typ.Size, layout.Size())
				}
				for _, f := range typ.Fields {
					if f.Name == "_" {
						continue
					}
					if off, ok := layout.Optional(f.Name); ok && off != f.Offset {
						t.Errorf("%s.%s at %d, want %d", want, f.Name, f.Offset, off)
					}
				}
			}
			g, _ := u.ByName("runtime.g")
			at := s.Runtime.Layout().Struct("runtime.g").Offset("sched.pc")
			if got := u.Path(g, at); got != ".sched.pc" {
				t.Errorf("path to g.sched.pc: %q", got)
			}
		})
	}
}

// TestGlobals holds variables against the symbol table.
func TestGlobals(t *testing.T) {
	for _, name := range []string{"small-nil-1.18.10-plain", "small-nil-1.22.12-pie", "small-nil-1.26.8-default", "rich-crashserver-1.27.3-plain", "cgo-panic-1.27.3-cgopie"} {
		t.Run(name, func(t *testing.T) {
			u, s := openBoth(t, name)
			checked := 0
			for _, v := range u.Globals() {
				if v.Type == 0 || u.Type(v.Type).Name == "" {
					t.Errorf("%s has no type", v.Name)
				}
				if !strings.HasPrefix(v.Name, "runtime.") {
					continue
				}
				sym, ok := s.Exe.Symbol(v.Name)
				if !ok {
					continue // zero-sized
				}
				checked++
				if v.Addr != sym.Addr.Add(s.Bias) || v.Bytes != sym.Size {
					t.Errorf("%s: %d bytes at %v, want %d at %v", v.Name, v.Bytes, v.Addr, sym.Size, sym.Addr.Add(s.Bias))
				}
			}
			if checked < 100 {
				t.Errorf("only %d variables of the runtime (%v)", checked, u.DebugInfo())
			}
		})
	}
}

// TestLocals reads strings that functions were called with from the frames where DWARF says they
// are: clients of the test program ask for paths, and its server serves them.
func TestLocals(t *testing.T) {
	for _, name := range []string{"rich-serve-1.27.3-plain-sigquit", "rich-crashserver-1.27.3-plain"} {
		u, s := openBoth(t, name)
		paths := 0
		eachFrame(s.Runtime, func(f gort.Frame) {
			fn, ok := s.Runtime.FuncAt(f.PC)
			if !ok || f.Exact || fn.Name() != "main.(*service).get" {
				return
			}
			for _, v := range u.Locals(fn, f.PC-1) {
				if v.Name != "path" || v.Bytes != 16 {
					continue
				}
				at := f.FP.Add(v.Offset)
				data, err := s.Core.Image.Addr(at)
				n, err2 := s.Core.Image.Uint64(at + 8)
				text, err3 := s.Core.Image.Bytes(data, n)
				if err != nil || err2 != nil || err3 != nil || !strings.HasPrefix(string(text), "/") || !v.Parameter || u.Type(v.Type).Kind != reflect.String {
					t.Errorf("%s: path is %q (%v, %v, %v, %+v)", name, text, err, err2, err3, v)
				}
				paths++
			}
		})
		if paths == 0 {
			t.Errorf("%s: no paths", name)
		}
	}
}

func eachFrame(p *gort.Process, visit func(gort.Frame)) {
	p.Goroutines(func(g *gort.Goroutine) {
		var s gort.Stack
		p.Stack(g, &s)
		for _, f := range append(s.Inner, s.Outer...) {
			visit(f)
		}
	})
}

// TestClosures looks for closures of every way to make one, by the code alone.
func TestClosures(t *testing.T) {
	for _, name := range []string{"rich-crashserver-1.22.12-w", "rich-crashserver-1.27.3-plain"} {
		u, s := openBoth(t, name)
		found := map[string]int{}
		for i := range s.Exe.Funcs().Len() {
			fn, ok := s.Exe.Funcs().Func(i)
			if !ok {
				continue
			}
			id, ok := u.Closure(fn.Entry().Add(s.Bias))
			if !ok {
				continue
			}
			typ := u.Type(id)
			for _, part := range []string{".func", "-fm", ".gowrap", ".deferwrap"} {
				if strings.Contains(fn.Name(), part) {
					found[part]++
				}
			}
			if typ.Fields[0].Name != "F" || typ.Fields[0].Offset != 0 || !strings.HasPrefix(typ.Name, "struct { F uintptr; ") {
				t.Errorf("%s: closure of %s is %s", name, fn.Name(), typ.Name)
			}
			if receiver, _, ok := strings.Cut(fn.Name(), ")."); ok && strings.HasSuffix(fn.Name(), "-fm") && !strings.Contains(fn.Name(), "[") {
				pkg, typeName, _ := strings.Cut(receiver, ".(*")
				if got := u.Type(typ.Fields[1].Type).Name; !strings.HasSuffix(got, "*"+pkg+"."+typeName) {
					t.Errorf("%s: the receiver of %s is a %s", name, fn.Name(), got)
				}
			}
		}
		if found[".func"] < 50 || found["-fm"] < 5 || found[".gowrap"] < 5 {
			t.Errorf("%s: %v", name, found)
		}
	}
}

// TestSpecialStructs looks at structs of the library whose fields do not say what they lead to.
func TestSpecialStructs(t *testing.T) {
	u := open(t, "rich-crashserver-1.27.3-plain")
	slot := func(name string, n int) gotypes.Slot {
		t.Helper()
		id, ok := u.ByName(name)
		slots := u.Slots(id)
		if !ok || len(slots) <= n {
			t.Fatalf("%s has %d slots", name, len(slots))
		}
		return slots[n]
	}
	for name, want := range map[string]string{
		"sync/atomic.Pointer[os.dirInfo]":                 "os.dirInfo",
		"internal/runtime/atomic.Pointer[runtime._defer]": "runtime._defer",
	} {
		if s := slot(name, 0); s.Kind != gotypes.Pointer || u.Type(s.Elem).Name != want {
			t.Errorf("%s leads to %+v, a %s", name, s, u.Type(s.Elem).Name)
		}
	}
	for i := range 2 {
		if s := slot("sync.Pool", i); s.Kind != gotypes.ArrayData || u.Type(s.Elem).Name != "sync.poolLocal" {
			t.Errorf("sync.Pool leads to %+v, a %s", s, u.Type(s.Elem).Name)
		}
	}
	// Any pointer may be meant where generic code says this.
	if s := slot("go.shape.*uint8", 0); s.Kind != gotypes.UnsafePointer || s.Elem != 0 {
		t.Errorf("go.shape.*uint8 leads to %+v", s)
	}
	if s := slot("reflect.Value", 1); s.Kind != gotypes.ReflectData || s.Offset != 8 {
		t.Errorf("reflect.Value leads to %+v", s)
	}
}

// TestTrieNodes tells the two kinds of nodes of a sync.Map apart.
func TestTrieNodes(t *testing.T) {
	for _, name := range []string{"rich-crashserver-1.27.3-plain", "small-nil-1.24.9-w"} {
		u := open(t, name)
		node, ok := u.ByName("internal/sync.node[interface {},interface {}]")
		if !ok {
			t.Fatalf("%s: no nodes", name)
		}
		for memory, want := range map[string]string{"\x00": "indirect", "\x01": "entry", "\x02": "node", "": "node"} {
			if got := u.Type(u.Refine(node, []byte(memory))).Name; got != "internal/sync."+want+"[interface {},interface {}]" {
				t.Errorf("%s: node %q is a %s", name, memory, got)
			}
		}
		other, _ := u.ByName("runtime.g")
		if u.Refine(other, []byte{0}) != other {
			t.Errorf("%s: a g is refined", name)
		}
	}
}

// TestGlobalsWithoutDWARF has the names of the symbol table.
func TestGlobalsWithoutDWARF(t *testing.T) {
	u, s := openBoth(t, "small-nil-1.22.0-w")
	names := map[string]gotypes.Variable{}
	last := gotypes.Variable{}
	for _, v := range u.Globals() {
		names[v.Name] = v
		if v.Addr < last.Addr {
			t.Errorf("%s at %v follows %s at %v", v.Name, v.Addr, last.Name, last.Addr)
		}
		last = v
	}
	if u.DebugInfo() == nil {
		t.Error("there is DWARF")
	}
	for _, name := range []string{"runtime.allgs", "runtime.sched", "os.Args", "syscall.envs"} {
		sym, ok := s.Exe.Symbol(name)
		if v := names[name]; !ok || v.Addr != sym.Addr.Add(s.Bias) || v.Bytes != sym.Size || v.Type != 0 {
			t.Errorf("%s: %+v, want %+v", name, v, sym)
		}
	}
}

// TestEachSlotWindow compares slots of windows with those of the whole.
func TestEachSlotWindow(t *testing.T) {
	u := open(t, "rich-crashserver-1.27.3-plain")
	for _, name := range []string{"runtime.p", "runtime.m", "net/http.Transport", "net/http.Server", "[256]runtime.guintptr"} {
		id, ok := u.ByName(name)
		if !ok {
			continue
		}
		all, size := u.Slots(id), u.Type(id).Size
		for from := uint64(0); from < size; from += 1 + size/37 {
			to := from + 1 + size/11
			var want, got []gotypes.Slot
			for _, s := range all {
				if from <= s.Offset && s.Offset < to {
					want = append(want, s)
				}
			}
			u.EachSlot(id, from, to, func(s gotypes.Slot) bool { got = append(got, s); return true })
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s %d-%d: %v, want %v", name, from, to, got, want)
			}
		}
	}
}
