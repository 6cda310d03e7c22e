package goheap

import (
	"fmt"

	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// Books are the counts of allocated slots that the heap's parts keep apart from
// one another. In an undamaged core they agree: what makes objects, and what
// counts them, are different words of memory.
type Books struct {
	// Slots is what the spans' bitmaps say, AllocCount what the spans count.
	Slots, AllocCount Tally
	// Statistics is what runtime.MemStats would say: nil when a part of it is absent.
	Statistics *Tally
	// TinyAllocs is how many values the tiny allocator placed in blocks of its
	// own since the process began; nil when unknown.
	TinyAllocs *uint64
}

// Tally is a number of slots and their bytes.
type Tally struct {
	Slots, Bytes uint64
}

func (t *Tally) add(slots, size uint64) {
	t.Slots += slots
	t.Bytes += slots * size
}

// Agree reports whether all books could be read and say the same.
func (b *Books) Agree() bool {
	return b.Statistics != nil && b.Slots == b.AllocCount && b.Slots == *b.Statistics
}

// Books reads them.
func (h *Heap) Books() *Books {
	b := &Books{}
	for i := range h.Spans {
		if s := &h.Spans[i]; s.InUse() {
			b.Slots.add(uint64(s.Count), s.ElemBytes)
			b.AllocCount.add(uint64(s.AllocCount), s.ElemBytes)
		}
	}
	var err error
	if b.Statistics, b.TinyAllocs, err = h.statistics(); err != nil {
		h.process.AddGap(gort.Gap{What: fmt.Sprintf("the heap's statistics (%v)", err), Effect: "the count of objects is not confirmed"})
	}
	return b
}

// generations is how many copies of the statistics the runtime keeps; the sum
// of them is what counts (mstats.go, consistentHeapStats).
const generations = 3

// statistics sums what memstats.heapStats counts and what the processors' caches
// have not told it yet.
func (h *Heap) statistics() (*Tally, *uint64, error) {
	var o statsOffsets
	if err := o.bind(h.process.Layout()); err != nil {
		return nil, nil, err
	}
	at, err := h.global("runtime.memstats")
	if err != nil {
		return nil, nil, err
	}
	var smallAllocs, smallFrees [layout.SizeClasses]uint64
	var large Tally
	var tiny uint64
	c := h.process.Image.Cursor()
	for i := range uint64(generations) {
		delta := at + image.Addr(o.heapStats+o.stats.Offset+i*o.stats.Stride)
		for class := range uint64(layout.SizeClasses) {
			smallAllocs[class] += c.Uint64(delta + image.Addr(o.smallAllocs+8*class))
			smallFrees[class] += c.Uint64(delta + image.Addr(o.smallFrees+8*class))
		}
		large.Slots += c.Uint64(delta+image.Addr(o.largeAllocs)) - c.Uint64(delta+image.Addr(o.largeFrees))
		large.Bytes += c.Uint64(delta+image.Addr(o.largeAllocBytes)) - c.Uint64(delta+image.Addr(o.largeFreeBytes))
		tiny += c.Uint64(delta + image.Addr(o.tinyAllocs))
	}
	if err := c.Err(); err != nil {
		return nil, nil, err
	}
	tally := large
	for class := range smallAllocs {
		size, _, _ := layout.SizeClass(uint8(class))
		tally.add(smallAllocs[class]-smallFrees[class], size)
	}
	unflushed, cachedTiny, err := h.unflushed(&o)
	if err != nil {
		return nil, nil, err
	}
	tally.Slots += unflushed.Slots
	tally.Bytes += unflushed.Bytes
	tiny += cachedTiny
	return &tally, &tiny, nil
}

// unflushed is by how much the statistics will change when the processors hand
// their spans back; the result is modulo 2^64, as it may be negative.
func (h *Heap) unflushed(o *statsOffsets) (Tally, uint64, error) {
	var tally Tally
	var tiny uint64
	spans := make(map[image.Addr]*Span, len(h.Spans)/16)
	for i := range h.Spans {
		if s := &h.Spans[i]; s.Cached {
			spans[s.Addr] = s
		}
	}
	list, err := h.global("runtime.allp")
	if err != nil {
		return tally, 0, err
	}
	c := h.process.Image.Cursor()
	first, n := c.Addr(list), c.Uint64(list+8)
	if n > maxProcessors {
		return tally, 0, fmt.Errorf("runtime.allp has %d entries", n)
	}
	for i := range n {
		p := c.Addr(first + image.Addr(8*i))
		if p == 0 {
			continue
		}
		cache := c.Addr(p + image.Addr(o.mcache))
		if cache == 0 {
			continue // destroyed with its processor
		}
		tiny += c.Uint64(cache + image.Addr(o.cacheTinyAllocs))
		for k := range o.alloc.Len {
			if s := spans[c.Addr(cache+image.Addr(o.alloc.Offset+k*o.alloc.Stride))]; s != nil {
				tally.add(s.unflushed(h.offsets.beforeCache.present), s.ElemBytes)
			}
		}
	}
	return tally, tiny, c.Err()
}

// maxProcessors bounds GOMAXPROCS.
const maxProcessors = 1 << 20

// unflushed returns what a cached span adds to the statistics when it is handed
// back: since 1.19 what was allocated from it; in 1.18 all its slots were counted
// as it was taken, and those left are taken back (mcache.go, refill, releaseAll).
func (s *Span) unflushed(counted bool) uint64 {
	if counted {
		return uint64(s.AllocCount) - uint64(s.beforeCache)
	}
	return uint64(s.AllocCount) - uint64(s.Slots)
}

// statsOffsets are where the statistics are, in bytes.
type statsOffsets struct {
	heapStats                                                uint64 // in memstats
	stats                                                    layout.Array
	smallAllocs, smallFrees                                  uint64 // in heapStatsDelta
	largeAllocs, largeFrees, largeAllocBytes, largeFreeBytes uint64
	tinyAllocs                                               uint64
	mcache                                                   uint64       // in p
	alloc                                                    layout.Array // in mcache
	cacheTinyAllocs                                          uint64
}

func (o *statsOffsets) bind(l *layout.Layout) error {
	stats := l.Struct("runtime.mstats")
	o.heapStats = stats.Offset("heapStats")
	consistent := l.Struct("runtime.consistentHeapStats")
	o.stats = consistent.Array("stats")
	delta := l.Struct("runtime.heapStatsDelta")
	o.smallAllocs, o.smallFrees = delta.Offset("smallAllocCount"), delta.Offset("smallFreeCount")
	o.largeAllocs, o.largeFrees = delta.Offset("largeAllocCount"), delta.Offset("largeFreeCount")
	o.largeAllocBytes, o.largeFreeBytes = delta.Offset("largeAlloc"), delta.Offset("largeFree")
	o.tinyAllocs = delta.Offset("tinyAllocCount")
	p := l.Struct("runtime.p")
	o.mcache = p.Offset("mcache")
	cache := l.Struct("runtime.mcache")
	o.alloc, o.cacheTinyAllocs = cache.Array("alloc"), cache.Offset("tinyAllocs")
	for _, s := range []*layout.Struct{stats, consistent, delta, p, cache} {
		if err := s.Err(); err != nil {
			return err
		}
	}
	return nil
}
