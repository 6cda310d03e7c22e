package gotypes

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"postmortem/coreread/exe"
	"postmortem/coreread/image"
	"postmortem/coreread/input"
)

// self is the universe of the test's own process.
func self(t *testing.T) *Universe {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := input.Open(t.Context(), path, input.Options{})
	if err != nil {
		t.Fatal(err)
	}
	bin, err := exe.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bin.Close(); f.Close() })
	bias := int64(0)
	if bin.PIE() {
		fn, ok := bin.Funcs().ByName("postmortem/coreread/gotypes.self")
		if !ok {
			t.Fatal("not in the table of functions")
		}
		bias = int64(reflect.ValueOf(self).Pointer()) - int64(fn.Entry())
	}
	return newUniverse(memory(t), bin, bias, true)
}

// memory copies what the process has mapped: what can be written, and the binary.
func memory(t *testing.T) *image.Image {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	m := image.New(binary.LittleEndian)
	for s := bufio.NewScanner(bytes.NewReader(maps)); s.Scan(); {
		var start, end uint64
		var mode string
		if _, err := fmt.Sscanf(s.Text(), "%x-%x %s", &start, &end, &mode); err != nil || mode[0] != 'r' || strings.Contains(s.Text(), "[v") {
			continue
		}
		data := make([]byte, end-start)
		if n, err := mem.ReadAt(data, int64(start)); err == nil && n == len(data) {
			m.Add(image.Addr(start), data, image.FromCore)
		}
	}
	return m
}

func descriptorOf(t reflect.Type) image.Addr {
	return image.Addr((*[2]uintptr)(unsafe.Pointer(&t))[1])
}

type local struct {
	A int
	B *string
	C []map[string]any
	D [3]struct{ X, Y *local }
}

type generic[T any] struct{ Value T }

// TestReflect holds types of this process against what reflect says of them, also
// those that reflect makes now.
func TestReflect(t *testing.T) {
	field := func(name string, of any) reflect.StructField {
		return reflect.StructField{Name: name, Type: reflect.TypeOf(of)}
	}
	made := reflect.StructOf([]reflect.StructField{field("A", int8(0)), field("B", &local{}), field("C", [7]any{})})
	large := reflect.ArrayOf(5000, made)
	types := map[reflect.Type]string{
		reflect.TypeOf(local{}):                           "postmortem/coreread/gotypes.local",
		reflect.TypeOf(generic[*local]{}):                 "postmortem/coreread/gotypes.generic[*postmortem/coreread/gotypes.local]",
		reflect.TypeOf(map[string][]image.Addr{}):         "map[string][]postmortem/coreread/image.Addr",
		reflect.TypeOf((func(int, ...string) error)(nil)): "func(int, ...string) error",
		reflect.TypeOf((<-chan func() (int, bool))(nil)):  "<-chan func() (int, bool)",
		made:                                     "struct { A int8; B *postmortem/coreread/gotypes.local; C [7]interface {} }",
		reflect.PointerTo(reflect.SliceOf(made)): "*[]struct { A int8; B *postmortem/coreread/gotypes.local; C [7]interface {} }",
		reflect.MapOf(reflect.TypeOf(image.Addr(0)), made):       "map[postmortem/coreread/image.Addr]struct { A int8; B *postmortem/coreread/gotypes.local; C [7]interface {} }",
		reflect.ChanOf(reflect.SendDir, reflect.TypeOf(local{})): "chan<- postmortem/coreread/gotypes.local",
		reflect.FuncOf([]reflect.Type{made}, nil, false):         "func(struct { A int8; B *postmortem/coreread/gotypes.local; C [7]interface {} })",
		large: "[5000]struct { A int8; B *postmortem/coreread/gotypes.local; C [7]interface {} }",
	}
	u := self(t)
	for typ, name := range types {
		checkReflected(t, u, typ, name)
	}
}

func checkReflected(t *testing.T, u *Universe, want reflect.Type, name string) {
	t.Helper()
	id, ok := u.At(descriptorOf(want))
	got := u.Type(id)
	if !ok || got.Name != name || got.Kind != want.Kind() || got.Size != uint64(want.Size()) {
		t.Errorf("%v: %v of %d bytes called %q, want %q", want, got.Kind, got.Size, got.Name, name)
		return
	}
	switch want.Kind() {
	case reflect.Struct:
		for i := range want.NumField() {
			f := want.Field(i)
			if g := got.Fields[i]; g.Name != f.Name || g.Offset != uint64(f.Offset) || g.Embedded != f.Anonymous || u.Type(g.Type).Size != uint64(f.Type.Size()) {
				t.Errorf("%v: field %+v, want %+v", want, g, f)
			}
		}
	case reflect.Array:
		if got.Len != uint64(want.Len()) {
			t.Errorf("%v: %d elements", want, got.Len)
		}
	}
	m, _, err := u.GCMask(descriptorOf(want))
	if err != nil || m.Words != got.PtrBytes/8 {
		t.Errorf("%v: mask of %d words (%v)", want, m.Words, err)
		return
	}
	i := uint64(0)
	check := func(at uint64, bit bool) {
		for ; i < at; i++ {
			if m.Bit(i) {
				t.Errorf("%v: word %d is a pointer in the mask", want, i)
			}
		}
		if m.Bit(i) != bit {
			t.Errorf("%v: word %d is not a pointer in the mask", want, i)
		}
		i++
	}
	u.EachSlot(id, 0, got.Size, func(s Slot) bool {
		if s.Kind == Eface || s.Kind == Iface {
			// The first word is a pointer where reflect made the type (reflect/type.go,
			// addTypeBits), and none where the compiler did.
			check(s.Offset/8, m.Bit(s.Offset/8))
			s.Offset += 8
		}
		check(s.Offset/8, true)
		return true
	})
	check(m.Words+1, false)
}

// TestConcurrentUse asks for the same things from several goroutines; the race
// detector watches.
func TestConcurrentUse(t *testing.T) {
	u, s := universeOf(t, "small-nil-1.27.3-plain")
	listed := s.Exe.Types().Listed()
	var wg sync.WaitGroup
	results := make([]string, 4)
	for w := range results {
		wg.Go(func() {
			var sum strings.Builder
			for i := range listed {
				a := listed[(i*(2*w+1))%len(listed)].Add(s.Bias)
				m, size, _ := u.GCMask(a)
				id, _ := u.At(a)
				if uint64(len(u.Slots(id))) > m.Words || u.Type(id).Size != size {
					sum.WriteString(u.Type(id).Name)
				}
			}
			fmt.Fprint(&sum, len(u.Globals()))
			results[w] = sum.String()
		})
	}
	wg.Wait()
	for _, r := range results {
		if r != results[0] {
			t.Errorf("%q and %q", r, results[0])
		}
	}
}
