package typing

import (
	"postmortem/analyzer/graph"
	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
)

// recorded takes the types that the allocator stored with objects.
func (f *inference) recorded() {
	for i := range f.heap.Spans {
		s := &f.heap.Spans[i]
		if !s.InUse() || s.Header == 0 && s.LargeType == 0 || s.UserArena {
			continue
		}
		for w := range s.AllocatedWords() {
			allocated, o := f.heap.Allocated(s, w)
			for slot := uint32(w) * 64; allocated != 0; slot, allocated = slot+1, allocated>>1 {
				if allocated&1 != 0 {
					f.record(int32(i), slot, uint32(o))
					o++
				}
			}
		}
	}
}

// record takes the stored type of one object: one value of it, or an array where
// a single value would have got a smaller slot.
func (f *inference) record(span int32, slot, o uint32) {
	typ, ok := f.types.At(f.heap.HeaderTypeAt(&f.heap.Spans[span], slot))
	if !ok {
		return
	}
	i := f.single(typ)
	e := &f.entries[i]
	if i == unknownIndex || e.size > f.spans[span].space {
		f.conflicts++
		return
	}
	if e.size <= f.spans[span].least {
		if i = f.array(typ); i == unknownIndex {
			return
		}
	}
	f.words[o] = wordOf(i, Recorded)
	if f.entries[i].pointers {
		f.pend(span, slot)
	}
}

// globals scans the global variables.
func (f *inference) globals() {
	for _, v := range f.types.Globals() {
		f.global(v.Addr, v.Type)
	}
}

func (f *inference) global(at image.Addr, typ gotypes.ID) {
	i := f.single(typ)
	if i == unknownIndex {
		return
	}
	e := &f.entries[i]
	// Also variables that the collector does not look at lead to objects, such as the runtime's.
	if f.types.Type(typ).PtrBytes == 0 {
		return
	}
	if mem, err := f.image.Bytes(at, e.size); err == nil {
		f.scan(i, at, mem)
	}
}

// goroutines claims each goroutine's runtime.g.
func (f *inference) goroutines() {
	g, _ := f.types.ByName("runtime.g")
	i := f.single(g)
	for j := range f.roots.Holders {
		if h := &f.roots.Holders[j]; h.Kind == graph.Goroutine && int64(h.Own) < int64(f.heap.Objects()) {
			f.claim(f.heap.Address(h.Own), f.entries[i].size, i, Owner)
		}
	}
}
