package heap

import (
	"context"
	"slices"

	"postmortem/analyzer/dominator"
	"postmortem/analyzer/facts"
	"postmortem/analyzer/graph"
	"postmortem/analyzer/typing"
	"postmortem/coreread/goheap"
	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
)

// referrers finds out, of some chosen objects, what refers to them and how: who
// holds a slice or a map, and how much of an array is in use.
type referrers struct {
	*headers
	chosen dominator.Set
	list   []referred // by object
	slots  map[typing.Key]*slotProgram
}

// referred is what is known of a chosen object. Bytes count from the object's value.
type referred struct {
	object goheap.Object
	used   uint64 // end of what any reference may use: the longest length
	room   uint64 // end of the largest capacity
	// unsure says that something refers to the object of which the type, and so
	// how much it may use, is not known.
	unsure bool
	holder holder
}

// holder is the place of the header with the longest length: in an object, or in
// the program's data.
type holder struct {
	known  bool
	data   bool   // in the program's data
	index  uint32 // of the object, or of the region
	offset uint64
	end    uint64 // what the header uses
}

// slotProgram is where a value of a type leads to other memory.
type slotProgram struct {
	unit  uint64
	once  bool // not as many values as fit
	slots []gotypes.Slot
	wide  gotypes.ID
}

func newReferrers(h *headers) *referrers {
	return &referrers{headers: h, chosen: dominator.NewSet(h.Heap.Objects()), slots: map[typing.Key]*slotProgram{}}
}

// choose adds objects to the chosen ones.
func (r *referrers) choose(o goheap.Object) {
	if !r.chosen.Has(uint32(o)) {
		r.chosen.Add(uint32(o))
		r.list = append(r.list, referred{object: o})
	}
}

// of returns what was found out about a chosen object.
func (r *referrers) of(o goheap.Object) *referred {
	i, ok := slices.BinarySearchFunc(r.list, o, func(e referred, o goheap.Object) int { return int(int64(e.object) - int64(o)) })
	if !ok {
		return nil
	}
	return &r.list[i]
}

// find looks at all that refers to the chosen objects.
func (r *referrers) find(ctx context.Context) {
	if len(r.list) == 0 {
		return
	}
	slices.SortFunc(r.list, func(a, b referred) int { return int(int64(a.object) - int64(b.object)) })
	for i := range r.regions.list {
		p := r.program(r.regions.list[i].typ)
		p.once = false
		r.values(p, r.regions.memory(i), holder{data: true, index: uint32(i)})
	}
	r.roots()
	for _, o := range r.sources(ctx) {
		if ctx.Err() != nil {
			return
		}
		r.object(o)
	}
}

// sources returns the reachable objects that refer to chosen ones, by number.
func (r *referrers) sources(ctx context.Context) []goheap.Object {
	jobs := spanJobs(r.Heap)
	found := make([][]goheap.Object, len(jobs))
	edges := &r.Graph.Edges
	inParallel(ctx, r.workers, len(jobs), func(_, i int) {
		for span := jobs[i].first; span < jobs[i].end; span++ {
			s := &r.Heap.Spans[span]
			if s.NoScan {
				continue
			}
			for o := uint32(s.First); o < uint32(s.First)+s.Count; o++ {
				for _, target := range edges.Targets[edges.Offsets[o]:edges.Offsets[o+1]] {
					if r.chosen.Has(target) && r.Doms.Reached(o) {
						found[i] = append(found[i], goheap.Object(o))
						break
					}
				}
			}
		}
	})
	return slices.Concat(found...)
}

// object looks at the references of an object.
func (r *referrers) object(o goheap.Object) {
	key := r.Types.Of[o]
	p, known := r.slots[key]
	if !known {
		p = r.programOf(&r.Types.Table[key])
		r.slots[key] = p
	}
	if p == nil {
		edges := &r.Graph.Edges
		for _, target := range edges.Targets[edges.Offsets[o]:edges.Offsets[o+1]] {
			if e := r.of(goheap.Object(target)); e != nil {
				e.unsure = true
			}
		}
		return
	}
	r.values(p, r.Heap.Memory(o), holder{index: uint32(o)})
}

// programOf returns where objects of a type lead to others; nil when that is not known.
func (r *referrers) programOf(e *typing.Entry) *slotProgram {
	if e.Type == 0 {
		return nil
	}
	switch e.Form {
	case typing.Single, typing.Closure:
		return r.program(e.Type)
	case typing.Array, typing.ChanBuffer, typing.MapBuckets, typing.MapGroups:
		p := r.program(e.Type)
		p.once = false
		return p
	}
	return nil
}

func (r *referrers) program(id gotypes.ID) *slotProgram {
	p := &slotProgram{unit: r.universe.Type(id).Size, once: true}
	if r.universe.Wide(id) {
		p.wide = id
	} else {
		p.slots = r.universe.Slots(id)
	}
	return p
}

// values looks at the values in memory that at is the start of.
func (r *referrers) values(p *slotProgram, mem []byte, at holder) {
	if p.unit == 0 || len(p.slots) == 0 && p.wide == 0 {
		return
	}
	for base := uint64(0); base+p.unit <= uint64(len(mem)); base += p.unit {
		value := mem[base : base+p.unit]
		for i := range p.slots {
			at.offset = base + p.slots[i].Offset
			r.slot(&p.slots[i], value, at)
		}
		if p.wide != 0 {
			r.universe.EachSlot(p.wide, 0, p.unit, func(s gotypes.Slot) bool {
				at.offset = base + s.Offset
				r.slot(&s, value, at)
				return true
			})
		}
		if p.once {
			return
		}
	}
}

// slotBytes is how many bytes of a slot are read: a header with length and capacity.
func slotBytes(kind gotypes.SlotKind) uint64 {
	switch kind {
	case gotypes.SliceData:
		return sliceBytes
	case gotypes.StringData, gotypes.ArrayData, gotypes.Eface, gotypes.Iface:
		return stringBytes
	}
	return 8
}

// slot looks at one reference.
func (r *referrers) slot(s *gotypes.Slot, value []byte, at holder) {
	n := slotBytes(s.Kind)
	if s.Offset > uint64(len(value)) || n > uint64(len(value))-s.Offset {
		return
	}
	words := value[s.Offset : s.Offset+n]
	a := word64(words)
	if s.Kind == gotypes.Eface || s.Kind == gotypes.Iface {
		a = word64(words[8:])
	}
	o, off, ok := r.Heap.Find(image.Addr(a))
	if !ok || !r.chosen.Has(uint32(o)) {
		return
	}
	e := r.of(o)
	if e == nil {
		return
	}
	if r.Types.Table[r.Types.Of[o]].Form == typing.MapHeader {
		e.hold(at)
		return
	}
	u := use{from: uint64(off), size: r.universe.Type(s.Elem).Size, room: r.Heap.SpanOf(o).ElemBytes}
	switch s.Kind {
	case gotypes.SliceData:
		at.end = e.use(u, word64(words[8:]), word64(words[16:]))
		e.hold(at)
	case gotypes.StringData, gotypes.ArrayData:
		e.use(u, word64(words[8:]), 0)
	case gotypes.Pointer:
		e.use(u, 1, 0)
	default:
		e.unsure = true
	}
}

// use is a reference into an array.
type use struct {
	from uint64 // where it points
	size uint64 // bytes of an element
	room uint64 // bytes of the array's slot
}

// use enters that n elements are used, of a capacity; it returns the end of them.
func (e *referred) use(u use, n, capacity uint64) uint64 {
	if most := max(n, capacity); u.size == 0 || u.from > u.room || most > (u.room-u.from)/u.size {
		e.unsure = true
		return 0
	}
	end := u.from + n*u.size
	e.used = max(e.used, end)
	if capacity > 0 {
		e.room = max(e.room, u.from+capacity*u.size)
	}
	return end
}

// hold enters a holder, unless one that uses more, or as much and came first, is known.
func (e *referred) hold(by holder) {
	if by.known = true; !e.holder.known || by.end > e.holder.end {
		e.holder = by
	}
}

// rootBatch is how many roots are looked up at a time.
const rootBatch = 512

// roots looks at what refers to the chosen objects from outside of the heap and
// the typed data: stacks and the runtime's own records.
func (r *referrers) roots() {
	var values [rootBatch]uint64
	slots := r.Graph.Roots.Slots
	for len(slots) > 0 {
		n := min(len(slots), len(values))
		for i := range slots[:n] {
			values[i] = uint64(slots[i].Value)
		}
		r.Heap.FindObjects(values[:n])
		for i, v := range values[:n] {
			if o := goheap.Object(v); o != goheap.NoObject && r.chosen.Has(uint32(o)) &&
				(slots[i].Frame != graph.NoFrame || !r.regions.covers(slots[i].At)) {
				r.of(o).unsure = true
			}
		}
		slots = slots[n:]
	}
}

// name writes who the holder is: "main.cache", "main.Buffer.data".
func (r *referrers) name(h holder) facts.Maybe[string] {
	if !h.known {
		return facts.Maybe[string]{}
	}
	if h.data {
		return facts.Some(r.regions.name(int(h.index), h.offset))
	}
	key := r.Types.Of[h.index]
	return facts.Some(r.Types.Name(key) + r.Types.FieldPath(key, h.offset))
}
