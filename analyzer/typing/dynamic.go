package typing

import (
	"postmortem/coreread/exe"
	"postmortem/coreread/gort"
	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
)

// dynamicTypes remembers what interfaces hold, by the address in their first word.
type dynamicTypes struct {
	exact  *exe.Types
	recent [1 << recentBits]dynamicType
	types  map[image.Addr]dynamicType
}

const recentBits = 10

// maxDynamic bounds how many first words are remembered.
const maxDynamic = 1 << 20

// dynamicType is what an interface with a first word holds.
type dynamicType struct {
	word   image.Addr
	entry  index // of the value that its second word points to
	direct bool  // the second word is the value itself, and held is where it leads
	leads  bool
	held   op
}

func (d *dynamicTypes) bind(p *gort.Process) {
	r := p.Exe.Types().Range()
	d.exact = p.Exe.Types().In(p.Image, image.Range{Start: r.Start.Add(p.Bias), End: r.End.Add(p.Bias)})
	d.types = make(map[image.Addr]dynamicType)
}

// dynamicValue makes the claim of an interface: its first word, which is an
// itab or a type, and memory that begins with the second.
func (f *inference) dynamicValue(first image.Addr, mem []byte, itab bool) {
	v := image.Addr(word64(mem))
	if v == 0 {
		return
	}
	d := f.dynamicType(first, itab)
	switch {
	case !d.direct:
		f.claim(v, f.entries[d.entry].size, d.entry, Owner)
	case d.leads:
		o := d.held
		f.perform(&o, mem)
	}
}

// dynamicType finds what an interface with a first word holds.
func (f *inference) dynamicType(first image.Addr, itab bool) *dynamicType {
	c := &f.dynamic.recent[uint64(first)*0x9e3779b97f4a7c15>>(64-recentBits)]
	if c.word == first {
		return c
	}
	d, known := f.dynamic.types[first]
	if !known {
		typ := first
		if itab {
			// The type is the itab's second word in all versions (runtime2.go, itab; internal/abi/iface.go).
			typ, _ = f.image.Addr(first + 8)
		}
		d = f.resolve(typ)
		d.word = first
		if len(f.dynamic.types) < maxDynamic {
			f.dynamic.types[first] = d
		}
	}
	*c = d
	return c
}

// resolve finds what the second word of an interface with values of a type is.
func (f *inference) resolve(descriptor image.Addr) (d dynamicType) {
	id, ok := f.types.At(descriptor)
	if !ok {
		return d
	}
	head, err := f.dynamic.exact.Bare(descriptor)
	if err != nil {
		return d
	}
	if !head.Direct {
		d.entry = f.single(id)
		return d
	}
	d.direct = true
	f.types.EachSlot(id, 0, 8, func(s gotypes.Slot) bool {
		// A value of one word is a pointer, a map, a channel or a function.
		if s.Offset == 0 && s.Kind != gotypes.Eface && s.Kind != gotypes.Iface && s.Kind != gotypes.SliceData &&
			s.Kind != gotypes.StringData && s.Kind != gotypes.ArrayData && s.Kind != gotypes.ReflectData {
			d.held, d.leads = f.compileSlot(s)
		}
		return false
	})
	return d
}

// reflected makes the claim of a reflect.Value whose second word is at at.
func (f *inference) reflected(v image.Addr, mem []byte, at uint64) {
	if at < 8 || at+16 > uint64(len(mem)) {
		return
	}
	typ, flag := image.Addr(word64(mem[at-8:])), word64(mem[at+8:])
	if typ == 0 {
		return
	}
	d := f.dynamicType(typ, false)
	switch {
	case flag&gotypes.ReflectIndirect != 0 && !d.direct:
		f.claim(v, f.entries[d.entry].size, d.entry, Pointer)
	case flag&gotypes.ReflectIndirect == 0 && d.leads:
		o := d.held
		f.perform(&o, mem[at:])
	}
}
