package heap

import (
	"cmp"

	"postmortem/analyzer/facts"
)

// spareLimit says which arrays are worth telling: those of which so many bytes and
// more are unused, and less than so many percent used.
type spareLimit struct{ bytes, percent uint64 }

// met reports whether an array is worth telling by its bytes.
func (l spareLimit) met(used, room uint64) bool {
	return room <= 1<<48 && used < room && room-used >= l.bytes && 100*used < l.percent*room
}

// spareArrays are the arrays behind slices that use little of them.
type spareArrays struct {
	*referrers
}

// spareArrays chooses the arrays that a slice leaves much of unused. Whether
// others use more of them, the referrers will tell.
func (h *headers) spareArrays(r *referrers) *spareArrays {
	for _, list := range h.arrays {
		for _, o := range list {
			r.choose(o)
		}
	}
	return &spareArrays{r}
}

// facts tells the arrays that nothing makes more use of. Those that a stack or
// something of unknown type refers to are left out: how much these use of them is
// not known.
func (s *spareArrays) facts() *facts.SpareSlices {
	doc := &facts.SpareSlices{Top: []facts.SpareSlice{}}
	var all []*referred
	byBytes := func(a, b *referred) int {
		return cmp.Or(-cmp.Compare(a.room-a.used, b.room-b.used), cmp.Compare(a.object, b.object))
	}
	for i := range s.list {
		e := &s.list[i]
		if e.unsure || !s.spare.met(e.used, e.room) {
			continue
		}
		doc.Count++
		doc.Bytes += e.room - e.used
		if all = append(all, e); len(all) >= 16*facts.WasteTopCap {
			top(&all, facts.WasteTopCap, byBytes)
		}
	}
	top(&all, facts.WasteTopCap, byBytes)
	doc.TopTotal = int(doc.Count)
	for _, e := range all {
		key := s.Types.Of[e.object]
		size := max(s.Types.Table[key].Size, 1)
		doc.Top = append(doc.Top, facts.SpareSlice{
			Address: facts.Word(s.Heap.Address(e.object)), Type: facts.Some(s.Types.Name(key)),
			Length: (e.used + size - 1) / size, Capacity: e.room / size, Bytes: e.room - e.used,
			Holder: s.name(e.holder),
		})
	}
	return doc
}
