package heap

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"sort"

	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
)

// region is values of one type in the program's data: a global variable, or what
// the compiler laid out for one, like the struct of `var cache = &Cache{…}`.
type region struct {
	addr  image.Addr
	typ   gotypes.ID
	bytes uint64
	name  string // of a variable

	// How the others are found: from the byte at an offset of another region.
	from   int32
	offset uint64
	array  bool // the array behind a slice
}

// regions finds what of the program's data has a type with pointers.
type regions struct {
	*Analysis
	list   []region // variables by address, then the others
	data   []image.Range
	seen   map[regionKey]struct{}
	budget uint64 // bytes that may still be looked at, more often than once

	covered []image.Range // by address, what regions are in
}

type regionKey struct {
	addr image.Addr
	typ  gotypes.ID
}

// maxRegions bounds how many there are.
const maxRegions = 1 << 20

func newRegions(a *Analysis) *regions {
	r := &regions{Analysis: a, seen: map[regionKey]struct{}{}}
	m := a.snap.Exe.Module()
	for _, s := range []image.Range{{Start: m.Data, End: m.EData}, {Start: m.BSS, End: m.EBSS}} {
		s = image.Range{Start: s.Start.Add(a.snap.Bias), End: s.End.Add(a.snap.Bias)}
		r.data = append(r.data, s)
		r.budget += 8 * s.Len()
	}
	for _, v := range a.universe.Globals() {
		if t := a.universe.Type(v.Type); t.PtrBytes > 0 {
			r.add(region{addr: v.Addr, typ: v.Type, bytes: t.Size, name: v.Name, from: -1})
		}
	}
	variables := r.ranges()
	for i := 0; i < len(r.list); i++ {
		if r.list[i].bytes > r.budget {
			break
		}
		r.budget -= r.list[i].bytes
		r.follow(i, variables)
	}
	r.covered = r.ranges()
	return r
}

func (r *regions) add(e region) {
	key := regionKey{e.addr, e.typ}
	if _, ok := r.seen[key]; !ok && len(r.list) < maxRegions {
		r.seen[key] = struct{}{}
		r.list = append(r.list, e)
	}
}

// ranges returns what the regions cover.
func (r *regions) ranges() []image.Range {
	var all []image.Range
	for i := range r.list {
		all = append(all, image.Range{Start: r.list[i].addr, End: r.list[i].addr + image.Addr(r.list[i].bytes)})
	}
	slices.SortFunc(all, func(a, b image.Range) int { return cmp.Compare(a.Start, b.Start) })
	merged := all[:0]
	for _, e := range all {
		if n := len(merged); n > 0 && e.Start <= merged[n-1].End {
			merged[n-1].End = max(merged[n-1].End, e.End)
			continue
		}
		merged = append(merged, e)
	}
	return merged
}

func contains(ranges []image.Range, a image.Addr) bool {
	i := sort.Search(len(ranges), func(i int) bool { return ranges[i].End > a })
	return i < len(ranges) && ranges[i].Contains(a)
}

// covers reports whether an address is in a region.
func (r *regions) covers(a image.Addr) bool { return contains(r.covered, a) }

// memory returns the bytes of a region.
func (r *regions) memory(i int) []byte {
	mem, _ := r.Heap.Process().Image.Bytes(r.list[i].addr, r.list[i].bytes)
	return mem
}

// follow adds the regions that one leads to and that no variable is.
func (r *regions) follow(i int, variables []image.Range) {
	e, mem := r.list[i], r.memory(i)
	size := r.universe.Type(e.typ).Size
	visit := func(base uint64, s *gotypes.Slot) {
		next, ok := r.target(s, mem[base:base+size])
		if ok && r.inData(next.addr, next.bytes) && !contains(variables, next.addr) {
			next.from, next.offset = int32(i), base+s.Offset
			r.add(next)
		}
	}
	slots := r.universe.Slots(e.typ)
	wide := r.universe.Wide(e.typ)
	for base := uint64(0); size > 0 && base+size <= uint64(len(mem)); base += size {
		for j := range slots {
			visit(base, &slots[j])
		}
		if wide {
			r.universe.EachSlot(e.typ, 0, size, func(s gotypes.Slot) bool { visit(base, &s); return true })
		}
	}
}

// target returns what a slot leads to, if that has pointers.
func (r *regions) target(s *gotypes.Slot, value []byte) (region, bool) {
	n := slotBytes(s.Kind)
	if s.Offset > uint64(len(value)) || n > uint64(len(value))-s.Offset {
		return region{}, false
	}
	words := value[s.Offset : s.Offset+n]
	e := region{addr: image.Addr(word64(words)), typ: s.Elem}
	count := uint64(1)
	switch s.Kind {
	case gotypes.Pointer:
	case gotypes.SliceData:
		count, e.array = word64(words[16:]), true
	case gotypes.Eface, gotypes.Iface:
		descriptor := e.addr
		if s.Kind == gotypes.Iface {
			// The type is the itab's second word in all versions (runtime2.go, itab; internal/abi/iface.go).
			descriptor, _ = r.Heap.Process().Image.Addr(descriptor + 8)
		}
		id, _ := r.universe.At(descriptor)
		if e.addr = image.Addr(word64(words[8:])); !r.inData(e.addr, 1) || r.universe.Type(id).Kind != reflect.Pointer {
			return region{}, false
		}
		e.typ = r.universe.Type(id).Elem
	default:
		return region{}, false
	}
	t := r.universe.Type(e.typ)
	if t.PtrBytes == 0 || count == 0 || count > r.budget/t.Size {
		return region{}, false
	}
	e.bytes = count * t.Size
	return e, true
}

// inData reports whether n bytes from an address on are in the program's data.
func (r *regions) inData(a image.Addr, n uint64) bool {
	for _, d := range r.data {
		if d.Contains(a) && n <= uint64(d.End-a) {
			return true
		}
	}
	return false
}

// maxNameSteps bounds how far the name of a place goes back to a variable.
const maxNameSteps = 4

// name writes how the source would name the byte at an offset of a region: as a
// field of a variable, or when that is far away of a type.
func (r *regions) name(i int, offset uint64) string {
	e := &r.list[i]
	path := ""
	for range maxNameSteps {
		size := r.universe.Type(e.typ).Size
		path = r.universe.Path(e.typ, offset%size) + path
		if e.array {
			path = fmt.Sprintf("[%d]%s", offset/size, path)
		}
		if e.from < 0 {
			return e.name + path
		}
		e, offset = &r.list[e.from], e.offset
	}
	return r.universe.Type(e.typ).Name + r.universe.Path(e.typ, offset%r.universe.Type(e.typ).Size) + path
}
