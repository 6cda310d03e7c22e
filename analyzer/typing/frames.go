package typing

import (
	"math/bits"
	"slices"
	"sort"

	"postmortem/analyzer/graph"
	"postmortem/coreread/goheap"
	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
)

// conservative marks an address in inference.live whose word need not be a pointer.
const conservative = 1

// frames scans the variables of frames, as far as their words are roots.
func (f *inference) frames() {
	first := f.frameSlots()
	known := make(map[framePlace][]local)
	for i := range f.roots.Frames {
		if f.ctx.Err() != nil {
			break
		}
		fr := &f.roots.Frames[i]
		at := framePlace{fr.PC, fr.Exact}
		locals, ok := known[at]
		if !ok {
			locals = f.locals(at)
			known[at] = locals
		}
		f.values = f.allValues[first[i]:first[i+1]]
		slices.Sort(f.values)
		for j := range locals {
			f.local(&locals[j], fr.CFA)
		}
	}
	f.values, f.allValues = nil, nil
	f.contexts()
}

// frameSlots gathers the words of stacks that are roots, and their values by
// frame: those of frame i are from first[i] on.
func (f *inference) frameSlots() (first []uint32) {
	frames := uint32(len(f.roots.Frames))
	first = make([]uint32, frames+2)
	for i := range f.roots.Slots {
		s := &f.roots.Slots[i]
		if s.At == 0 || f.roots.Holders[s.Holder].Kind != graph.Goroutine {
			continue
		}
		at := s.At
		if s.Conservative {
			at |= conservative
		}
		f.live = append(f.live, at)
		if s.Frame < frames {
			first[s.Frame+2]++
		}
	}
	slices.Sort(f.live)
	for i := range frames {
		first[i+2] += first[i+1]
	}
	f.allValues = make([]image.Addr, first[frames+1])
	for i := range f.roots.Slots {
		s := &f.roots.Slots[i]
		if s.At != 0 && s.Frame < frames && f.roots.Holders[s.Holder].Kind == graph.Goroutine {
			f.allValues[first[s.Frame+1]] = s.Value
			first[s.Frame+1]++
		}
	}
	return first[:frames+1]
}

// framePlace is what the variables of a frame depend on.
type framePlace struct {
	pc    image.Addr
	exact bool
}

// local is a piece of a variable of a frame.
type local struct {
	v     gotypes.Variable
	entry index
	alone bool // no other variable is in the same place
}

// locals returns the variables at a place of the program.
func (f *inference) locals(at framePlace) []local {
	pc := at.pc
	if !at.exact {
		pc--
	}
	fn, ok := f.funcAt(pc)
	if !ok {
		return nil
	}
	variables := f.types.Locals(fn, pc)
	if !at.exact {
		// Nothing is stored between the call and its return, and yet the compiler
		// may have a variable in its place only from there on.
		for _, v := range f.types.Locals(fn, at.pc) {
			if !slices.Contains(variables, v) {
				variables = append(variables, v)
			}
		}
	}
	var list []local
	for _, v := range variables {
		if i := f.single(v.Type); i != unknownIndex && f.types.Type(v.Type).PtrBytes > 0 {
			list = append(list, local{v, i, true})
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].v.Offset < list[j].v.Offset })
	end, last := int64(-1<<62), 0
	for i := range list {
		if list[i].v.Offset < end {
			list[i].alone, list[last].alone = false, false
		}
		if e := list[i].v.Offset + int64(list[i].v.Bytes); e > end {
			end, last = e, i
		}
	}
	return list
}

// maxLocal bounds the bytes of a variable in a frame.
const maxLocal = 1 << 26

// local scans a variable of a frame.
func (f *inference) local(l *local, cfa image.Addr) {
	e := &f.entries[l.entry]
	at := cfa.Add(l.v.Offset)
	if e.size > maxLocal || l.v.Bytes > e.size || l.v.From > e.size-l.v.Bytes {
		return
	}
	mem, err := f.image.Bytes(at, l.v.Bytes)
	if err != nil {
		return
	}
	limit := Owner
	if !l.alone {
		limit = Part
	}
	if l.v.Bytes < e.size {
		whole := make([]byte, e.size)
		copy(whole[l.v.From:], mem)
		f.hideLengths(l, whole)
		mem = whole
	}
	f.scanStack(l.entry, at.Add(-int64(l.v.From)), mem, limit)
}

// hideLengths says of the strings and slices in a piece of a variable that their
// extents are not in it.
func (f *inference) hideLengths(l *local, mem []byte) {
	p := f.programOf(l.entry)
	from, to := l.v.From, l.v.From+l.v.Bytes
	for i := range p.ops {
		o := &p.ops[i]
		extent := o.offset + 16
		if o.kind == opString {
			extent = o.offset + 8
		}
		if (o.kind == opString || o.kind == opSlice) && p.count == 1 && (extent < from || extent+8 > to) {
			copy(mem[extent:], unknownExtent)
		}
	}
}

// unknownExtent is what stands for a length or capacity that is not known.
const unknownExtent = "\xff\xff\xff\xff\xff\xff\xff\xff"

// scanStack scans a value on a stack as far as its pointers are roots: the others
// may be of a variable that was there before, or that is not set yet.
func (f *inference) scanStack(i index, at image.Addr, mem []byte, limit Class) {
	e := &f.entries[i]
	if e.size == 0 || e.unsized {
		return
	}
	copied := make([]byte, len(mem))
	defer func(l Class) { f.flush(); f.limit = l }(f.limit)
	for _, sure := range []bool{true, false} {
		copy(copied, mem)
		if !f.keepLive(e, at, copied, sure) {
			continue
		}
		f.flush()
		if f.limit = limit; !sure {
			f.limit = Part
		}
		f.scan(i, at, copied)
	}
}

// eachPointer visits the offsets of the pointers of values that follow one another.
func (e *entry) eachPointer(n uint64, visit func(off uint64) bool) {
	for base := uint64(0); e.size > 0 && base+e.size <= n; base += e.size {
		for w := uint64(0); w < e.words; w += 64 {
			bitmap := e.mask
			if w > 0 {
				bitmap = e.bits[w/64]
			}
			for ; bitmap != 0; bitmap &= bitmap - 1 {
				if !visit(base + 8*(w+uint64(bits.TrailingZeros64(bitmap)))) {
					return
				}
			}
		}
	}
}

// keepLive clears the pointers of values that are no roots, or not roots of the
// kind that is wanted; false when none is left. Pointers into stacks are no roots,
// and count as those that may be none; and so does a variable that is over but
// has the value of a root of the same frame.
func (f *inference) keepLive(e *entry, at image.Addr, mem []byte, sure bool) bool {
	kept := false
	e.eachPointer(uint64(len(mem)), func(off uint64) bool {
		v := image.Addr(word64(mem[off:]))
		if f.isLive(at+image.Addr(off), sure) || !sure && v != 0 && (f.isValue(v) || f.onStack(v)) {
			kept = true
		} else {
			clear(mem[off : off+8])
		}
		return true
	})
	return kept
}

// stackAgrees reports whether values can be where a pointer into a stack says:
// what the collector keeps of a variable on a stack, it keeps all of.
func (f *inference) stackAgrees(e *entry, at image.Addr, mem []byte) bool {
	agrees := true
	e.eachPointer(uint64(len(mem)), func(off uint64) bool {
		a := at + image.Addr(off)
		agrees = f.heap.FindObject(image.Addr(word64(mem[off:]))) == goheap.NoObject || f.isLive(a, true) || f.isLive(a, false)
		return agrees
	})
	return agrees
}

// isLive reports whether a word of a stack is a root that is surely a pointer, or
// one that need not be.
func (f *inference) isLive(at image.Addr, sure bool) bool {
	i, ok := slices.BinarySearch(f.live, at)
	if sure {
		return ok
	}
	return !ok && i < len(f.live) && f.live[i] == at|conservative
}

// contexts claims the closures that frames of their code have the address of.
func (f *inference) contexts() {
	code := make([]image.Addr, len(f.roots.Frames))
	for i := range code {
		pc := f.roots.Frames[i].PC
		if !f.roots.Frames[i].Exact {
			pc--
		}
		if fn, ok := f.funcAt(pc); ok {
			entry := fn.Entry().Add(f.process.Bias)
			if _, ok := f.types.Closure(entry); ok {
				code[i] = entry
			}
		}
	}
	for i := range f.roots.Slots {
		s := &f.roots.Slots[i]
		if s.Frame >= uint32(len(code)) || code[s.Frame] == 0 {
			continue
		}
		if first, err := f.image.Addr(s.Value); err == nil && first == code[s.Frame] {
			f.function(s.Value)
		}
	}
}

// onStack reports whether an address is in a span that is not for objects.
func (f *inference) onStack(a image.Addr) bool {
	i, ok := f.heap.SpanIndex(a)
	return ok && !f.heap.Spans[i].InUse()
}

// isValue reports whether a root of the frame at hand has a value.
func (f *inference) isValue(v image.Addr) bool {
	_, ok := slices.BinarySearch(f.values, v)
	return ok
}
