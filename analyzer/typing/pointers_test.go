package typing_test

import (
	"testing"

	"postmortem/analyzer/typing"
	"postmortem/coreread/goheap"
	"postmortem/coreread/gotypes"
	"postmortem/internal/testcores"
)

// TestPointersAgree holds each object's type against the pointers that the
// collector has of the object: those are where the type's parts have theirs, and
// an array's elements repeat them.
func TestPointersAgree(t *testing.T) {
	for _, c := range testcores.All(t) {
		if c.Cut != 0 || c.Program != "rich" && c.Program != "heap" {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			x := open(t, c)
			checked, bad := 0, 0
			for i := range x.heap.Spans {
				s := &x.heap.Spans[i]
				if !s.InUse() {
					continue
				}
				for o := s.First; o < s.First+goheap.Object(s.Count); o++ {
					e := &x.Table[x.Of[o]]
					if e.Type == 0 || e.Form == typing.Chan {
						continue
					}
					if checked++; !x.agrees(s, o, e) {
						if bad++; bad < 5 {
							t.Errorf("object %v of %d bytes cannot be %s", x.heap.Address(o), s.ElemBytes, e.Name)
						}
					}
				}
			}
			if checked == 0 {
				t.Error("no object has a type")
			}
		})
	}
}

// agrees compares the words of an object with the slots of its type.
func (x *inferred) agrees(s *goheap.Span, o goheap.Object, e *typing.Entry) bool {
	words := (s.ElemBytes - s.Header) / 8
	size := x.types.Type(e.Type).Size
	want := make(map[uint64]bool)
	x.types.EachSlot(e.Type, 0, size, func(slot gotypes.Slot) bool {
		if slot.Kind == gotypes.Eface || slot.Kind == gotypes.Iface {
			slot.Offset += 8
		}
		want[slot.Offset/8] = true
		return true
	})
	repeated := e.Form != typing.Single && e.Form != typing.Closure && e.Form != typing.MapHeader && e.Form != typing.MapTable
	if e.Form == typing.MapDirectory {
		size, want = 8, map[uint64]bool{0: true}
	}
	if size > 8*words {
		return false
	}
	agrees := true
	have := make(map[uint64]bool)
	x.heap.EachPointer(o, func(off uint64) bool {
		word := off / 8
		in := word < size/8
		if have[word] = true; repeated && size >= 8 {
			word, in = word%(size/8), true
		}
		// Recorded types follow one another up to the end of the slot.
		if s.Header == 0 && s.LargeType == 0 || in {
			agrees = agrees && in && want[word]
		}
		return agrees
	})
	for word := range want {
		agrees = agrees && have[word]
	}
	return agrees
}
