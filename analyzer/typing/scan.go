package typing

import (
	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
)

// scan makes the claims of all that an object refers to.
func (f *inference) scan(i index, addr image.Addr, mem []byte) {
	e := &f.entries[i]
	switch e.form {
	case MapHeader:
		f.scanMapHeader(e.m, mem)
		return
	case MapTable:
		f.scanMapTable(e.m, mem)
		return
	case MapDirectory:
		f.scanDirectory(e.m, mem)
		return
	case Chan:
		f.scanChannel(i, addr, mem)
		return
	}
	if e.size == 0 {
		return
	}
	n := uint64(1)
	if e.repeated {
		n = uint64(len(mem)) / e.size
	}
	f.scanValues(i, mem, n)
}

// scanValues makes the claims of n values that follow one another.
func (f *inference) scanValues(i index, mem []byte, n uint64) {
	p := f.programOf(i)
	size := f.entries[i].size
	if p.wide {
		f.scanWide(i, mem, n)
		return
	}
	if len(p.ops) == 0 || p.unit == 0 {
		return
	}
	if p.count > 1 {
		n, size = n*p.count, p.unit
	}
	if len(p.ops) == 1 && p.ops[0].kind == opPointer {
		f.scanPointers(&p.ops[0], mem, n, size)
		return
	}
	for ; n > 0 && uint64(len(mem)) >= size; n-- {
		for j := range p.ops {
			f.perform(&p.ops[j], mem)
		}
		mem = mem[size:]
	}
}

// scanPointers is scanValues for values with one pointer.
func (f *inference) scanPointers(o *op, mem []byte, n, size uint64) {
	for ; n > 0 && uint64(len(mem)) >= size; n-- {
		if v := word64(mem[o.offset:]); v != 0 {
			f.claim(image.Addr(v), o.size, o.entry, o.class)
		}
		mem = mem[size:]
	}
}

// scanWide is scanValues for types with too many places to list.
func (f *inference) scanWide(i index, mem []byte, n uint64) {
	typ, size := f.entries[i].typ, f.entries[i].size
	ops := make(map[gotypes.Slot]op)
	for ; n > 0 && uint64(len(mem)) >= size; n-- {
		f.types.EachSlot(typ, 0, size, func(s gotypes.Slot) bool {
			at := s.Offset
			s.Offset = 0
			o, known := ops[s]
			if !known {
				o, known = f.compileSlot(s)
				if !known {
					o.kind, o.entry = opPointer, unknownIndex
				}
				ops[s] = o
			}
			f.perform(&o, mem[at:])
			return f.ctx.Err() == nil
		})
		mem = mem[size:]
	}
}
