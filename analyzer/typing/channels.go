package typing

import (
	"postmortem/coreread/goheap"
	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
)

// chanTypes is where runtime.hchan has its fields.
type chanTypes struct {
	id                                gotypes.ID
	size                              uint64
	dataqsiz, buf, elemSize, elemType uint64
}

func (f *inference) bindChannels() {
	id, _ := f.types.ByName("runtime.hchan")
	t := f.fields(id)
	f.chans = chanTypes{
		id: id, size: (t.size + 7) &^ 7, dataqsiz: t.at("dataqsiz"), buf: t.at("buf"),
		elemSize: t.at("elemsize"), elemType: t.at("elemtype"),
	}
	if t.missing {
		f.chans.id = 0
	}
}

// channelShape sets what all channels of an element type have in common.
func (f *inference) channelShape(e *entry) {
	t := f.types.Type(f.chans.id)
	if f.chans.id == 0 || e.typ == 0 {
		e.invalid = true
		return
	}
	e.desc = f.types.Type(e.typ).Descriptor
	shape := entry{identity: identity{typ: f.chans.id}}
	e.invalid = !f.readMask(&shape, t)
	e.size, e.words, e.mask, e.bits = f.chans.size, shape.words, shape.mask, shape.bits
	e.pointers = true
}

// channel claims a channel; without an entry, by the element type that it has itself.
func (f *inference) channel(at image.Addr, i index) {
	if i == unknownIndex {
		typ, err := f.image.Addr(at + image.Addr(f.chans.elemType))
		if err != nil {
			return
		}
		elem, _ := f.types.At(typ)
		i = f.ofType(elem, Chan)
	}
	f.claim(at, f.chans.size, i, Owner)
}

// channelBytes returns how large a channel was made by what it says of its
// buffer, 0 when it cannot be one (chan.go, makechan): without pointers in the
// elements, the buffer follows the channel.
func (f *inference) channelBytes(p *goheap.Place) uint64 {
	s := &f.heap.Spans[p.Span]
	mem := s.Value(p.Slot)
	c := &f.chans
	if uint64(len(mem)) < c.size {
		return 0
	}
	if !s.NoScan {
		return c.size
	}
	n := word64(mem[c.dataqsiz:])
	elem := uint64(mem[c.elemSize]) | uint64(mem[c.elemSize+1])<<8
	if elem != 0 && n > (uint64(len(mem))-c.size)/elem {
		return 0
	}
	return c.size + n*elem
}

// scanChannel claims the buffer of a channel whose elements have pointers.
func (f *inference) scanChannel(i index, at image.Addr, mem []byte) {
	c := &f.chans
	if uint64(len(mem)) < c.size {
		return
	}
	f.scanValues(f.single(c.id), mem, 1)
	buf, n := image.Addr(word64(mem[c.buf:])), word64(mem[c.dataqsiz:])
	if n == 0 || n >= 1<<40 || buf >= at && buf < at+image.Addr(len(mem)) {
		return
	}
	b := f.entryOf(identity{typ: f.entries[i].typ, form: ChanBuffer})
	f.claim(buf, n*f.entries[b].size, b, Owner)
}
