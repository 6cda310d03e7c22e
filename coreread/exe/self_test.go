package exe_test

import (
	"debug/elf"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"unsafe"

	"postmortem/coreread/exe"
	"postmortem/coreread/image"
	"postmortem/coreread/input"
)

// The tests of this file analyse the test's own executable, about which the
// runtime in the same process tells the truth.

func openFile(t testing.TB, path string) *exe.Binary {
	t.Helper()
	f, err := input.Open(t.Context(), path, input.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := exe.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// self opens the test's executable. The bias is what the process added to its addresses.
func self(t testing.TB) (b *exe.Binary, bias int64) {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b = openFile(t, path)
	f, ok := b.Funcs().ByName("postmortem/coreread/exe_test.self")
	if !ok {
		t.Fatal("the test's own function self is not in the function table")
	}
	pc := reflect.ValueOf(self).Pointer()
	return b, image.Addr(pc).Sub(f.Entry())
}

// runtimeFrame is what the runtime says of one pc.
func runtimeFrame(pc uintptr) runtime.Frame {
	frame, _ := runtime.CallersFrames([]uintptr{pc + 1}).Next() // it looks up the call before a return address
	return frame
}

func TestEveryFunctionIsWhereTheRuntimeHasIt(t *testing.T) {
	b, bias := self(t)
	rng := rand.New(rand.NewPCG(3, 4))
	funcs := b.Funcs()
	if funcs.Len() < 1000 {
		t.Fatalf("%d functions, want thousands", funcs.Len())
	}
	inlined := 0
	for i := range funcs.Len() {
		f, ok := funcs.Func(i)
		if !ok {
			t.Fatalf("function %d cannot be read", i)
		}
		if f.End()-f.Entry() < 2 {
			continue // a mark of the linker, no code
		}
		for range 3 {
			// Not the last byte: behind it the next function begins.
			pc := f.Entry() + image.Addr(rng.Uint64N(uint64(f.End()-f.Entry())-1))
			want := runtimeFrame(uintptr(pc.Add(bias)))
			found, ok := funcs.Find(pc)
			if !ok || found != f {
				t.Fatalf("Find(%v) = %v, %v, want function %d", pc, found, ok, i)
			}
			frames := f.Frames(pc)
			if len(frames) > 1 {
				inlined++
			}
			if want.File == "?" { // padding
				want.File, want.Line = "", 0
			}
			// The runtime has no name for the function whose name comes first in the table (offset 0).
			if got := frames[0]; shorten(got.Func) != want.Function && want.Function != "" || got.File != want.File || got.Line != want.Line {
				t.Errorf("Frames(%v)[0] = %s %s:%d, the runtime says %s %s:%d", pc, got.Func, got.File, got.Line, want.Function, want.File, want.Line)
			}
			if entry := uintptr(f.Entry().Add(bias)); want.Entry != entry {
				t.Errorf("Entry of %s is %#x, the runtime says %#x", f.Name(), entry, want.Entry)
			}
			if last := frames[len(frames)-1]; last.Func != f.Name() || last.Inlined {
				t.Errorf("Frames(%v) ends in %+v, want %s", pc, last, f.Name())
			}
		}
	}
	if inlined < 100 {
		t.Errorf("%d addresses with inlined functions, want hundreds: the test saw nothing of them", inlined)
	}
}

type tree[T any] struct {
	left, right *tree[T]
	value       T
}

func (n *tree[T]) visit(f func(T)) {
	if n != nil {
		n.left.visit(f)
		f(n.value)
		n.right.visit(f)
	}
}

func innermost(pcs []uintptr) int { return runtime.Callers(1, pcs) }
func middle(pcs []uintptr) int    { return innermost(pcs) }
func outer(pcs []uintptr) (n int) { n = middle(pcs); return n }
func generic[T any](pcs []uintptr) (n int) {
	root := &tree[T]{}
	root.visit(func(T) { n = outer(pcs) })
	return n
}

func TestInlinedCallsAreExpandedAsTheRuntimeDoes(t *testing.T) {
	b, bias := self(t)
	for name, call := range map[string]func([]uintptr) int{
		"plain": outer, "generic": generic[map[string]int], "in a closure": func(pcs []uintptr) int { return middle(pcs) },
	} {
		pcs := make([]uintptr, 100)
		pcs = pcs[:call(pcs)]
		var want []runtime.Frame
		for frames := runtime.CallersFrames(pcs); ; {
			frame, more := frames.Next()
			want = append(want, frame)
			if !more {
				break
			}
		}
		longest := 0
		for i := 0; i < len(pcs); {
			pc := image.Addr(pcs[i]).Add(-bias) - 1
			f, ok := b.Funcs().Find(pc)
			if !ok {
				t.Fatalf("%s: no function at %v", name, pc)
			}
			frames := f.Frames(pc)
			for _, got := range frames {
				if got.Wrapper {
					continue // not among the runtime's
				}
				if w := want[i]; shorten(got.Func) != w.Function || got.File != w.File || got.Line != w.Line {
					t.Errorf("%s: frame %d is %s %s:%d, the runtime says %s %s:%d", name, i, got.Func, got.File, got.Line, w.Function, w.File, w.Line)
				}
				if i++; i == len(want) {
					break
				}
			}
			longest = max(longest, len(frames))
		}
		if longest < 2 {
			t.Errorf("%s: nothing was inlined, the test saw nothing", name)
		}
	}
}

// shorten replaces type arguments as the runtime does when it shows a name (runtime/symtab.go, funcNameForPrint).
func shorten(name string) string {
	if i, j := strings.IndexByte(name, '['), strings.LastIndexByte(name, ']'); i >= 0 && j > i {
		return name[:i] + "[...]" + name[j+1:]
	}
	return name
}

func TestStartLines(t *testing.T) {
	b, _ := self(t)
	f, ok := b.Funcs().ByName("postmortem/coreread/exe_test.TestStartLines")
	if !ok {
		t.Fatal("no TestStartLines")
	}
	_, _, line, _ := runtime.Caller(0)
	if got := f.StartLine(); got != line-6 {
		t.Errorf("StartLine = %d, want %d", got, line-6)
	}
}

func TestFlagsOfWellKnownFunctions(t *testing.T) {
	b, _ := self(t)
	for _, c := range []struct {
		name              string
		top, spWrite, asm bool
	}{
		{"runtime.goexit", true, false, true},
		{"runtime.mstart", true, false, true},
		{"runtime.systemstack", false, true, true},
		{"runtime.mcall", false, true, true},
		{"runtime.main", false, false, false},
	} {
		f, ok := b.Funcs().ByName(c.name)
		if !ok {
			t.Errorf("no %s", c.name)
			continue
		}
		if f.IsTopFrame() != c.top || f.IsSPWrite() != c.spWrite || f.IsAsm() != c.asm || f.IsWrapper() {
			t.Errorf("%s: top %v, SP write %v, asm %v, wrapper %v, want %v, %v, %v, false", c.name, f.IsTopFrame(), f.IsSPWrite(), f.IsAsm(), f.IsWrapper(), c.top, c.spWrite, c.asm)
		}
	}
	if _, ok := b.Funcs().ByName("runtime.noSuchFunction"); ok {
		t.Error("ByName found a function that does not exist")
	}
}

func TestOutsideOfTheText(t *testing.T) {
	b, _ := self(t)
	r := b.Funcs().Range()
	for _, pc := range []image.Addr{0, 1, r.Start - 1, r.End, r.End + 1, ^image.Addr(0)} {
		if f, ok := b.Funcs().Find(pc); ok {
			t.Errorf("Find(%v) = %s", pc, f.Name())
		}
	}
}

func TestIdentity(t *testing.T) {
	b, _ := self(t)
	if got, want := b.GoVersion(), runtime.Version(); got != want {
		t.Errorf("GoVersion = %q, want %q", got, want)
	}
	want, ok := debug.ReadBuildInfo()
	got, err := b.BuildInfo()
	if !ok || err != nil || got.String() != want.String() {
		t.Errorf("BuildInfo = %v, %v, want %v", got, err, want)
	}
	machine := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[runtime.GOARCH]
	if b.Machine() != machine {
		t.Errorf("Machine = %v, want %v", b.Machine(), machine)
	}
}

// descriptor returns the address of a type's descriptor in this process.
func descriptor(typ reflect.Type) image.Addr {
	return image.Addr((*[2]uintptr)(unsafe.Pointer(&typ))[1])
}

//lint:ignore U1000 its fields are read through reflection
type sample struct {
	tree[string]
	Bytes     []byte `json:"bytes"`
	funcs     map[string]func(int, ...error) (bool, chan<- sample)
	Array     [3]*testing.T
	writer    interface{ Write([]byte) (int, error) }
	anonymous struct{ A, b uint16 }
	receive   <-chan unsafe.Pointer
	f32       float32
	c128      complex128
	up        uintptr
	_         rune
	more      struct {
		i, j int64
		u    [2]uint64
		h    int16
		c    complex64
		e    uint
		d    float64
		s    uint8
		b    uint32
	}
	value reflect.Value
	*strings.Builder
}

func TestTypesAreWhatReflectSays(t *testing.T) {
	b, bias := self(t)
	seen := map[reflect.Type]bool{}
	inFile := b.Types().Range()
	kinds := map[reflect.Kind]bool{}
	var visit func(reflect.Type)
	visit = func(want reflect.Type) {
		if seen[want] {
			return
		}
		seen[want] = true
		addr := descriptor(want).Add(-bias)
		if !inFile.Contains(addr) {
			return // made by reflect in this process
		}
		kinds[want.Kind()] = true
		got, err := b.Types().At(addr)
		if err != nil {
			t.Errorf("%v: %v", want, err)
			return
		}
		compareType(t, got, want, bias)
		for _, next := range neighbours(want) {
			visit(next)
		}
	}
	for _, v := range []any{&sample{}, t, reflect.TypeFor[int](), true, &debug.BuildInfo{}, []any{}, int8(1), new(any)} {
		visit(reflect.TypeOf(v))
	}
	if len(seen) < 200 || len(kinds) < 24 {
		t.Errorf("%d types of %d kinds were compared, want hundreds, and 24 kinds", len(seen), len(kinds))
	}
}

func neighbours(typ reflect.Type) []reflect.Type {
	var out []reflect.Type
	switch typ.Kind() {
	case reflect.Map:
		out = append(out, typ.Key(), typ.Elem())
	case reflect.Array, reflect.Chan, reflect.Pointer, reflect.Slice:
		out = append(out, typ.Elem())
	case reflect.Struct:
		for i := range typ.NumField() {
			out = append(out, typ.Field(i).Type)
		}
	case reflect.Func:
		for i := range typ.NumIn() {
			out = append(out, typ.In(i))
		}
		for i := range typ.NumOut() {
			out = append(out, typ.Out(i))
		}
	}
	for i := range typ.NumMethod() {
		out = append(out, typ.Method(i).Type)
	}
	return out
}

func compareType(t *testing.T, got *exe.Type, want reflect.Type, bias int64) {
	t.Helper()
	same := func(what string, got, want any) {
		if got != want {
			t.Errorf("%s of %v = %v, want %v", what, descriptor(reflect.TypeOf(want)), got, want)
		}
	}
	address := func(typ reflect.Type) image.Addr { return descriptor(typ).Add(-bias) }
	same("String", got.String, want.String())
	same("Kind", got.Kind, want.Kind())
	same("Size", got.Size, uint64(want.Size()))
	same("Align", int(got.Align), want.Align())
	same("FieldAlign", int(got.FieldAlign), want.FieldAlign())
	same("PkgPath", got.PkgPath, want.PkgPath())
	same("Named", got.Named, want.Name() != "")
	switch want.Kind() {
	case reflect.Map:
		same("Key", got.Key, address(want.Key()))
		same("Elem", got.Elem, address(want.Elem()))
	case reflect.Array:
		same("Len", got.Len, uint64(want.Len()))
		same("Elem", got.Elem, address(want.Elem()))
	case reflect.Chan:
		same("ChanDir", got.ChanDir, want.ChanDir())
		same("Elem", got.Elem, address(want.Elem()))
	case reflect.Pointer, reflect.Slice:
		same("Elem", got.Elem, address(want.Elem()))
	case reflect.Func:
		same("NumIn", len(got.In), want.NumIn())
		same("NumOut", len(got.Out), want.NumOut())
		same("Variadic", got.Variadic, want.IsVariadic())
		for i, in := range got.In {
			same("In", in, address(want.In(i)))
		}
		for i, out := range got.Out {
			same("Out", out, address(want.Out(i)))
		}
	case reflect.Interface:
		same("methods", len(got.IMethods), want.NumMethod())
		for i, m := range got.IMethods {
			same("method", m.Name, want.Method(i).Name)
		}
	case reflect.Struct:
		same("fields", len(got.Fields), want.NumField())
		for i, f := range got.Fields {
			w := want.Field(i)
			same("field", f, exe.Field{Name: w.Name, Embedded: w.Anonymous, TypeName: w.Type.String(), TypeAddr: address(w.Type), Kind: w.Type.Kind(), Offset: uint64(w.Offset), Size: uint64(w.Type.Size())})
		}
	}
}

func TestStructsByName(t *testing.T) {
	b, bias := self(t)
	g, err := b.Types().Struct("runtime.g")
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Fields) < 40 || g.Fields[0].Name != "stack" || g.Size < 300 {
		t.Errorf("runtime.g has %d fields from %q on and %d bytes", len(g.Fields), g.Fields[0].Name, g.Size)
	}
	own, err := b.Types().Struct("postmortem/coreread/exe_test.sample")
	if err != nil {
		t.Fatal(err)
	}
	if want := descriptor(reflect.TypeFor[sample]()).Add(-bias); own.Addr != want {
		t.Errorf("sample's descriptor at %v, want %v", own.Addr, want)
	}
	if s, err := b.Types().Struct("exe_test.sample"); err == nil {
		t.Errorf("a name without package path found %v", s.Name)
	}
}
