package typing

import (
	"reflect"

	"postmortem/coreread/goheap"
	"postmortem/coreread/gotypes"
)

// stronger reports whether a claim is stronger than what an object's word says.
func (f *inference) stronger(c *claim, word Key) bool {
	if have := classOf(word); c.class != have {
		return c.class > have
	}
	return f.beats(&f.entries[c.entry], &f.entries[word&indexMask])
}

// beats is the order among claims of one class that all fit the object: what
// covers more wins, and then what is around the other. It does not depend on
// which came first.
func (f *inference) beats(a, b *entry) bool {
	if a.form != b.form {
		switch {
		case a.form == Array && b.form == Single:
			return f.begins(a.typ, b.typ)
		case a.form == Single && b.form == Array:
			return !f.begins(b.typ, a.typ)
		}
		return precedence(a.form) > precedence(b.form)
	}
	if a.size != b.size {
		return a.size > b.size
	}
	if a.typ != b.typ {
		if f.begins(a.typ, b.typ) {
			return true
		}
		if f.begins(b.typ, a.typ) {
			return false
		}
	}
	switch {
	case a.desc != b.desc:
		return a.desc != 0 && (b.desc == 0 || a.desc < b.desc)
	case a.typ != b.typ:
		return a.typ < b.typ
	case a.m != b.m:
		return a.m < b.m
	}
	return a.code < b.code
}

// precedence orders forms: the more of its owner's structure was read, the higher.
func precedence(form Form) int {
	switch form {
	case TinyBlock:
		return 0
	case StringData:
		return 1
	case Array:
		return 2
	case Single:
		return 3
	}
	return 4 + int(form)
}

// begins reports whether a value of the whole begins with a value of the part.
func (f *inference) begins(whole, part gotypes.ID) bool {
	for range 64 {
		if whole == part {
			return true
		}
		t := f.types.Type(whole)
		switch {
		case t.Kind == reflect.Array && t.Len > 0:
			whole = t.Elem
		case t.Kind == reflect.Struct && len(t.Fields) > 0:
			i := 0
			for i < len(t.Fields)-1 && f.types.Type(t.Fields[i].Type).Size == 0 {
				i++
			}
			if t.Fields[i].Offset != 0 {
				return false
			}
			whole = t.Fields[i].Type
		default:
			return false
		}
	}
	return false
}

// refine holds a claim against the type that the allocator recorded, which it
// can only make more exact: an array of it, or a part of its owner.
func (f *inference) refine(p *goheap.Place, c *claim, word Key) {
	have, e := &f.entries[word&indexMask], &f.entries[c.entry]
	if classOf(word) == Confirmed || e.form == have.form && e.typ != have.typ && e.form != Single {
		return
	}
	space := f.space(p)
	switch {
	case e.typ == have.typ && e.form != Single && e.form != Closure:
		// A slice of a part says no more than the record.
		if e.form == Array && (c.class < Pointer || have.form != Single && have.form != Array) {
			return
		}
		if precedence(e.form) < precedence(have.form) && have.form != Single {
			return
		}
	case e.form == Array && have.form == Single && f.isArrayOf(have.typ, e.typ):
		if c.bytes != have.size || c.class < Pointer {
			return
		}
	case e.form == Single && have.form == Array && f.isArrayOf(e.typ, have.typ) && c.class >= Pointer:
		f.words[p.Object] = wordOf(c.entry, Confirmed)
		return
	case e.form == Closure && e.typ == have.typ || e.form == Closure && e.unsized:
	default:
		if c.bytes > space {
			f.conflicts++
		}
		return
	}
	if c.bytes > space {
		f.conflicts++
		return
	}
	f.words[p.Object] = wordOf(c.entry, Recorded)
	if e.pointers {
		f.pend(p.Span, p.Slot)
	}
}

func (f *inference) isArrayOf(array, elem gotypes.ID) bool {
	t := f.types.Type(array)
	return t.Kind == reflect.Array && t.Elem == elem
}

// space returns the bytes of an object without its header.
func (f *inference) space(p *goheap.Place) uint64 {
	s := &f.heap.Spans[p.Span]
	return s.ElemBytes - s.Header
}
