package heap

import (
	"context"
	"math"
	"math/bits"
	"reflect"
	"sync/atomic"

	"postmortem/analyzer/typing"
	"postmortem/coreread/goheap"
	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
	"postmortem/internal/bulk"
)

// headers is what one pass over all typed places finds of strings, slices and
// maps: the reachable objects whose type is known and the program's data.
//
// How long a string is only its headers say, so what is known of by none of
// these places, but by a stack only, is not seen.
type headers struct {
	*Analysis
	workers  int
	locator  *goheap.Locator
	spans    []spanRoom
	programs []headerProgram // by typing.Key
	regions  *regions
	byType   map[gotypes.ID]*headerProgram // of regions

	// extents is by object without pointers: the bytes from its start on that the
	// longest string header has which points there; of tiny blocks, see tinyExtent.
	// 0 means none.
	extents []uint32
	spare   spareLimit
	arrays  [][]goheap.Object // by job, arrays that a slice leaves much of unused, maybe repeated
	maps    [][]sparseMap     // by job
	layouts mapLayouts
}

// spanRoom is what a header is held against.
type spanRoom struct {
	bytes  uint64 // of a slot without its malloc header
	noscan bool
	tiny   bool // of tiny blocks
}

// headerProgram is where a value of a type has strings and slices. The zero
// program is for types that have none.
type headerProgram struct {
	unit    uint64 // bytes of one value
	count   uint64 // how many values follow one another; 0: as many as fit
	strings []uint64
	slices  []sliceSlot
	wide    gotypes.ID         // the type when it has too many places to list
	header  *gotypes.MapLayout // of a map's header: how the map is made up
}

// sliceSlot is a slice in a value.
type sliceSlot struct{ offset, size uint64 } // size: bytes of an element

const (
	stringBytes = 16
	sliceBytes  = 24
)

func newHeaders(a *Analysis) *headers {
	h := &headers{
		Analysis: a, workers: max(a.opt.Workers, 1), locator: a.Heap.Locator(), regions: newRegions(a),
		spare: spareLimit{bytes: 1 << 10, percent: 50},
		spans: make([]spanRoom, len(a.Heap.Spans)), extents: bulk.Make[uint32](a.Heap.Objects()),
		programs: make([]headerProgram, len(a.Types.Table)), byType: map[gotypes.ID]*headerProgram{},
	}
	for i := range a.Heap.Spans {
		if s := &a.Heap.Spans[i]; s.InUse() {
			h.spans[i] = spanRoom{bytes: s.ElemBytes - s.Header, noscan: s.NoScan, tiny: spanClass(s) == layout.TinySpanClass}
		}
	}
	h.layouts.bind(a.Heap.Process(), a.universe)
	for k := range a.Types.Table {
		if a.Types.Table[k].Name != "" {
			h.programs[k] = h.compile(&a.Types.Table[k])
		}
	}
	return h
}

// compile finds the strings and slices of objects of a type.
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

// program finds the strings and slices of one value of a type.
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
		switch {
		case s.Kind == gotypes.StringData && s.Offset+stringBytes <= p.unit:
			p.strings = append(p.strings, s.Offset)
		case s.Kind == gotypes.SliceData && s.Offset+sliceBytes <= p.unit:
			if size := h.universe.Type(s.Elem).Size; size > 0 {
				p.slices = append(p.slices, sliceSlot{s.Offset, size})
			}
		}
	}
	if len(p.strings)+len(p.slices) == 0 {
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
	r.flush()
	h.arrays[len(jobs)], r.arrays = r.arrays, nil
	inParallel(ctx, h.workers, len(jobs), func(worker, i int) {
		r := &readers[worker]
		for span := jobs[i].first; span < jobs[i].end; span++ {
			r.span(&h.Heap.Spans[span])
		}
		r.flush()
		h.arrays[i], r.arrays = r.arrays, nil
		h.maps[i], r.maps = r.maps, nil
	})
}

// headerReader collects headers until they are many, so that the look-ups of
// where they lead overlap.
type headerReader struct {
	*headers
	arrays []goheap.Object
	maps   []sparseMap

	n      int
	addrs  [headerBatch]image.Addr
	bytes  [headerBatch]uint64
	places [headerBatch]goheap.Place
	near   uint32
}

const headerBatch = 512

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
		for _, at := range p.strings {
			// As string does: there are many, and a call for each takes as long as all the rest.
			header := mem[at : at+stringBytes]
			if n := word64(header[8:]); n != 0 {
				if r.n == headerBatch {
					r.flush()
				}
				i := r.n & (headerBatch - 1)
				r.addrs[i], r.bytes[i] = image.Addr(word64(header)), n
				r.n = i + 1
			}
		}
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
		switch {
		case s.Kind == gotypes.StringData && s.Offset+stringBytes <= p.unit:
			r.string(mem[s.Offset : s.Offset+stringBytes])
		case s.Kind == gotypes.SliceData && s.Offset+sliceBytes <= p.unit:
			if size := r.universe.Type(s.Elem).Size; size > 0 {
				r.slice(mem[s.Offset:s.Offset+sliceBytes], size)
			}
		}
		return true
	})
}

func (r *headerReader) string(header []byte) {
	if r.n == headerBatch {
		r.flush()
	}
	r.addrs[r.n], r.bytes[r.n] = image.Addr(word64(header)), word64(header[8:])
	r.n++
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

// flush enters the extents of the strings that were collected.
func (r *headerReader) flush() {
	n := r.n
	r.n = 0
	r.locator.Locate(r.addrs[:n], r.places[:n])
	var near uint32
	for i := range r.places[:n] {
		// Only to have the extents near when they are needed.
		if o := r.places[i].Object; o != goheap.NoObject {
			near |= atomic.LoadUint32(&r.extents[o])
		}
	}
	r.near = near
	for i := range r.places[:n] {
		p := &r.places[i]
		if p.Object == goheap.NoObject || p.Offset < 0 {
			continue
		}
		room := &r.spans[p.Span]
		switch bytes, at := r.bytes[i], uint64(p.Offset); {
		case bytes == 0 || !room.noscan || bytes > room.bytes || at > room.bytes-bytes:
		case room.tiny:
			mergeBits(&r.extents[p.Object], tinyExtent(at, bytes))
		case at == 0 && bytes <= math.MaxUint32:
			raise(&r.extents[p.Object], uint32(bytes))
		}
	}
}

// raise sets a word to a value that is larger.
func raise(word *uint32, to uint32) {
	for {
		have := atomic.LoadUint32(word)
		if have >= to || atomic.CompareAndSwapUint32(word, have, to) {
			return
		}
	}
}

func mergeBits(word *uint32, set uint32) {
	if atomic.LoadUint32(word)&set != set {
		atomic.OrUint32(word, set)
	}
}

// tinyExtent is n bytes of a tiny block, from byte at on, that are one string:
// the low half has a bit for each byte, the high half for each but the last, which
// says that the next byte is of the same string. Strings that overlap merge: they
// are parts of one.
func tinyExtent(at, n uint64) uint32 {
	return uint32((1<<n-1)<<at | (1<<(n-1)-1)<<at<<16)
}

// cutTiny returns the first string of a tiny block and the rest.
func cutTiny(extent uint32) (at, n uint64, rest uint32) {
	at = uint64(bits.TrailingZeros32(extent))
	n = 1 + uint64(bits.TrailingZeros32(^(extent >> 16 >> at)))
	return at, n, extent &^ tinyExtent(at, n)
}

// tailOfTiny is what of an extent lies behind the first bytes, as if these were not there.
func tailOfTiny(extent uint32, bytes uint) uint32 {
	return extent&0xffff>>bytes | extent>>16>>bytes<<16
}
