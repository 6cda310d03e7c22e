package typing

import (
	"postmortem/coreread/goheap"
	"postmortem/coreread/image"
)

// An object's word has the entry's index in its low bits and the class above.
const (
	indexMask  = maxEntries - 1
	classShift = 24
)

func wordOf(i index, c Class) Key { return Key(i) | Key(c)<<classShift }
func classOf(w Key) Class         { return Class(w >> classShift) }

// claim says that the bytes from an address on are what an entry describes.
type claim struct {
	bytes    uint64 // that the claim covers; 0 when not known
	entry    index
	class    Class
	known    bool // pointers is what the bitmap says of the object's first words
	pointers uint64
}

// batch is how many claims are looked up at once, so that the processor waits
// for the memory of many of them at a time.
const batch = 512

// claims gathers claims until they are many.
type claims struct {
	n      int
	addrs  [batch]image.Addr
	claims [batch]claim
	places [batch]goheap.Place
	words  [batch]Key
}

// claim enters a claim. Claims without an entry say nothing.
func (f *inference) claim(addr image.Addr, bytes uint64, i index, class Class) {
	if i == unknownIndex || addr == 0 {
		return
	}
	f.enterClaim(addr, bytes, i, min(class, f.limit))
}

func (f *inference) enterClaim(addr image.Addr, bytes uint64, i index, class Class) {
	b := &f.batch
	if b.n == batch {
		f.decide()
	}
	b.addrs[b.n&(batch-1)] = addr
	b.claims[b.n&(batch-1)] = claim{bytes: bytes, entry: i, class: class}
	b.n++
}

// flush decides all claims that were gathered.
func (f *inference) flush() {
	f.flushTexts()
	f.decide()
}

// decide decides claims in the order in which they came.
func (f *inference) decide() {
	b := &f.batch
	f.heap.LocateSpans(b.addrs[:b.n], b.places[:b.n])
	n := f.drop(b.n)
	b.n = 0
	f.heap.LocateObjects(b.addrs[:n], b.places[:n])
	for i := range b.places[:n] {
		if o := b.places[i].Object; o != goheap.NoObject {
			b.words[i] = f.words[o]
		}
	}
	for i := range b.places[:n] {
		// Many objects hear of their type once: their bitmaps are read side by side, too.
		p, c := &b.places[i], &b.claims[i]
		if p.Object != goheap.NoObject && p.Offset == 0 && b.words[i] == 0 && !f.spans[p.Span].noscan {
			c.pointers, c.known = f.pointers.Slot(p.Span, p.Slot)
		}
	}
	for i := range b.places[:n] {
		p := &b.places[i]
		c := &b.claims[i]
		if p.Object == goheap.NoObject {
			if p.Span < 0 || !f.heap.Spans[p.Span].InUse() {
				f.outside(b.addrs[i], c)
			}
			continue
		}
		word := f.words[p.Object]
		switch {
		case p.Offset != 0:
			f.interior(b.addrs[i], p, c, word)
		case index(word&indexMask) == c.entry:
			f.again(p, c, word)
		default:
			f.contend(b.addrs[i], p, c, word)
		}
	}
}

// drop leaves those of the first n claims that may say something new: a span all
// of whose objects have one type hears of it again and again.
func (f *inference) drop(n int) int {
	b, kept := &f.batch, 0
	for i := range n {
		if span := b.places[i].Span; span >= 0 {
			if c := &b.claims[i]; f.settled(span, c.entry, c.class) {
				continue
			}
		}
		if kept < i {
			b.addrs[kept], b.claims[kept], b.places[kept] = b.addrs[i], b.claims[i], b.places[i]
		}
		kept++
	}
	return kept
}

// again takes a claim that says what is known already.
func (f *inference) again(p *goheap.Place, c *claim, word Key) {
	have := classOf(word)
	switch {
	case have == Recorded && c.class == Pointer:
		f.words[p.Object] = wordOf(c.entry, Confirmed)
	case have < c.class && c.class > Part:
		f.words[p.Object] = wordOf(c.entry, c.class)
	}
}

// contend holds a claim of an object's start against what is known of it.
func (f *inference) contend(addr image.Addr, p *goheap.Place, c *claim, word Key) {
	if word != 0 {
		if classOf(word) >= Recorded {
			f.refine(p, c, word)
			return
		}
		if !f.stronger(c, word) {
			return
		}
	}
	if f.wasRejected(p.Object, c.entry) {
		return
	}
	switch f.fit(p, c) {
	case fits:
		f.settleOn(p, c.entry, c.class)
	case conflicts:
		f.conflicts++
		f.reject(p.Object, c.entry)
	case shares:
		if word == 0 {
			f.words[p.Object] = wordOf(tinyIndex, Shared)
		}
	case partly:
		if !f.partOfWhole(p, c, word) {
			f.follow(addr, c, word)
		}
	}
}

// settleOn gives an object its type, and has it scanned.
func (f *inference) settleOn(p *goheap.Place, i index, class Class) {
	before, now := f.words[p.Object], wordOf(i, class)
	f.words[p.Object] = now
	switch s := &f.spans[p.Span]; {
	case before != 0 || s.common != 0 && s.common != now:
		s.others, f.uniform[p.Span] = mixed, 0
	case s.others != mixed:
		s.common = now
		if s.others--; s.others == 0 {
			f.uniform[p.Span] = now
		}
	}
	if index(before&indexMask) == i || !f.entries[i].pointers {
		return
	}
	if index(before&indexMask) > stringIndex && !f.allowAgain(p) {
		return
	}
	f.pend(p.Span, p.Slot)
}

// allowAgain bounds how much is scanned again because better evidence came.
func (f *inference) allowAgain(p *goheap.Place) bool {
	return f.charge(f.heap.Spans[p.Span].ElemBytes)
}

// charge takes n bytes off what may be read more than once: a heap that is not
// damaged needs a small part of it.
func (f *inference) charge(n uint64) bool {
	if n > f.rescans {
		f.incomplete = "the evidence contradicts itself too often"
		return false
	}
	f.rescans -= n
	return true
}

// rejectedSize is how many claims are remembered that did not fit.
const rejectedSize = 1 << 12

// wasRejected reports whether the last claim of the kind for the object was rejected.
func (f *inference) wasRejected(o goheap.Object, i index) bool {
	return f.rejected[rejectedSlot(o, i)] == uint64(o)<<32|uint64(i)
}

func (f *inference) reject(o goheap.Object, i index) {
	f.rejected[rejectedSlot(o, i)] = uint64(o)<<32 | uint64(i)
}

func rejectedSlot(o goheap.Object, i index) uint64 {
	return (uint64(o)<<32 | uint64(i)) * 0x9e3779b97f4a7c15 >> 52
}
