package typing

import (
	"encoding/binary"
	"math/bits"

	"postmortem/coreread/goheap"
	"postmortem/coreread/layout"
	"postmortem/internal/bulk"
)

// verdict is what comes of holding a claim against the allocator's records.
type verdict uint8

const (
	fits      verdict = iota
	conflicts         // the object cannot even begin so
	partly            // the object may begin so, and is more
	shares            // the value is smaller than the tiny block it lies in
)

// fit holds a claim of an object's start against its size class and its
// pointers: an allocation goes to the smallest class that it fits in.
func (f *inference) fit(p *goheap.Place, c *claim) verdict {
	e := &f.entries[c.entry]
	s := &f.spans[p.Span]
	n := c.bytes
	switch e.form {
	case Chan:
		if n = f.channelBytes(p); n == 0 {
			return conflicts
		}
		if s.noscan {
			if n > s.space || n <= s.least {
				return conflicts
			}
			return fits
		}
	case Closure:
		if e.unsized {
			return fits
		}
		n = e.size
	case StringData:
		switch {
		case !s.noscan || n > s.space:
			return conflicts
		case n > s.least:
			return fits
		case s.tiny && n > 0:
			return shares
		case s.tiny:
			return conflicts
		}
		return partly
	}
	if n == 0 {
		return partly // of an extent that is not known
	}
	if n > s.space {
		return conflicts
	}
	if s.noscan {
		switch {
		case e.words > 0:
			return conflicts
		case n > s.least:
			return fits
		case s.tiny:
			return shares
		}
		return partly
	}
	return f.fitPointers(p, c, n)
}

// fitPointers compares a claim of n bytes with the collector's pointers.
func (f *inference) fitPointers(p *goheap.Place, c *claim, n uint64) verdict {
	e, s := &f.entries[c.entry], &f.spans[p.Span]
	exact := n > s.least
	var inside, behind bool
	if !c.known && s.space <= 512 {
		c.pointers, c.known = f.pointers.Slot(p.Span, p.Slot)
	}
	if c.known && s.space <= 512 {
		inside, behind = f.compare64(e, c.pointers, n, s.space)
	} else if f.charge(s.space / 8) {
		inside, behind = f.compare(p, e, n)
	}
	switch {
	case !inside:
		return conflicts
	case !exact || !behind:
		return partly
	}
	return fits
}

// compare64 reports whether the pointers of a claim of n bytes are those of an
// object of at most 64 words: inside of the claim, and behind it.
func (f *inference) compare64(e *entry, have, n, space uint64) (inside, behind bool) {
	if !e.repeated {
		extent := lowBits(n / 8)
		return (have^e.mask)&extent == 0, have&^extent == 0
	}
	unit := e.size / 8
	if unit == 0 || e.words == 0 {
		return have&lowBits(n/8) == 0, have&^lowBits(n/8) == 0
	}
	var all uint64
	for at := uint64(0); at+unit <= space/8; at += unit {
		all |= e.mask << at
	}
	extent := lowBits(n / 8)
	return (have^all)&extent == 0, have&^all == 0
}

// lowBits returns a word with n low bits set; n may be above 64.
func lowBits(n uint64) uint64 {
	if n >= 64 {
		return ^uint64(0)
	}
	return 1<<n - 1
}

// window is how many words of an object are compared at a time.
const window = 1 << 12

// compare is compare64 for objects of any size.
func (f *inference) compare(p *goheap.Place, e *entry, n uint64) (inside, behind bool) {
	s := &f.heap.Spans[p.Span]
	first := (uint64(p.Slot)*s.ElemBytes + s.Header) / 8
	words := (s.ElemBytes - s.Header) / 8
	inside, behind = true, true
	unit := e.size / 8
	for at := uint64(0); at < words && inside; at += window {
		from := (first + at) &^ 63
		skip := first + at - from
		count := min(window, words-at)
		have := f.have[:(skip+count+63)/64]
		f.heap.PointerWords(s, from, have)
		want := f.want[:(skip+count+63)/64]
		f.pattern(e, unit, at, count, skip, words, want)
		limit := uint64(0) // words of this window inside of the claim
		if n/8 > at {
			limit = min(count, n/8-at)
		}
		for i := range have {
			in := lowBits(bound(skip+limit, i)) &^ lowBits(bound(skip, i))
			out := lowBits(bound(skip+count, i)) &^ lowBits(bound(skip+limit, i))
			if (have[i]^want[i])&in != 0 {
				inside = false
			}
			allowed := uint64(0)
			if e.repeated {
				allowed = want[i]
			}
			if have[i]&out&^allowed != 0 {
				behind = false
			}
		}
	}
	// A recorded type is one of values that follow one another up to the slot's end.
	return inside, behind || s.Header != 0 || s.LargeType != 0
}

// bound returns how many of the first n bits are in word i of a bitmap.
func bound(n uint64, i int) uint64 {
	if at := uint64(i) * 64; n > at {
		return n - at
	}
	return 0
}

// pattern writes the pointers of an entry's words [at, at+count) behind skip bits.
func (f *inference) pattern(e *entry, unit, at, count, skip, words uint64, into []uint64) {
	clear(into)
	if unit == 0 || e.words == 0 {
		return
	}
	end := unit
	if e.repeated {
		end = words / unit * unit
	}
	for value := at / unit * unit; value < end && value < at+count; value += unit {
		i := 0
		if at > value {
			i = int(at-value) / 64
		}
		for ; i*64 < int(min(e.words, at+count-value)); i++ {
			w := e.mask
			if i > 0 {
				w = e.bits[i]
			}
			for ; w != 0; w &= w - 1 {
				word := value + uint64(i)*64 + uint64(bits.TrailingZeros64(w))
				if word >= at && word < at+count {
					b := word - at + skip
					into[b/64] |= 1 << (b % 64)
				}
			}
		}
	}
}

// spanInfo is what is needed of a span all the time.
type spanInfo struct {
	space   uint64 // bytes of a slot without its header
	least   uint64 // an allocation of so many bytes would be in a smaller slot
	pending uint32 // index in inference.pending of its first slots
	common  Key    // word of the first object that got a type
	others  uint32 // objects whose word is not known to be common; mixed when some have another
	noscan  bool
	tiny    bool
	waiting bool // it is in the queue
}

// settled reports whether all objects of a span have an entry's type, by evidence
// of that class or more. It is asked of every pointer; what it takes stays in a cache.
func (f *inference) settled(span int32, i index, class Class) bool {
	w := f.uniform[span]
	return index(w&indexMask) == i && classOf(w) >= class
}

// mixed says that the objects of a span are not of one type.
const mixed = ^uint32(0)

// readSpans finds the bounds of each span's size class, and has room for the
// slots that are to be scanned.
func (f *inference) readSpans() {
	f.spans, f.uniform = bulk.Make[spanInfo](len(f.heap.Spans)), bulk.Make[Key](len(f.heap.Spans))
	words := 0
	for i := range f.heap.Spans {
		s := &f.heap.Spans[i]
		if !s.InUse() {
			continue
		}
		info := spanInfo{
			space: s.ElemBytes - s.Header, pending: uint32(words), others: s.Count,
			noscan: s.NoScan, tiny: s.NoScan && s.Class == tinyClass,
		}
		words += s.AllocatedWords()
		switch {
		case s.UserArena:
			info.least = ^uint64(0) // many values of any sizes
		case s.Class == 0:
			info.least = s.ElemBytes - min(s.ElemBytes, layout.PageSize)
		default:
			below, _, _ := layout.SizeClass(s.Class - 1)
			if info.least = below; s.Header != 0 {
				// What fits a smaller slot with its header, or needs none.
				info.least = max(below, 512+s.Header) - s.Header
			}
		}
		f.spans[i] = info
	}
	f.pending = bulk.Make[uint64](words)
	for _, s := range f.image.Segments() {
		f.rescans += 4 * s.Len()
	}
}

// tinyClass is the size class of tiny blocks (malloc.go, tinySizeClass).
const tinyClass = 2

func word64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }
