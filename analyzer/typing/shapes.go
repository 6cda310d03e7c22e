package typing

import (
	"math/bits"
	"reflect"

	"postmortem/coreread/goheap"
	"postmortem/coreread/goroots"
	"postmortem/coreread/image"
)

// shapes types objects by what is in them and in roots of unknown type: without
// debug information it is all there is. It depends on nothing that was found
// before, and so is done once.
func (f *inference) shapes() bool {
	if f.shaped {
		return false
	}
	f.shaped = true
	f.limit = Shape
	for i := range f.roots.Slots {
		if s := &f.roots.Slots[i]; s.At != 0 && (s.Kind == goroots.Global || s.Kind == goroots.Local || s.Kind == goroots.StackObject) {
			f.shapeOfRoot(s.At, s.Value)
		}
	}
	for i := range f.heap.Spans {
		if s := &f.heap.Spans[i]; s.InUse() && !s.UserArena && f.ctx.Err() == nil {
			f.shapesIn(int32(i), s)
		}
	}
	f.flush()
	f.limit = classes
	return f.queued > 0 || len(f.outer) > 0 || len(f.later) > 0
}

// shapeOfRoot claims what a root refers to if it is the second word of an interface.
func (f *inference) shapeOfRoot(at, value image.Addr) {
	if f.wordAt(value) != 0 {
		return
	}
	if first, err := f.image.Addr(at - 8); err == nil && f.constant(first) {
		f.interfaceWords(first, value)
	}
}

// wordAt returns what is known of the object that an address points into, 0 for none.
func (f *inference) wordAt(a image.Addr) Key {
	if o := f.heap.FindObject(a); o != goheap.NoObject {
		return f.words[o]
	}
	return 0
}

// interfaceWords makes the claim of two words if the first is a type or an itab.
func (f *inference) interfaceWords(first, value image.Addr) {
	var mem [8]byte
	for i := range mem {
		mem[i] = byte(value >> (8 * i))
	}
	if _, ok := f.types.At(first); ok {
		f.dynamicValue(first, mem[:], false)
	} else if f.isItab(first) {
		f.dynamicValue(first, mem[:], true)
	}
}

// isItab reports whether an itab is at an address: the interface's type, the
// value's type and that type's hash (runtime2.go, itab).
func (f *inference) isItab(at image.Addr) bool {
	c := f.image.Cursor()
	inter, typ, hash := c.Addr(at), c.Addr(at+8), c.Uint32(at+16)
	if c.Err() != nil {
		return false
	}
	id, ok := f.types.At(inter)
	if !ok || f.types.Type(id).Kind != reflect.Interface {
		return false
	}
	if _, ok := f.types.At(typ); !ok {
		return false
	}
	d, err := f.dynamic.exact.Bare(typ)
	return err == nil && d.Hash == hash
}

// shapesIn looks at the objects of unknown type in a span.
func (f *inference) shapesIn(span int32, s *goheap.Span) {
	for w := range s.AllocatedWords() {
		allocated, o := f.heap.Allocated(s, w)
		for ; allocated != 0; allocated &= allocated - 1 {
			if f.words[o] == 0 {
				slot := uint32(w*64 + bits.TrailingZeros64(allocated))
				if mem := s.Value(slot); mem != nil {
					f.shapeOf(span, s, slot, mem)
				}
			}
			o++
		}
	}
}

// shapeOf looks at one object.
func (f *inference) shapeOf(span int32, s *goheap.Span, slot uint32, mem []byte) {
	at := s.Start + image.Addr(uint64(slot)*s.ElemBytes+s.Header)
	if code := image.Addr(word64(mem)); f.constant(code) {
		if i := f.closure(code); i != unknownIndex && !f.entries[i].unsized {
			f.claim(at, f.entries[i].size, i, Shape)
			return
		}
	}
	if f.channelShaped(mem) {
		f.channel(at, unknownIndex)
		return
	}
	if s.NoScan || s.Header != 0 || len(mem) > maxShape {
		return
	}
	var words [maxShape/512 + 2]uint64
	first := (uint64(slot)*s.ElemBytes + s.Header) / 8
	n := uint64(len(mem)) / 8
	have := words[:(first%64+n+63)/64]
	f.heap.PointerWords(s, first&^63, have)
	for i := uint64(1); i < n; i++ {
		b := first%64 + i
		if have[b/64]>>(b%64)&1 == 0 || have[(b-1)/64]>>((b-1)%64)&1 != 0 {
			continue
		}
		if t := image.Addr(word64(mem[8*i-8:])); f.constant(t) {
			f.interfaceWords(t, image.Addr(word64(mem[8*i:])))
		}
	}
}

// maxShape bounds the objects that interfaces are looked for in (bytes).
const maxShape = 32 << 10

// channelShaped reports whether an object says of itself that it is a channel: it
// has the type of its elements, and their size.
func (f *inference) channelShaped(mem []byte) bool {
	c := &f.chans
	if c.id == 0 || uint64(len(mem)) < c.size {
		return false
	}
	elem := image.Addr(word64(mem[c.elemType:]))
	if !f.constant(elem) {
		return false
	}
	id, ok := f.types.At(elem)
	return ok && f.types.Type(id).Size == uint64(mem[c.elemSize])|uint64(mem[c.elemSize+1])<<8
}

// runtimeVariables are the runtime's lists of its own objects, by the names of
// their elements.
var runtimeVariables = []struct{ variable, elem string }{
	{"runtime.allgs", "runtime.g"}, {"runtime.allp", "runtime.p"},
}

// runtimeKnown claims the runtime's own structures where there is no debug
// information that says what its variables are.
func (f *inference) runtimeKnown() {
	if f.types.DebugInfo() == nil {
		return
	}
	for _, v := range runtimeVariables {
		id, _ := f.types.ByName(v.elem)
		pointer, _ := f.types.ByName("*" + v.elem)
		if at, ok := f.variable(v.variable); ok {
			o := op{kind: opSlice, entry: f.array(pointer), size: 8, class: Pointer}
			c := f.image.Cursor()
			data, n, capacity := c.Addr(at), c.Uint64(at+8), c.Uint64(at+16)
			list, err := f.image.Bytes(data, 8*n)
			if c.Err() != nil || n > 1<<32 || err != nil {
				continue
			}
			f.claimArray(data, capacity, &o)
			i := f.single(id)
			for ; len(list) >= 8; list = list[8:] {
				f.claim(image.Addr(word64(list)), f.entries[i].size, i, Pointer)
			}
		}
	}
	id, _ := f.types.ByName("runtime.m")
	if at, ok := f.variable("runtime.allm"); ok {
		if m, err := f.image.Addr(at); err == nil {
			i := f.single(id)
			f.claim(m, f.entries[i].size, i, Pointer)
		}
	}
}

func (f *inference) variable(name string) (image.Addr, bool) {
	a, _, err := f.process.Exe.Global(name)
	return a.Add(f.process.Bias), err == nil
}
