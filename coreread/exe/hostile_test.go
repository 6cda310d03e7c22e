package exe_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"postmortem/coreread/exe"
	"postmortem/coreread/image"
	"postmortem/coreread/input"
)

func TestSyntheticPrograms(t *testing.T) {
	for minor := 18; minor <= 27; minor++ {
		t.Run(fmt.Sprint(minor), func(t *testing.T) { testSynthetic(t, minor) })
	}
}

func testSynthetic(t *testing.T, minor int) {
	b, err := exe.Open(input.Memory("synthetic", synSound(minor, fmt.Sprintf("go1.%d.3", minor))))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for i, want := range synFuncs {
		f, ok := b.Funcs().Find(image.Addr(synText + i*synFuncBytes + 9))
		if !ok || f.Name() != want.name {
			t.Fatalf("function %d is %q, %v, want %q", i, f.Name(), ok, want.name)
		}
		if delta, ok := f.SPDelta(f.Entry() + 3); !ok || delta != 0 {
			t.Errorf("%s: stack depth at its start %d, %v", want.name, delta, ok)
		}
		if delta, ok := f.SPDelta(f.Entry() + 4); !ok || delta != int64(want.depth) {
			t.Errorf("%s: stack depth %d, %v, want %d", want.name, delta, ok, want.depth)
		}
		frames := f.Frames(f.Entry() + 9)
		outer := exe.SourceFrame{Func: want.name, File: want.file, Line: want.line, StartLine: want.line}
		if minor < 20 {
			outer.StartLine = 0
		}
		if want.inlined != "" {
			outer.Line++ // where the call is
			inner := exe.SourceFrame{Func: want.inlined, File: want.file, Line: 1000 + want.line, Inlined: true, StartLine: 900 + want.line}
			if minor < 20 {
				inner.StartLine = 0
			}
			if len(frames) != 2 || frames[0] != inner {
				t.Errorf("%s: frames %+v, want %+v first", want.name, frames, inner)
			}
		}
		if got := frames[len(frames)-1]; got != outer {
			t.Errorf("%s: last frame %+v, want %+v", want.name, got, outer)
		}
	}
	g, err := b.Types().Struct("runtime.g")
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Fields) != 2 || g.Fields[1].Name != "second" || g.Fields[1].Offset != 8 || g.Fields[1].TypeName != "int64" || g.Size != 16 {
		t.Errorf("runtime.g = %+v", g)
	}
}

// Some linkers split a large text and leave a gap between the pieces.
func TestTextInSections(t *testing.T) {
	const gap = 0x80
	b, err := exe.Open(input.Memory("split", synSplitProgram(22, "go1.22.1", synPCLN(22, synFuncs), func(start uint64) synTypes {
		return synPointerToStruct(22, start, "runtime", "g")
	}, [][3]uint64{{0, synFuncBytes, synText}, {synFuncBytes, 3 * synFuncBytes, synText + synFuncBytes + gap}})))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for i, want := range synFuncs {
		at := image.Addr(synText + i*synFuncBytes)
		if i > 0 {
			at += gap
		}
		f, ok := b.Funcs().Find(at + 9)
		if !ok || f.Name() != want.name || f.Entry() != at {
			t.Errorf("Find(%v) = %q at %v, %v, want %q at %v", at+9, f.Name(), f.Entry(), ok, want.name, at)
			continue
		}
		if file, line := f.Position(at + 2); file != want.file || line != want.line {
			t.Errorf("position of %v is %s:%d, want %s:%d", at+2, file, line, want.file, want.line)
		}
	}
	if f, ok := b.Funcs().Find(synText + synFuncBytes + gap/2); ok {
		t.Errorf("Find in the gap = %q", f.Name())
	}
}

// A package of the same name elsewhere is not the runtime.
func TestPackageNamedRuntime(t *testing.T) {
	data := synProgram(22, "go1.22.1", synPCLN(22, synFuncs), func(start uint64) synTypes {
		s := synPointerToStruct(22, start, "runtime", "g")
		// The path stands in its own name, before the type's.
		i := bytes.Index(s.data, []byte("\x07runtime"))
		copy(s.data[i:], "\x07example")
		return s
	})
	b, err := exe.Open(input.Memory("synthetic", data))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if s, err := b.Types().Struct("runtime.g"); !errors.Is(err, exe.ErrNoType) {
		t.Errorf("Struct(runtime.g) = %+v, %v, want ErrNoType", s, err)
	}
	if _, err := b.Types().Struct("example.g"); err != nil {
		t.Error(err)
	}
}

// An unknown version is read with the newest layout that fits, unless the
// binary cannot confirm it.
func TestUnknownVersion(t *testing.T) {
	for _, version := range []string{"go1.99", "devel +abcdef"} {
		_, err := exe.Open(input.Memory("future", synSound(27, version)))
		var unsupported *exe.UnsupportedError
		if !errors.As(err, &unsupported) || unsupported.Version != version {
			t.Errorf("%s: %v, want an UnsupportedError: nothing describes its moduledata", version, err)
		}
	}
}

func TestOtherFiles(t *testing.T) {
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	with := func(at int, b ...byte) []byte {
		data := bytes.Clone(self)
		copy(data[at:], b)
		return data
	}
	for _, c := range []struct {
		name, want  string
		data        []byte
		unsupported bool
	}{
		{"empty", "empty", nil, false},
		{"text", "no ELF file", []byte("hello, world\n"), false},
		{"script", "script", []byte("#!/bin/sh\n"), false},
		{"Windows", "Windows", []byte("MZ\x90\x00"), false},
		{"macOS", "macOS", []byte("\xcf\xfa\xed\xfe\x07"), false},
		{"core", "CORE BINARY", with(16, byte(elf.ET_CORE)), false},
		{"object", "object file", with(16, byte(elf.ET_REL)), false},
		{"magic only", "ends inside", []byte("\x7fELF"), false},
		{"32 bits", "64-bit", with(4, byte(elf.ELFCLASS32)), true},
		{"big endian", "little-endian", with(5, byte(elf.ELFDATA2MSB)), true},
		{"RISC-V", "EM_RISCV", with(18, byte(elf.EM_RISCV)), true},
		{"half", "cut", self[:len(self)/3], false},
		{"go1.15", "before 1.18", synSound(18, "go1.15.2"), true},
		{"no Go", "no Go program", synELF(make([]byte, 64), make([]byte, 64), make([]byte, 64)), false},
	} {
		_, err := exe.Open(input.Memory(c.name, c.data))
		var format *input.FormatError
		var unsupported *exe.UnsupportedError
		if c.unsupported && !errors.As(err, &unsupported) || !c.unsupported && !errors.As(err, &format) {
			t.Errorf("%s: %v (%T)", c.name, err, err)
			continue
		}
		if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%s: %v, want the file's name and %q", c.name, err, c.want)
		}
	}
}

// exercise asks the binary for everything and checks what must hold for any
// input that opens.
func exercise(t testing.TB, b *exe.Binary) {
	funcs := b.Funcs()
	step := max(funcs.Len()/200, 1)
	for i := 0; i < funcs.Len(); i += step {
		f, ok := funcs.Func(i)
		if !ok {
			continue
		}
		for _, pc := range []image.Addr{f.Entry(), f.Entry() + 1, (f.Entry() + f.End()) / 2, f.End() - 1} {
			if found, ok := funcs.Find(pc); ok && (pc < found.Entry() || pc >= found.End()) {
				t.Errorf("Find(%v) = %v-%v", pc, found.Entry(), found.End())
			}
			frames := f.Frames(pc)
			if last := frames[len(frames)-1]; last.Inlined || last.Func != f.Name() {
				t.Errorf("Frames(%v) ends in %+v, want %q", pc, last, f.Name())
			}
			if delta, ok := f.SPDelta(pc); ok && delta%8 != 0 {
				t.Errorf("stack depth %d at %v", delta, pc)
			}
			for table := -1; table < 6; table++ {
				f.PCData(table, pc)
				f.FuncData(table)
			}
		}
		f.Args()
		f.DeferReturn()
		if found, ok := funcs.ByName(f.Name()); !ok || found.Name() != f.Name() {
			t.Errorf("ByName(%q) = %q, %v", f.Name(), found.Name(), ok)
		}
	}
	if structs, err := b.Types().Structs("runtime.g", "runtime.m", "main.main"); err == nil {
		for name, s := range structs {
			if s.Name != name {
				t.Errorf("Structs gave %q for %q", s.Name, name)
			}
		}
	}
	r := b.Types().Range()
	for at := r.Start; at < r.End && at < r.Start+4096; at += 8 {
		if typ, err := b.Types().At(at); err == nil && typ.Addr != at {
			t.Errorf("At(%v) is at %v", at, typ.Addr)
		}
	}
	var bias int64
	if b.PIE() {
		bias = 0x7f0000000000
	}
	if _, err := b.Loaded(bias); err != nil {
		t.Errorf("Loaded: %v", err)
	}
	b.Global("runtime.allgs")
	b.TLSG()
	b.GNUBuildID()
	_, _, _ = exe.BuildIDsIn(b.Image(), b.Segments()[0].Start)
	_, _ = exe.BuildInfoIn(b.Image(), b.Segments()[0].Start)
}

// Entries of a hostile file may share their bytes: what each may cost on its
// own must not multiply.
func TestSharedBytes(t *testing.T) {
	const megabyte = 1 << 20
	open := func(t *testing.T, data []byte) *exe.Binary {
		t.Helper()
		b, err := exe.Open(input.Memory("shared", data))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close() })
		return b
	}
	t.Run("fields", func(t *testing.T) {
		// Every 80 bytes a struct of 20,000 fields, which are all the same.
		const fields = 20_000
		b := open(t, synProgram(27, "go1.27.1", synPCLN(27, synFuncs), func(start uint64) synTypes {
			s := synTypes{data: make([]byte, 8)}
			var last uint32
			for len(s.data) < megabyte/2 {
				last = s.descriptor(8, 0, 25, 0)
				for _, v := range []uint64{0, start + megabyte/2 + 4096, fields, fields} {
					s.data = le.AppendUint64(s.data, v)
				}
				if len(s.data) == 8+80 {
					// The first one is no field of itself, but the only descriptor of the row.
					s.link = last + 80
				}
			}
			s.data = append(s.data, make([]byte, megabyte/2+4096-len(s.data)%4096)...)
			for at := range fields {
				// Each field's type is another of the structs.
				le.PutUint64(s.data[megabyte/2+4096+24*at+8:], start+8+uint64(80*at)%(megabyte/2))
			}
			return s
		}))
		defer checkTime(t, 2*time.Second)()
		if _, err := b.Types().Struct("runtime.g"); err == nil {
			t.Error("found a struct that is not there")
		}
	})
	t.Run("names", func(t *testing.T) {
		// Functions whose names are the ends of one another.
		tables := synPCLN(22, slices.Repeat(synFuncs, 10_000))
		names, cu := le.Uint64(tables.pcln[32:]), le.Uint64(tables.pcln[40:])
		for i := names; i < cu-1; i++ {
			tables.pcln[i] = 'n'
		}
		b := open(t, synProgram(22, "go1.22.1", tables, func(start uint64) synTypes {
			return synPointerToStruct(22, start, "runtime", "g")
		}))
		defer checkTime(t, time.Second)()
		if _, ok := b.Funcs().ByName("runtime.main"); ok {
			t.Error("found a function that is not there")
		}
	})
	t.Run("build information", func(t *testing.T) {
		// Every 96 bytes a blob with half the file for its modules, which begin with a line that is wrong.
		blob := synBuildInfo("go1.22.1")
		blob = binary.AppendUvarint(blob[:len(blob)-1], megabyte)
		blob = append(blob, "sixteen bytes...dep\tx\n"...)
		blob = append(blob, make([]byte, 96-len(blob))...)
		data := append(bytes.Repeat(blob, megabyte/96), make([]byte, megabyte)...)
		defer checkTime(t, 2*time.Second)()
		if _, err := exe.Open(input.Memory("shared", synELF(nil, nil, data))); err == nil {
			t.Error("opened")
		}
	})
}

// TestDamagedBinaries flips bits and cuts the test's own executable: opening it fails with an
// error that names the file, or what is left can be asked for anything.
func TestDamagedBinaries(t *testing.T) {
	whole, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, at int, data []byte) (opened bool) {
		defer checkTime(t, 5*time.Second)()
		b, err := exe.Open(input.Memory("damaged", data))
		if err != nil {
			if !strings.Contains(err.Error(), "damaged") {
				t.Errorf("%s at %#x: the error does not name the file: %v", what, at, err)
			}
			return false
		}
		exercise(t, b)
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		return true
	}
	rng := rand.New(rand.NewPCG(7, 8))
	data := bytes.Clone(whole)
	opened := 0
	const flips = 150
	for i := range flips {
		at := rng.IntN(len(data))
		if i%3 == 0 {
			at = rng.IntN(0x1000) // headers
		}
		bit := byte(1) << rng.IntN(8)
		data[at] ^= bit
		if try("bit flip", at, data) {
			opened++
		}
		data[at] ^= bit
	}
	if opened < flips*2/3 {
		t.Errorf("%d of %d binaries with one bit flipped can be opened", opened, flips)
	}
	for range 40 {
		n := rng.IntN(len(whole))
		try("cut", n, whole[:n])
	}
}
