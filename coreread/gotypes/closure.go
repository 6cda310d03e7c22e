package gotypes

import (
	"debug/elf"
	"encoding/binary"
	"reflect"

	"golang.org/x/arch/x86/x86asm"

	"postmortem/coreread/image"
)

// Closure returns the type of the closures on the heap whose code begins at pc:
// struct { F uintptr; … } with what they captured, as the code that makes them has it.
// false when no such code was found: the closure captures nothing, lives on
// stacks only, or is made in a way that is not known.
func (u *Universe) Closure(pc image.Addr) (ID, bool) {
	descriptor, ok := u.closures()[pc.Add(-u.bias)]
	if !ok || descriptor == 0 {
		return 0, false
	}
	return u.At(descriptor)
}

// closureFinder looks through the program's code for the places that make
// closures: the descriptor of a struct that begins with F uintptr is given to
// the allocator, and then the address of a function is taken, which becomes the
// first word (cmd/compile/internal/walk/closure.go).
type closureFinder struct {
	universe *Universe
	code     []byte
	start    image.Addr // of the code, the binary's own
	types    image.Range
	isStruct map[image.Addr]bool // descriptors: of a closure's struct or not
	found    map[image.Addr]image.Addr
}

// readClosures returns the descriptor of each closure's struct by the code's
// entry, the binary's own address; 0 where the places contradict each other.
func (u *Universe) readClosures() map[image.Addr]image.Addr {
	bin := u.bin
	module := bin.Module()
	f := &closureFinder{
		universe: u, start: module.Text, types: bin.Types().Range(),
		isStruct: make(map[image.Addr]bool), found: make(map[image.Addr]image.Addr),
	}
	f.code = bin.Image().Present(image.Range{Start: module.Text, End: module.EText})
	if bin.Machine() == elf.EM_AARCH64 {
		f.arm64()
	} else {
		f.amd64()
	}
	return f.found
}

// makesClosure reports whether a descriptor, at the binary's own address, is that of a
// closure's struct.
func (f *closureFinder) makesClosure(descriptor image.Addr) bool {
	if !f.types.Contains(descriptor) || descriptor%8 != 0 {
		return false
	}
	is, known := f.isStruct[descriptor]
	if !known {
		u := f.universe
		t := u.Type(u.ref(descriptor.Add(u.bias)))
		is = t.Kind == reflect.Struct && len(t.Fields) > 1 && isCode(t.Fields[0].Name) && u.Type(t.Fields[0].Type).Kind == reflect.Uintptr
		f.isStruct[descriptor] = is
	}
	return is
}

// isCode reports whether a field is the first of a closure: ".F" until Go 1.20.
func isCode(name string) bool { return name == "F" || name == ".F" }

// note enters that closures of the function at entry are of a struct.
func (f *closureFinder) note(entry, descriptor image.Addr) bool {
	fn, ok := f.universe.bin.Funcs().Find(entry)
	if !ok || fn.Entry() != entry {
		return false
	}
	descriptor = descriptor.Add(f.universe.bias)
	if other, twice := f.found[entry]; twice && other != descriptor {
		descriptor = 0
	}
	f.found[entry] = descriptor
	return true
}

// maxBetween bounds the instructions between the descriptor's address and the function's.
const maxBetween = 24

const leaBytes = 7 // REX.W 8D /r disp32

// amd64 looks for LEA reg, [RIP+disp32].
func (f *closureFinder) amd64() {
	for i := 0; i+leaBytes <= len(f.code); i++ {
		if f.code[i+1] != 0x8d || f.code[i]&^4 != 0x48 || f.code[i+2]&0xc7 != 0x05 {
			continue
		}
		if descriptor := f.leaTarget(i); f.makesClosure(descriptor) {
			f.amd64Site(i+leaBytes, descriptor)
		}
	}
}

func (f *closureFinder) leaTarget(i int) image.Addr {
	disp := int32(binary.LittleEndian.Uint32(f.code[i+3:]))
	return f.start + image.Addr(i+leaBytes) + image.Addr(disp)
}

// amd64Site reads on behind the descriptor's address: one call, then the function's address.
func (f *closureFinder) amd64Site(i int, descriptor image.Addr) {
	called := false
	for range maxBetween {
		inst, err := x86asm.Decode(f.code[min(i, len(f.code)):min(i+16, len(f.code))], 64)
		if err != nil {
			return
		}
		switch {
		case inst.Op == x86asm.CALL:
			if called {
				return
			}
			called = true
		case inst.Op == x86asm.RET:
			return
		case called && inst.Op == x86asm.LEA && inst.Len == leaBytes && f.code[i+2]&0xc7 == 0x05:
			if f.note(f.leaTarget(i), descriptor) {
				return
			}
		}
		i += inst.Len
	}
}

// arm64 looks for ADRP and ADD.
func (f *closureFinder) arm64() {
	for i := 0; i+8 <= len(f.code); i += 4 {
		if descriptor, ok := f.adrpTarget(i); ok && f.makesClosure(descriptor) {
			f.arm64Site(i+8, descriptor)
		}
	}
}

func (f *closureFinder) word(i int) uint32 { return binary.LittleEndian.Uint32(f.code[i:]) }

// adrpTarget returns the address that ADRP Xd and ADD Xd, Xd, #imm at i take.
func (f *closureFinder) adrpTarget(i int) (image.Addr, bool) {
	if i+8 > len(f.code) {
		return 0, false
	}
	adrp, add := f.word(i), f.word(i+4)
	if adrp&0x9f000000 != 0x90000000 || add&0xffc00000 != 0x91000000 || adrp&31 != add&31 || add&31 != add>>5&31 {
		return 0, false
	}
	pages := int64(int32(adrp<<8)>>13)<<2 | int64(adrp>>29&3) // 21 bits, signed
	page := (f.start + image.Addr(i)) &^ 0xfff
	return page + image.Addr(pages<<12) + image.Addr(add>>10&0xfff), true
}

func (f *closureFinder) arm64Site(i int, descriptor image.Addr) {
	const bl, ret = 0x94000000, 0xd65f03c0
	called := false
	for range maxBetween {
		if i+4 > len(f.code) {
			return
		}
		w := f.word(i)
		if w&0xfc000000 == bl {
			if called {
				return
			}
			called = true
		}
		if w == ret {
			return
		}
		if entry, ok := f.adrpTarget(i); ok && called && f.note(entry, descriptor) {
			return
		}
		i += 4
	}
}
