package heap

import (
	"context"
	"math"
	"math/bits"
	"reflect"

	"postmortem/analyzer/typing"
	"postmortem/coreread/goheap"
	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
)

// headers is what one pass over all typed places finds of slices and maps: the
// reachable objects whose type is known and the program's data.
type headers struct {
	*Analysis
	workers  int
	programs []headerProgram // by typing.Key
	regions  *regions
	byType   map[gotypes.ID]*headerProgram // of regions

	spare   spareLimit
	arrays  [][]goheap.Object // by job, arrays that a slice leaves much of unused, maybe repeated
	maps    [][]sparseMap     // by job
	layouts mapLayouts
}

// headerProgram is where a value of a type has slices. The zero program is for
// types that have none.
type headerProgram struct {
	unit   uint64 // bytes of one value
	count  uint64 // how many values follow one another; 0: as many as fit
	slices []sliceSlot
	wide   gotypes.ID         // the type when it has too many places to list
	header *gotypes.MapLayout // of a map's header: how the map is made up
}

// sliceSlot is a slice in a value.
type sliceSlot struct{ offset, size uint64 } // size: bytes of an element

const (
	stringBytes = 16
	sliceBytes  = 24
)

func newHeaders(a *Analysis) *headers {
	h := &headers{
		Analysis: a, workers: max(a.opt.Workers, 1), regions: newRegions(a),
		spare:    spareLimit{bytes: 1 << 10, percent: 50},
		programs: make([]headerProgram, len(a.Types.Table)), byType: map[gotypes.ID]*headerProgram{},
	}
	h.layouts.bind(a.Heap.Process(), a.universe)
	for k := range a.Types.Table {
		if a.Types.Table[k].Name != "" {
			h.programs[k] = h.compile(&a.Types.Table[k])
		}
	}
	return h
}

// compile finds the slices of objects of a type.
func (h *headers) compile(e *typing.Entry) headerProgram {
	var p headerProgram
	switch e.Form {
	case typing.Single, typing.Closure:
		p = h.program(e.Type)
	case typing.Array, typing.ChanBuffer, typing.MapBuckets, typing.MapGroups:
		p = h.program(e.Type)
		p.count = 0
	case typing.MapHeader:
		p.header = h.universe.Map(e.Map)
	}
	return p
}

// program finds the slices of one value of a type.
func (h *headers) program(id gotypes.ID) headerProgram {
	p := headerProgram{count: 1}
	t := h.universe.Type(id)
	for t.Kind == reflect.Array && t.Len > 0 {
		// Arrays in arrays: the count is bounded by the value's size.
		p.count *= t.Len
		id = t.Elem
		t = h.universe.Type(id)
	}
	if p.unit = t.Size; p.unit == 0 {
		return headerProgram{}
	}
	if h.universe.Wide(id) {
		p.wide = id
		return p
	}
	for _, s := range h.universe.Slots(id) {
		if s.Kind != gotypes.SliceData || s.Offset+sliceBytes > p.unit {
			continue
		}
		if size := h.universe.Type(s.Elem).Size; size > 0 {
			p.slices = append(p.slices, sliceSlot{s.Offset, size})
		}
	}
	if len(p.slices) == 0 {
		return headerProgram{}
	}
	return p
}

// read goes over all typed places.
func (h *headers) read(ctx context.Context) {
	jobs := spanJobs(h.Heap)
	h.arrays, h.maps = make([][]goheap.Object, len(jobs)+1), make([][]sparseMap, len(jobs))
	readers := make([]headerReader, h.workers)
	for i := range readers {
		readers[i].headers = h
	}
	r := &readers[0]
	for i := range h.regions.list {
		r.region(i)
	}
	h.arrays[len(jobs)], r.arrays = r.arrays, nil
	inParallel(ctx, h.workers, len(jobs), func(worker, i int) {
		r := &readers[worker]
		for span := jobs[i].first; span < jobs[i].end; span++ {
			r.span(&h.Heap.Spans[span])
		}
		h.arrays[i], r.arrays = r.arrays, nil
		h.maps[i], r.maps = r.maps, nil
	})
}

// headerReader is a worker's part.
type headerReader struct {
	*headers
	arrays []goheap.Object
	maps   []sparseMap
}

// region reads some of the program's data.
func (r *headerReader) region(i int) {
	typ := r.regions.list[i].typ
	p, ok := r.byType[typ]
	if !ok {
		compiled := r.program(typ)
		p = &compiled
		r.byType[typ] = p
	}
	if p.unit != 0 {
		all := *p
		all.count = 0
		r.values(&all, r.regions.memory(i))
	}
}

// span reads the objects of a span.
func (r *headerReader) span(s *goheap.Span) {
	if s.Count == 0 || s.NoScan {
		return
	}
	for w := range s.AllocatedWords() {
		allocated, o := r.Heap.Allocated(s, w)
		for ; allocated != 0; allocated &= allocated - 1 {
			p := &r.programs[r.Types.Of[o]]
			if (p.unit != 0 || p.header != nil) && r.Doms.Reached(uint32(o)) {
				slot := uint32(64*w + bits.TrailingZeros64(allocated))
				if mem := s.Value(slot); p.header != nil {
					r.mapHeader(o, p.header, mem)
				} else {
					r.values(p, mem)
				}
			}
			o++
		}
	}
}

// values reads the values at the start of memory.
func (r *headerReader) values(p *headerProgram, mem []byte) {
	n := p.count
	if n == 0 {
		n = uint64(len(mem)) / p.unit
	}
	for ; n > 0 && uint64(len(mem)) >= p.unit; n-- {
		for _, s := range p.slices {
			r.slice(mem[s.offset:s.offset+sliceBytes], s.size)
		}
		if p.wide != 0 {
			r.wideValue(p, mem[:p.unit])
		}
		mem = mem[p.unit:]
	}
}

// wideValue reads a value of a type with too many places to list.
func (r *headerReader) wideValue(p *headerProgram, mem []byte) {
	r.universe.EachSlot(p.wide, 0, p.unit, func(s gotypes.Slot) bool {
		if s.Kind == gotypes.SliceData && s.Offset+sliceBytes <= p.unit {
			if size := r.universe.Type(s.Elem).Size; size > 0 {
				r.slice(mem[s.Offset:s.Offset+sliceBytes], size)
			}
		}
		return true
	})
}

// slice enters the array behind a slice that leaves so much of it unused that no
// other header of the array need do so.
func (r *headerReader) slice(header []byte, size uint64) {
	n, capacity := word64(header[8:]), word64(header[16:])
	if n >= capacity || capacity > math.MaxUint64/size || !r.spare.met(n*size, capacity*size) {
		return
	}
	o := r.Heap.FindObject(image.Addr(word64(header)))
	if o != goheap.NoObject && r.Types.Table[r.Types.Of[o]].Form == typing.Array {
		r.arrays = append(r.arrays, o)
	}
}
