package typing

import (
	"math"
	"math/bits"

	"postmortem/coreread/goheap"
	"postmortem/coreread/image"
)

// Extent is how much of an object without pointers is strings, which only the
// headers of these say. Of a tiny block the low half has a bit for each byte that
// is of a string, the high half for each whose next byte is of the same string.
// Of any other object it is the bytes from its start on that the longest string
// has which begins there. 0 is none.
type Extent uint32

// tinyExtent is n bytes of a tiny block, from byte at on, that are one string.
// Strings that overlap merge by or: they are parts of one.
func tinyExtent(at, n uint64) Extent {
	return Extent((1<<n-1)<<at | (1<<(n-1)-1)<<at<<16)
}

// CutTiny returns the first string of a tiny block and the rest.
func (e Extent) CutTiny() (at, n uint64, rest Extent) {
	at = uint64(bits.TrailingZeros32(uint32(e)))
	n = 1 + uint64(bits.TrailingZeros32(^(uint32(e) >> 16 >> at)))
	return at, n, e &^ tinyExtent(at, n)
}

// TinyFrom is what of a tiny block's extent lies behind its first bytes, as if
// these were not there.
func (e Extent) TinyFrom(bytes uint) Extent {
	return e&0xffff>>bytes | e>>16>>bytes<<16
}

// extend enters a string of n bytes at a place.
func (f *inference) extend(p *goheap.Place, n uint64) {
	s, at := &f.spans[p.Span], uint64(p.Offset)
	switch e := &f.extents[p.Object]; {
	case !s.noscan || p.Offset < 0 || n > s.space || at > s.space-n:
	case s.tiny:
		*e |= tinyExtent(at, n)
	case at == 0 && n <= math.MaxUint32:
		*e = max(*e, Extent(n))
	}
}

// texts gathers strings, of which there are so many that they go a shorter way
// than claims: most are in spans that have nothing else.
type texts struct {
	n      int
	addrs  [batch]image.Addr
	bytes  [batch]uint64
	class  [batch]Class
	places [batch]goheap.Place
}

// claimString enters a string.
func (f *inference) claimString(addr image.Addr, n uint64) {
	t := &f.texts
	if t.n == batch {
		f.flushTexts()
	}
	i := t.n & (batch - 1)
	t.addrs[i], t.bytes[i], t.class[i] = addr, n, min(Pointer, f.limit)
	t.n++
}

// flushTexts enters the extents of the strings that were gathered, and claims
// those that say something new.
func (f *inference) flushTexts() {
	t := &f.texts
	n := t.n
	t.n = 0
	f.heap.Locate(t.addrs[:n], t.places[:n])
	for i := range t.places[:n] {
		p := &t.places[i]
		if p.Object == goheap.NoObject {
			continue
		}
		f.extend(p, t.bytes[i])
		if !f.settled(p.Span, stringIndex, t.class[i]) {
			f.enterClaim(t.addrs[i], t.bytes[i], stringIndex, t.class[i])
		}
	}
}
