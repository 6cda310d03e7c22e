package goheap

import (
	"fmt"
	"math/bits"
	"sort"

	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// PageRun is neighbouring free pages that are alike.
type PageRun struct {
	image.Range
	Released bool // given back to the system: mapped, but without memory behind it
}

// FreePages is the pages of the heap that no span has and the page allocator has to give.
type FreePages struct {
	Runs []PageRun // by address
	// Padding is bytes of pages that no span will ever have, so that the heap begins
	// at a random address: they count as given back (mheap.go, grow, 1.26).
	Padding uint64
}

// Idle returns the bytes of free pages that were not given back to the system.
func (f *FreePages) Idle() uint64 { return f.bytes(false) }

// Released returns the bytes of free pages that were given back.
func (f *FreePages) Released() uint64 { return f.bytes(true) }

func (f *FreePages) bytes(released bool) uint64 {
	var n uint64
	for i := range f.Runs {
		if f.Runs[i].Released == released {
			n += f.Runs[i].Len()
		}
	}
	return n
}

// Whole returns how many runs the free pages make, given back or not, and the
// bytes of the longest.
func (f *FreePages) Whole() (runs int, longest uint64) {
	var start, end image.Addr
	for i := range f.Runs {
		r := &f.Runs[i]
		if i == 0 || r.Start != end {
			runs++
			start = r.Start
		}
		end = r.End
		longest = max(longest, uint64(end-start))
	}
	return runs, longest
}

// A chunk is what the page allocator has one pair of bitmaps for: 512 pages
// (mpagealloc.go, pallocData: which are allocated, and which were given back).
const (
	chunkPages = 512
	chunkBytes = chunkPages * layout.PageSize
	chunkWords = chunkPages / 64
	chunkShift = 13                 // chunks in one block of pageAlloc.chunks, log2
	chunkData  = 2 * 8 * chunkWords // bytes of a pallocData
)

// FreePages reads the page allocator's bitmaps.
func (h *Heap) FreePages() (*FreePages, error) {
	r := &pageReader{heap: h}
	if err := r.bind(); err != nil {
		return nil, err
	}
	for _, arena := range h.Arenas {
		for start := arena.Start; start < arena.End; start += chunkBytes {
			if !r.has(start) {
				continue
			}
			if err := r.readChunk(start); err != nil {
				return nil, fmt.Errorf("the page allocator's bitmap of %v: %w", start, err)
			}
		}
	}
	return &r.free, nil
}

// pageReader reads the bitmaps chunk by chunk.
type pageReader struct {
	heap   *Heap
	blocks image.Addr    // pageAlloc.chunks
	inUse  []image.Range // pageAlloc.inUse, by address
	caches map[image.Addr]pageCache
	free   FreePages
}

// pageCache is pages that a processor took to give out without a lock: they are
// allocated to the allocator, and free until then (mpagecache.go). Each is 64
// pages, one word of a chunk's bitmap.
type pageCache struct {
	free, released uint64
}

func (r *pageReader) bind() error {
	h := r.heap
	mheap, err := h.global("runtime.mheap_")
	if err != nil {
		return err
	}
	heap, pages := h.process.Layout().Struct("runtime.mheap"), h.process.Layout().Struct("runtime.pageAlloc")
	at := mheap + image.Addr(heap.Offset("pages"))
	r.blocks = at + image.Addr(pages.Offset("chunks"))
	list := at + image.Addr(pages.Offset("inUse.ranges"))
	for _, s := range []*layout.Struct{heap, pages} {
		if err := s.Err(); err != nil {
			return err
		}
	}
	words, err := h.words(list, 2)
	if err != nil {
		return fmt.Errorf("the page allocator's list of address ranges: %w", err)
	}
	for ; len(words) >= 2; words = words[2:] {
		r.inUse = append(r.inUse, image.Range{Start: image.Addr(words[0]), End: image.Addr(words[1])})
	}
	sort.Slice(r.inUse, func(i, j int) bool { return r.inUse[i].Start < r.inUse[j].Start })
	return r.readCaches()
}

// words reads a slice whose elements have so many words each. The bounds of
// the image bound it.
func (h *Heap) words(slice image.Addr, each uint64) ([]uint64, error) {
	c := h.process.Image.Cursor()
	first, n := c.Addr(slice), c.Uint64(slice+8)
	if err := c.Err(); err != nil {
		return nil, err
	}
	if n > maxSpans {
		return nil, fmt.Errorf("it has an impossible length of %d", n)
	}
	b, err := h.process.Image.Bytes(first, n*each*8)
	if err != nil {
		return nil, err
	}
	out := make([]uint64, n*each)
	for i := range out {
		out[i] = h.process.Image.ByteOrder().Uint64(b[8*i:])
	}
	return out, nil
}

// processors returns the addresses of the Ps that exist.
func (h *Heap) processors() ([]image.Addr, error) {
	list, err := h.global("runtime.allp")
	if err != nil {
		return nil, err
	}
	words, err := h.words(list, 1)
	if err != nil {
		return nil, fmt.Errorf("runtime.allp: %w", err)
	}
	var out []image.Addr
	for _, p := range words {
		if p != 0 {
			out = append(out, image.Addr(p))
		}
	}
	return out, nil
}

func (r *pageReader) readCaches() error {
	h := r.heap
	p := h.process.Layout().Struct("runtime.p")
	base, free, released := p.Offset("pcache.base"), p.Offset("pcache.cache"), p.Offset("pcache.scav")
	if err := p.Err(); err != nil {
		return err
	}
	processors, err := h.processors()
	if err != nil {
		return err
	}
	r.caches = make(map[image.Addr]pageCache)
	c := h.process.Image.Cursor()
	for _, at := range processors {
		start := c.Addr(at + image.Addr(base))
		pages := r.caches[start] // two processors may have parts of the same 64
		pages.free |= c.Uint64(at + image.Addr(free))
		pages.released |= c.Uint64(at + image.Addr(released))
		r.caches[start] = pages
	}
	return c.Err()
}

// has reports whether the page allocator manages the chunk.
func (r *pageReader) has(start image.Addr) bool {
	i := sort.Search(len(r.inUse), func(i int) bool { return r.inUse[i].Start > start }) - 1
	return i >= 0 && r.inUse[i].Contains(start)
}

func (r *pageReader) readChunk(start image.Addr) error {
	m := r.heap.process.Image
	number := uint64(start-image.Addr(r.heap.process.Layout().ArenaBaseOffset())) / chunkBytes
	block, err := m.Addr(r.blocks + image.Addr(number>>chunkShift*8))
	if err != nil {
		return err
	}
	b, err := m.Bytes(block+image.Addr(number%(1<<chunkShift)*chunkData), chunkData)
	if err != nil {
		return err
	}
	for i := range chunkWords {
		at := start + image.Addr(i*64*layout.PageSize)
		free, released := ^m.ByteOrder().Uint64(b[8*i:]), m.ByteOrder().Uint64(b[8*(chunkWords+i):])
		r.pad(at, released&^free)
		if cached, ok := r.caches[at]; ok {
			free |= cached.free
			released |= cached.released
		}
		r.add(at, free, released)
	}
	return nil
}

// add enters the free ones of 64 pages.
func (r *pageReader) add(start image.Addr, free, released uint64) {
	for free != 0 {
		i := bits.TrailingZeros64(free)
		free &= free - 1
		at := start + image.Addr(i*layout.PageSize)
		if _, taken := r.heap.SpanIndex(at); taken {
			continue // caught while it was being given out
		}
		r.addPage(at, released>>i&1 != 0)
	}
}

// pad enters pages that are given back although they are not free: nothing else
// than padding is.
func (r *pageReader) pad(start image.Addr, pages uint64) {
	for ; pages != 0; pages &= pages - 1 {
		if _, taken := r.heap.SpanIndex(start + image.Addr(bits.TrailingZeros64(pages)*layout.PageSize)); !taken {
			r.free.Padding += layout.PageSize
		}
	}
}

func (r *pageReader) addPage(at image.Addr, released bool) {
	runs := r.free.Runs
	if n := len(runs); n > 0 && runs[n-1].End == at && runs[n-1].Released == released {
		runs[n-1].End += layout.PageSize
		return
	}
	r.free.Runs = append(runs, PageRun{image.Range{Start: at, End: at + layout.PageSize}, released})
}
