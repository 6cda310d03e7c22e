package layout_test

import (
	"debug/dwarf"
	"testing"

	"postmortem/coreread/layout/internal/record"
	"postmortem/coreread/layout/internal/shape"
)

// Debugging information is hostile input: it may be refused, nothing else.
func FuzzDWARF(f *testing.F) {
	for _, seed := range dwarfSeeds() {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, abbrev, info []byte) {
		data, err := openDWARF(abbrev, info)
		if err != nil {
			return
		}
		d, err := shape.NewDWARF(data)
		if err != nil {
			return
		}
		for _, name := range []string{"runtime.g", "runtime.work", "runtime.loop"} {
			if s, ok, err := d.Type(name); ok && err == nil {
				_ = s.Check()
				_, _, _ = s.Locate("a.b[1].c")
			}
			_, _, _ = d.Variable(name, name)
		}
	})
}

func openDWARF(abbrev, info []byte) (d *dwarf.Data, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = dwarf.DecodeError{Name: "info", Err: "damaged"}
		}
	}()
	return dwarf.New(abbrev, nil, nil, info, nil, nil, nil, nil)
}

// dwarfSeeds are units of DWARF 4 with a struct and a variable of the runtime:
// a sound one, and one whose struct contains itself by value.
func dwarfSeeds() [][2][]byte {
	abbrev := []byte{
		1, 0x11, 1, 0x03, 0x08, 0, 0, // compile unit: name
		2, 0x13, 1, 0x03, 0x08, 0x0b, 0x0f, 0, 0, // struct: name, size
		3, 0x0d, 0, 0x03, 0x08, 0x38, 0x0f, 0x49, 0x13, 0, 0, // member: name, offset, type
		4, 0x24, 0, 0x03, 0x08, 0x0b, 0x0f, 0, 0, // base type: name, size
		5, 0x34, 0, 0x03, 0x08, 0x49, 0x13, 0, 0, // variable: name, type
		6, 0x01, 1, 0x03, 0x08, 0x0b, 0x0f, 0x49, 0x13, 0, 0, // array: name, size, type
		7, 0x21, 0, 0x37, 0x0f, 0, 0, // subrange: count
		0,
	}
	const header = 11 // bytes of a unit's header after which entries begin
	unit := func(body []byte) []byte {
		n := len(body) + header - 4
		return append([]byte{byte(n), byte(n >> 8), 0, 0, 4, 0, 0, 0, 0, 0, 8}, body...)
	}
	build := func(member func(structAt, wordAt byte) byte) []byte {
		var b []byte
		b = append(b, 1)
		b = append(b, "runtime\x00"...)
		wordAt := byte(header + len(b))
		b = append(b, 4)
		b = append(b, "uintptr\x00\x08"...)
		structAt := byte(header + len(b))
		b = append(b, 2)
		b = append(b, "runtime.g\x00\x10"...)
		b = append(b, 3)
		b = append(b, "a\x00\x08"...)
		b = append(b, member(structAt, wordAt), 0, 0, 0)
		b = append(b, 0) // end of the struct
		b = append(b, 5)
		b = append(b, "runtime.work\x00"...)
		b = append(b, structAt, 0, 0, 0)
		b = append(b, 0) // end of the unit
		return unit(b)
	}
	return [][2][]byte{
		{abbrev, build(func(_, word byte) byte { return word })},
		{abbrev, build(func(self, _ byte) byte { return self })},
	}
}

func TestDWARFSeeds(t *testing.T) {
	for i, seed := range dwarfSeeds() {
		data, err := openDWARF(seed[0], seed[1])
		if err != nil {
			t.Fatal(err)
		}
		d, err := shape.NewDWARF(data)
		if err != nil {
			t.Fatal(err)
		}
		s, ok, err := d.Type("runtime.g")
		if recursive := i == 1; !ok || (err != nil) != recursive {
			t.Fatalf("seed %d: %v, %v", i, ok, err)
		}
		if err == nil {
			if off, at, err := s.Locate("a"); off != 8 || err != nil || at.Size != 8 {
				t.Errorf("seed %d: a is at %d: %v", i, off, err)
			}
			if v, ok, err := d.Variable("runtime.work", "runtime.workType"); !ok || err != nil || v.Size != 16 {
				t.Errorf("seed %d: work is %+v, %v", i, v, err)
			}
		}
	}
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte("go1.22.5 amd64\nruntime.gobuf 16 always\n\tsp 0 8 uintptr\n\tpc 8 8 uintptr\nruntime.x 40 absent\n\tb 8 32 [2]runtime.gobuf\n"))
	f.Add([]byte("go1.18 arm64\nruntime.x 8 some\n\tx 0 8 runtime.x\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := record.Parse(text)
		if err != nil {
			return
		}
		for _, s := range r.Structs {
			_ = s.Check()
		}
	})
}
