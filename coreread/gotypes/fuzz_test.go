package gotypes

import (
	"bytes"
	"encoding/binary"
	"sync"
	"testing"

	"postmortem/coreread/exe"
	"postmortem/coreread/image"
	"postmortem/coreread/input"
	"postmortem/internal/testcores"
)

// patch overwrites words of data at places that the fuzzer chooses: each patch is
// an offset of 4 bytes, taken modulo the size, a length of 1 and up to 8 bytes.
func patch(data, patches []byte) []byte {
	out := bytes.Clone(data)
	for len(patches) > 5 && len(out) > 0 {
		at := int(binary.LittleEndian.Uint32(patches) % uint32(len(out)))
		n := min(1+int(patches[4]%8), len(patches)-5)
		copy(out[at:], patches[5:5+n])
		patches = patches[5+n:]
	}
	return out
}

// fuzzed is a binary that is opened once for all runs.
type fuzzed struct {
	bin      *exe.Binary
	sections map[string][]byte
}

func openFuzzed(f *testing.F, core string) *fuzzed {
	file, err := input.Open(f.Context(), testcores.Get(f, core).BinaryPath(f), input.Options{})
	if err != nil {
		f.Fatal(err)
	}
	bin, err := exe.Open(file)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { bin.Close(); file.Close() })
	x := &fuzzed{bin: bin, sections: make(map[string][]byte)}
	for _, name := range []string{"info", "abbrev", "addr", "loc", "ranges", "loclists", "rnglists"} {
		if x.sections[name], err = bin.DebugSection(name); err != nil {
			f.Fatal(err)
		}
	}
	return x
}

// FuzzDebugInfo asks for everything that damaged DWARF can give.
func FuzzDebugInfo(f *testing.F) {
	old, recent := openFuzzed(f, "small-nil-1.18.10-plain"), openFuzzed(f, "small-nil-1.27.3-plain")
	f.Fuzz(func(t *testing.T, older bool, section uint8, patches []byte) {
		x := recent
		if older {
			x = old
		}
		names := []string{"info", "info", "abbrev", "addr", "loc", "ranges", "loclists", "rnglists"}
		damaged := names[int(section)%len(names)]
		read := func(name string) ([]byte, error) {
			if name == damaged {
				return patch(x.sections[name], patches), nil
			}
			return x.sections[name], nil
		}
		u := newUniverse(x.bin.Image(), x.bin, 0, !older)
		u.debug = sync.OnceValue(func() (d *debugInfo) {
			d, u.debugErr = readDebugInfo(read)
			return d
		})
		u.lists = sync.OnceValue(func() *lists { return readLists(read) })
		exercise(u)
		for i := 0; i < x.bin.Funcs().Len(); i += 7 {
			if fn, ok := x.bin.Funcs().Func(i); ok {
				u.Locals(fn, (fn.Entry()+fn.End())/2)
			}
		}
	})
}

// FuzzDescriptors asks for everything that damaged descriptors in the process's memory can give.
func FuzzDescriptors(f *testing.F) {
	old, recent := openFuzzed(f, "small-nil-1.18.10-plain"), openFuzzed(f, "small-nil-1.27.3-plain")
	f.Fuzz(func(t *testing.T, older bool, patches []byte) {
		x := recent
		if older {
			x = old
		}
		m := image.New(binary.LittleEndian)
		types := x.bin.Types().Range()
		for _, s := range x.bin.Image().Segments() {
			if s.Contains(types.Start) {
				from, to := types.Start-s.Start, min(types.End, s.End)-s.Start
				m.Add(types.Start, patch(s.Data[from:to], patches), image.FromCore)
			}
			m.Add(s.Start, s.Data, image.FromBinary)
		}
		exercise(newUniverse(m, x.bin, 0, !older))
	})
}

// exercise asks a universe for everything. What it answers must hold together.
func exercise(u *Universe) {
	for _, v := range u.Globals() {
		u.Slots(v.Type)
		u.Path(v.Type, v.Bytes/2)
	}
	for _, id := range u.names() {
		t := u.Type(id)
		for _, s := range u.Slots(id) {
			if s.Offset+8 > t.Size {
				panic("a slot outside of " + t.Name)
			}
		}
		seen := 0
		u.EachSlot(id, t.Size/2, t.Size, func(Slot) bool { seen++; return seen < 1000 })
		u.Path(id, t.Size/2)
		u.Map(id)
		if t.Descriptor != 0 {
			if m, _, err := u.GCMask(t.Descriptor); err == nil && 64*uint64(len(m.Bits)) < m.Words {
				panic("a mask that is too short")
			}
		}
	}
	for i := 0; i < u.bin.Funcs().Len(); i += 7 {
		if fn, ok := u.bin.Funcs().Func(i); ok {
			u.Closure(fn.Entry())
		}
	}
}
