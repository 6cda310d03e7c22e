package goprof_test

import (
	"fmt"
	"slices"
	"testing"

	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// special puts a runtime.special about the object at an offset of its span.
func (w *world) special(offset uint64, kind layout.SpecialKind, next, bucket uint64) uint64 {
	at := w.next
	s := w.lay.Struct("runtime.special")
	for i := uint64(0); i < s.Size(); i += 8 {
		w.words[at+i] = 0
	}
	number := uint64(0)
	for n := uint8(1); n < 20; n++ {
		if k, ok := w.lay.SpecialKind(n); ok && k == kind {
			number = uint64(n)
		}
	}
	if number == 0 {
		w.t.Fatalf("no special is a %s", kind)
	}
	w.words[at+s.Offset("next")] = next
	if f := s.Field("offset"); f.Size == 2 {
		w.put(at+f.Offset, 2, offset)
	} else {
		w.words[at+f.Offset] = offset
	}
	w.put(at+s.Offset("kind"), 1, number)
	w.words[at+w.offset("runtime.specialprofile", "b")] = bucket
	w.next += w.lay.Struct("runtime.specialprofile").Size()
	return at
}

var span = image.Range{Start: 0xc000100000, End: 0xc000102000}

func sampledOf(w *world, specials uint64) (list []string, gaps int, what string) {
	ps, p, _ := w.read()
	before := len(p.Gaps())
	ps.Sampled(span, image.Addr(specials), func(a image.Addr, bucket int) {
		list = append(list, fmt.Sprintf("%#x:%d", uint64(a-span.Start), bucket))
	})
	for _, g := range p.Gaps()[before:] {
		what = g.What
		gaps++
	}
	return list, gaps, what
}

func TestSampledObjects(t *testing.T) {
	eachVersion(t, func(t *testing.T, p *program) {
		w := p.world(t)
		first := w.bucket(1, 64, []uint64{1}, w.memory(64, [4][2]uint64{{1}})...)
		second := w.bucket(1, 64, []uint64{2}, w.memory(64, [4][2]uint64{{1}})...)
		end := w.special(0x1fc0, layout.SpecialProfile, 0, first)
		list := w.special(0x40, layout.SpecialProfile, w.special(0x80, layout.SpecialFinalizer, w.special(0x80, layout.SpecialProfile, end, second), 1), first)
		got, gaps, what := sampledOf(w, list)
		if want := []string{"0x40:1", "0x80:0", "0x1fc0:1"}; !slices.Equal(got, want) || gaps != 0 {
			t.Errorf("sampled %v, want %v; %d gaps %s", got, want, gaps, what)
		}
		if got, gaps, _ := sampledOf(w, 0); len(got) != 0 || gaps != 0 {
			t.Errorf("a span without records has %v, %d gaps", got, gaps)
		}
	})
}

func TestDamagedRecordsOfObjects(t *testing.T) {
	eachVersion(t, func(t *testing.T, p *program) {
		next := p.lay.Struct("runtime.special").Offset("next")
		for _, tt := range []struct {
			name   string
			damage func(w *world, list [3]uint64)
			left   int
		}{
			{"none", func(*world, [3]uint64) {}, 3},
			{"circle of one", func(w *world, list [3]uint64) { w.words[list[0]+next] = list[0] }, 1},
			{"circle of two", func(w *world, list [3]uint64) { w.words[list[1]+next] = list[0] }, 2},
			{"absent", func(w *world, list [3]uint64) { w.words[list[1]+next] = 0x123456789000 }, 2},
			{"not in the span", func(w *world, list [3]uint64) { w.words[list[1]+next] = w.special(0x2000, layout.SpecialProfile, 0, 0) }, 2},
			{"out of order", func(w *world, list [3]uint64) { w.words[list[1]+next] = w.special(0x10, layout.SpecialProfile, 0, 0) }, 2},
			{"no such stack", func(w *world, list [3]uint64) { w.words[list[1]+w.offset("runtime.specialprofile", "b")] = 0x10 }, 2},
		} {
			t.Run(tt.name, func(t *testing.T) {
				w := p.world(t)
				b := w.bucket(1, 64, []uint64{1}, w.memory(64, [4][2]uint64{{1}})...)
				var list [3]uint64
				for i := 2; i >= 0; i-- {
					following := uint64(0)
					if i < 2 {
						following = list[i+1]
					}
					list[i] = w.special(0x40, layout.SpecialProfile, following, b)
				}
				tt.damage(w, list)
				got, gaps, what := sampledOf(w, list[0])
				if (gaps > 0) != (tt.name != "none") {
					t.Errorf("%d gaps: %s", gaps, what)
				}
				// A circle shows when it was gone round, at most twice.
				if len(got) < tt.left || len(got) > 2*tt.left {
					t.Errorf("%d objects, want %d", len(got), tt.left)
				}
			})
		}
	})
}
