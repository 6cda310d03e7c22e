package heap

import (
	"bytes"
	"cmp"
	"context"
	"hash/maphash"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"

	"postmortem/analyzer/facts"
	"postmortem/analyzer/typing"
	"postmortem/coreread/goheap"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// duplicates finds equal strings. A string counts once, however many headers it
// has; one that begins inside of a larger object, as what was cut out of a text
// does, takes no memory of its own and does not count.
//
// The strings are records of 64 bits, a hash above the place. Records are divided
// by hash, those in one part whose hash no other has are dropped, the others
// sorted, and strings of equal hash compared.
// That the root does not reach a string is found out when it has a hash in common
// with others.
type duplicates struct {
	*Analysis
	workers   int
	seed      maphash.Seed
	placeBits int
}

// placeOf returns the place of an address: its arena's index and the offset in it.
// Arenas that adjoin each other have adjoining places.
func (d *duplicates) placeOf(a image.Addr) uint64 {
	i, _ := slices.BinarySearchFunc(d.Heap.Arenas, a, func(r image.Range, a image.Addr) int { return cmp.Compare(r.End-1, a) })
	if i == len(d.Heap.Arenas) {
		return 0
	}
	return uint64(i)*layout.ArenaBytes + uint64(a-d.Heap.Arenas[i].Start)
}

// address is the inverse of placeOf.
func (d *duplicates) address(record uint64) image.Addr {
	place := record & (1<<d.placeBits - 1)
	i := place / layout.ArenaBytes
	if i >= uint64(len(d.Heap.Arenas)) {
		return 0
	}
	return d.Heap.Arenas[i].Start + image.Addr(place%layout.ArenaBytes)
}

// duplicateStrings finds the strings that are there more than once.
func (a *Analysis) duplicateStrings(ctx context.Context) *facts.DuplicateStrings {
	d := &duplicates{
		Analysis: a, workers: max(a.opt.Workers, 1), seed: maphash.MakeSeed(),
		placeBits: bits.Len64(uint64(len(a.Heap.Arenas)) * layout.ArenaBytes),
	}
	parts, skip := d.partition(ctx, d.records(ctx))
	finders := make([]duplicateFinder, d.workers)
	for i := range finders {
		finders[i] = duplicateFinder{duplicates: d, skip: skip}
	}
	inParallel(ctx, d.workers, len(parts), func(worker, i int) { finders[worker].find(parts[i]) })
	doc := &facts.DuplicateStrings{Top: []facts.DuplicateString{}}
	var all []duplicate
	for i := range finders {
		f := &finders[i]
		doc.Count += f.count
		doc.Bytes += f.bytes
		doc.Distinct += f.distinct
		all = append(all, f.top...)
	}
	top(&all, facts.WasteTopCap, compareDuplicates)
	doc.TopTotal = int(doc.Distinct)
	for i := range all {
		s := facts.DuplicateString{Count: all[i].count, Bytes: all[i].bytes, Length: all[i].length}
		if d.opt.ShowValues {
			s.Value = facts.Some(shown(all[i].text))
		}
		doc.Top = append(doc.Top, s)
	}
	return doc
}

// records makes the records of all strings, by job.
func (d *duplicates) records(ctx context.Context) [][]uint64 {
	jobs := spanJobs(d.Heap)
	records := make([][]uint64, len(jobs))
	scratch := make([][]uint64, d.workers)
	inParallel(ctx, d.workers, len(jobs), func(worker, i int) {
		list := scratch[worker][:0]
		for span := jobs[i].first; span < jobs[i].end; span++ {
			if s := &d.Heap.Spans[span]; s.NoScan && s.Count > 0 {
				list = d.span(list, s)
			}
		}
		scratch[worker] = list
		records[i] = slices.Clone(list)
	})
	return records
}

// span appends the records of a span's strings.
func (d *duplicates) span(list []uint64, s *goheap.Span) []uint64 {
	start, tiny := d.placeOf(s.Start), spanClass(s) == layout.TinySpanClass
	for w := range s.AllocatedWords() {
		allocated, o := d.Heap.Allocated(s, w)
		for ; allocated != 0; allocated &= allocated - 1 {
			extent := d.Types.Extents[o]
			if o++; extent == 0 {
				continue
			}
			slot := uint64(64*w + bits.TrailingZeros64(allocated))
			mem := s.Value(uint32(slot))
			switch {
			case mem == nil:
			case tiny:
				for rest := extent; rest != 0; {
					var at, n uint64
					at, n, rest = rest.CutTiny()
					list = append(list, d.record(mem[at:at+n], start+slot*s.ElemBytes+at))
				}
			case d.Types.Table[d.Types.Of[o-1]].Form == typing.StringData:
				list = append(list, d.record(mem[:extent], start+slot*s.ElemBytes))
			}
		}
	}
	return list
}

func (d *duplicates) record(content []byte, place uint64) uint64 {
	return maphash.Bytes(d.seed, content)>>d.placeBits<<d.placeBits | place
}

// partBits chooses how many parts there are for n records: so many that a part
// fits a processor's cache.
func partBits(n int) int { return min(bits.Len(uint(n/4096)), 14) }

// partition divides the records by the first bits of their hashes.
func (d *duplicates) partition(ctx context.Context, records [][]uint64) (parts [][]uint64, skip int) {
	n := 0
	for _, list := range records {
		n += len(list)
	}
	skip = partBits(n)
	// Each worker has a run of the lists, and of each part a place to write to.
	next := make([][]int, d.workers)
	run := func(worker int) [][]uint64 {
		return records[worker*len(records)/d.workers : (worker+1)*len(records)/d.workers]
	}
	inParallel(ctx, d.workers, d.workers, func(_, i int) {
		next[i] = make([]int, 1<<skip)
		for _, list := range run(i) {
			for _, r := range list {
				next[i][r>>(64-skip)]++
			}
		}
	})
	if ctx.Err() != nil {
		return nil, skip
	}
	all := make([]uint64, n)
	parts = make([][]uint64, 1<<skip)
	at := 0
	for p := range parts {
		first := at
		for i := range next {
			at, next[i][p] = at+next[i][p], at
		}
		parts[p] = all[first:at]
	}
	inParallel(ctx, d.workers, d.workers, func(_, i int) {
		for _, list := range run(i) {
			for _, r := range list {
				p := r >> (64 - skip)
				all[next[i][p]] = r
				next[i][p]++
			}
		}
	})
	return parts, skip
}

// text is a string on the heap.
type text struct {
	bytes []byte
	taken uint64 // bytes of its slot, when it has one of its own that fits it, else just its own
}

// textBatch is how many strings are looked up at a time.
const textBatch = 512

// texts is the strings of so many records, with what finding them takes.
type texts struct {
	found  [textBatch]text
	addrs  [textBatch]image.Addr
	places [textBatch]goheap.Place
	near   byte
}

// texts finds the strings of at most textBatch records, so that waiting for the
// memory of many of them overlaps. Those that are not reached are empty.
func (d *duplicates) texts(records []uint64, t *texts) []text {
	for i, r := range records {
		t.addrs[i] = d.address(r)
	}
	d.Heap.Locate(t.addrs[:len(records)], t.places[:])
	for i := range records {
		t.found[i] = d.text(&t.places[i])
	}
	for i := range records {
		if b := t.found[i].bytes; len(b) > 0 {
			t.near |= b[0]
		}
	}
	return t.found[:len(records)]
}

// text returns the string at a place.
func (d *duplicates) text(p *goheap.Place) text {
	if p.Object == goheap.NoObject || p.Offset < 0 || !d.Doms.Reached(uint32(p.Object)) {
		return text{}
	}
	s, n := &d.Heap.Spans[p.Span], uint64(d.Types.Extents[p.Object])
	if spanClass(s) == layout.TinySpanClass {
		_, n, _ = d.Types.Extents[p.Object].TinyFrom(uint(p.Offset)).CutTiny()
	}
	mem := s.Value(p.Slot)
	if off := uint64(p.Offset); off > uint64(len(mem)) || n > uint64(len(mem))-off {
		return text{}
	}
	taken := n
	if n > smallerSlot(s) {
		taken = s.ElemBytes
	}
	return text{mem[p.Offset:][:n:n], taken}
}

// smallerSlot returns the bytes that would fit a smaller slot than those of a
// span without pointers.
func smallerSlot(s *goheap.Span) uint64 {
	if s.Class == 0 {
		return s.ElemBytes - min(s.ElemBytes, layout.PageSize)
	}
	n, _, _ := layout.SizeClass(s.Class - 1)
	if spanClass(s) == layout.TinySpanClass {
		n = s.ElemBytes - 1 // what is smaller shares a block
	}
	return n
}

// duplicate is a content that is there more than once.
type duplicate struct {
	count, bytes, length uint64
	text                 []byte
	place                uint64 // of the first by address
}

// compareDuplicates puts those first whose copies take most.
func compareDuplicates(a, b duplicate) int {
	return cmp.Or(-cmp.Compare(a.bytes, b.bytes), -cmp.Compare(a.count, b.count), cmp.Compare(a.place, b.place))
}

// duplicateFinder is a worker's part of the result.
type duplicateFinder struct {
	*duplicates
	skip                   int // bits that all hashes in a part have in common
	count, bytes, distinct uint64
	top                    []duplicate

	once, twice [1 << filterBits / 64]uint64
	texts       texts
	group       group
	others      []uint64 // records of the group's hash with other contents
}

// filterBits is how many bits of a hash tell which records may have an equal.
const filterBits = 16

// group is records of one content.
type group struct {
	first       uint64
	text        []byte
	count       uint64
	taken, most uint64 // bytes of all, and of the one that takes most
}

// find finds the equal strings among the records of a part. It overwrites them.
func (f *duplicateFinder) find(part []uint64) {
	part = f.filter(part)
	slices.Sort(part)
	f.compare(part)
	for len(f.others) > 0 {
		// Different contents of one hash are rare.
		again := f.others
		f.others = nil
		f.compare(again)
	}
}

// compare groups the strings of sorted records; a string whose hash another one
// has, and another content, is left to others.
func (f *duplicateFinder) compare(records []uint64) {
	for len(records) > 0 {
		batch := records[:min(len(records), textBatch)]
		for i, t := range f.duplicates.texts(batch, &f.texts) {
			g := &f.group
			switch {
			case len(t.bytes) == 0:
			case g.count == 0 || batch[i]>>f.placeBits != g.first>>f.placeBits:
				f.endGroup()
				*g = group{batch[i], t.bytes, 1, t.taken, t.taken}
			case bytes.Equal(t.bytes, g.text):
				g.count++
				g.taken += t.taken
				g.most = max(g.most, t.taken)
			default:
				f.others = append(f.others, batch[i])
			}
		}
		records = records[len(batch):]
	}
	f.endGroup()
}

// endGroup enters the group at hand. All of its strings but the one that takes
// most could go.
func (f *duplicateFinder) endGroup() {
	g := &f.group
	if g.count > 1 {
		f.count += g.count - 1
		f.bytes += g.taken - g.most
		f.distinct++
		f.top = append(f.top, duplicate{
			count: g.count, bytes: g.taken - g.most, length: uint64(len(g.text)),
			text: g.text, place: g.first & (1<<f.placeBits - 1),
		})
		if len(f.top) >= 16*facts.WasteTopCap {
			top(&f.top, facts.WasteTopCap, compareDuplicates)
		}
	}
	*g = group{}
}

// filter keeps the records whose hash another one may have, too.
func (f *duplicateFinder) filter(part []uint64) []uint64 {
	clear(f.once[:])
	clear(f.twice[:])
	width := max(min(filterBits, 64-f.placeBits-f.skip), 0)
	for _, r := range part {
		i := r << f.skip >> (64 - width)
		bit := uint64(1) << (i % 64)
		f.twice[i/64] |= f.once[i/64] & bit
		f.once[i/64] |= bit
	}
	kept := part[:0]
	for _, r := range part {
		if i := r << f.skip >> (64 - width); f.twice[i/64]>>(i%64)&1 != 0 {
			kept = append(kept, r)
		}
	}
	return kept
}

// shownBytes bounds a string that is shown.
const shownBytes = 64

// shown returns the start of a string as text.
func shown(content []byte) string {
	if len(content) > shownBytes {
		content = content[:shownBytes]
		for i := 1; i < utf8.UTFMax; i++ {
			if end := content[len(content)-i:]; utf8.RuneStart(end[0]) {
				if !utf8.FullRune(end) {
					content = content[:len(content)-i]
				}
				break
			}
		}
	}
	text := strings.ToValidUTF8(string(content), string(utf8.RuneError))
	n := min(len(text), shownBytes)
	for n < len(text) && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
