package gotypes_test

import (
	"testing"

	"postmortem/coreread/gotypes"
)

// TestMasksAreThoseOfTheFields compares the collector's mask of every type that
// the lists of a binary lead to with the mask that its fields make: bitmaps, GC
// programs and masks on demand are three ways to write the same.
func TestMasksAreThoseOfTheFields(t *testing.T) {
	for _, name := range universes {
		t.Run(name, func(t *testing.T) {
			u := open(t, name)
			masks := 0
			for id := range everyType(u) {
				typ := u.Type(id)
				m, size, err := u.GCMask(typ.Descriptor)
				if err != nil || size != typ.Size || m.Words != typ.PtrBytes/8 {
					t.Fatalf("%s: %d words of %d bytes, want %d of %d (%v)", typ.Name, m.Words, size, typ.PtrBytes/8, typ.Size, err)
				}
				if want := fieldMask(u, id); !equalBits(m, want) {
					t.Errorf("%s: mask %x, its fields make %x", typ.Name, m.Bits, want)
				}
				if m.Words > 0 {
					masks++
				}
			}
			if masks < 300 {
				t.Errorf("only %d types with pointers", masks)
			}
		})
	}
}

// fieldMask is the mask of a type by the kinds of its parts.
func fieldMask(u *gotypes.Universe, id gotypes.ID) []uint64 {
	words := u.Type(id).PtrBytes / 8
	bits := make([]uint64, (words+63)/64)
	set := func(offset uint64) { bits[offset/8/64] |= 1 << (offset / 8 % 64) }
	u.EachSlot(id, 0, ^uint64(0), func(s gotypes.Slot) bool {
		if s.Kind == gotypes.Eface || s.Kind == gotypes.Iface {
			s.Offset += 8
		}
		set(s.Offset)
		return true
	})
	return bits
}

func equalBits(m gotypes.Mask, want []uint64) bool {
	if len(m.Bits) != len(want) {
		return false
	}
	for i := range want {
		if m.Bits[i] != want[i] {
			return false
		}
	}
	return true
}
