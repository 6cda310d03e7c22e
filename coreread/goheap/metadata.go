package goheap

import (
	"fmt"

	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// Metadata is where the runtime keeps what it needs besides the heap's arenas,
// in mappings of its own. Ranges end where the mapping does, and may reach into
// address space that is only reserved. Those of one kind do not overlap.
type Metadata struct {
	Index    []image.Range // of the heap: what is known of arenas, pages and spans
	Bits     []image.Range // mark and allocation bits of the spans
	Records  []image.Range // everything small: mspans, specials, profile records, pollDescs, … (persistentalloc)
	Profiles []image.Range // the table of the profiles' records
	Queues   []image.Range // of spans that the collector has to look at (Green Tea, 1.26)
}

// Metadata finds it. The error says what could not be read first: that memory is
// not in the lists.
func (h *Heap) Metadata() (Metadata, error) {
	r := &metadataReader{heap: h, page: 4 << 10}
	if n := h.process.Core.Auxv[auxPageSize]; n >= 4<<10 && n <= 64<<10 {
		r.page = n
	}
	var first error
	for _, read := range []func() error{r.records, r.arenas, r.spans, r.pageIndex, r.scavengeIndex, r.bits, r.profiles, r.queues} {
		if err := read(); err != nil && first == nil {
			first = err
		}
	}
	return r.found, first
}

// auxPageSize is AT_PAGESZ (include/uapi/linux/auxvec.h).
const auxPageSize = 6

// metadataReader follows the runtime's own lists.
type metadataReader struct {
	heap  *Heap
	page  uint64 // bytes of a page of the system: mappings end at them
	found Metadata
}

// add enters n bytes that were mapped for themselves.
func (r *metadataReader) add(list *[]image.Range, at image.Addr, n uint64) {
	if end := at + image.Addr((n+r.page-1)&^(r.page-1)); at != 0 && end > at {
		*list = append(*list, image.Range{Start: at, End: end})
	}
}

// Sizes of what the runtime maps at once, the same in 1.18 to 1.27.
const (
	recordChunk    = 256 << 10                   // malloc.go, persistentChunkSize
	bitsChunk      = 64 << 10                    // mheap.go, gcBitsChunkBytes
	arenaTable     = 8 * maxArenas               // malloc.go, arenaL2Bits
	chunkBlock     = chunkData << chunkShift     // mpagealloc.go, pageAlloc.chunks
	chunkBlocks    = 1 << (48 - 22 - chunkShift) // mpagealloc.go, pallocChunksL1Bits
	profileBuckets = 179999 * 8                  // mprof.go, buckHashSize
	summaryLevels  = 5                           // mpagealloc_64bit.go
	chunksAll      = 1 << (48 - 22)              // chunks of the whole address space
)

// chain enters chunks that are linked through a word of each.
func (r *metadataReader) chain(list *[]image.Range, what string, first image.Addr, link, size uint64) error {
	m := r.heap.process.Image
	var held uint64
	for _, s := range m.Segments() {
		held += s.Len()
	}
	for at, n := first, uint64(0); at != 0; n++ {
		next, err := m.Addr(at + image.Addr(link))
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if n > held/size {
			return fmt.Errorf("%s run in a circle", what)
		}
		r.add(list, at, size)
		at = next
	}
	return nil
}

// records follows runtime.persistentChunks, linked through their first words.
func (r *metadataReader) records() error {
	at, err := r.heap.global("runtime.persistentChunks")
	if err != nil {
		return err
	}
	first, err := r.heap.process.Image.Addr(at)
	if err != nil {
		return err
	}
	return r.chain(&r.found.Records, "runtime.persistentChunks", first, 0, recordChunk)
}

// arenas enters mheap.arenas and the heapArena of each arena.
func (r *metadataReader) arenas() error {
	h := r.heap
	mheap, err := h.global("runtime.mheap_")
	if err != nil {
		return err
	}
	c := h.process.Image.Cursor()
	table := c.Addr(mheap + image.Addr(h.offsets.arenas))
	r.add(&r.found.Index, table, arenaTable)
	base := image.Addr(h.process.Layout().ArenaBaseOffset())
	for _, a := range h.Arenas {
		r.add(&r.found.Index, c.Addr(table+image.Addr(uint64(a.Start-base)/layout.ArenaBytes*8)), h.offsets.arenaBytes)
	}
	return c.Err()
}

// spans enters the array behind mheap.allspans.
func (r *metadataReader) spans() error {
	mheap, err := r.heap.global("runtime.mheap_")
	if err != nil {
		return err
	}
	return r.slice(mheap+image.Addr(r.heap.offsets.allSpans), 8)
}

// slice enters all that a slice has room for.
func (r *metadataReader) slice(at image.Addr, each uint64) error {
	c := r.heap.process.Image.Cursor()
	first, room := c.Addr(at), c.Uint64(at+16)
	if err := c.Err(); err != nil {
		return err
	}
	if room > maxSpans {
		return fmt.Errorf("the slice at %v has an impossible capacity of %d", at, room)
	}
	r.add(&r.found.Index, first, room*each)
	return nil
}

// pageIndex enters the bitmaps of the page allocator and their summaries.
func (r *metadataReader) pageIndex() error {
	at, pages, err := r.pageAlloc()
	if err != nil {
		return err
	}
	summary, chunks := pages.Offset("summary"), pages.Offset("chunks")
	if err := pages.Err(); err != nil {
		return err
	}
	for i := range uint64(summaryLevels) {
		if err := r.slice(at+image.Addr(summary+24*i), 8); err != nil {
			return err
		}
	}
	blocks, err := r.heap.process.Image.Bytes(at+image.Addr(chunks), 8*chunkBlocks)
	if err != nil {
		return err
	}
	for ; len(blocks) >= 8; blocks = blocks[8:] {
		r.add(&r.found.Index, image.Addr(r.heap.process.Image.ByteOrder().Uint64(blocks)), chunkBlock)
	}
	return nil
}

// pageAlloc returns where mheap.pages is.
func (r *metadataReader) pageAlloc() (image.Addr, *layout.Struct, error) {
	l := r.heap.process.Layout()
	heap, pages := l.Struct("runtime.mheap"), l.Struct("runtime.pageAlloc")
	offset := heap.Offset("pages")
	if err := heap.Err(); err != nil {
		return 0, pages, err
	}
	mheap, err := r.heap.global("runtime.mheap_")
	return mheap + image.Addr(offset), pages, err
}

// scavengeIndex enters what is known of each chunk for giving pages back: a bit
// in 1.19 and 1.20, eight bytes since (mgcscavenge.go). 1.18 has none.
func (r *metadataReader) scavengeIndex() error {
	at, pages, err := r.pageAlloc()
	if err != nil {
		return err
	}
	chunks, ok := pages.Optional("scav.index.chunks")
	if !ok {
		return pages.Err()
	}
	bytes := uint64(chunksAll / 8)
	if _, words := pages.Optional("scav.index.gen"); words {
		bytes = chunksAll * 8
	}
	first, err := r.heap.process.Image.Addr(at + image.Addr(chunks))
	r.add(&r.found.Index, first, bytes)
	return err
}

// bits follows runtime.gcBitsArenas: a lock and four lists of chunks, which are
// linked through their second words (mheap.go, gcBitsArena).
func (r *metadataReader) bits() error {
	lock := r.heap.process.Layout().Struct("runtime.mutex")
	if err := lock.Err(); err != nil {
		return err
	}
	at, err := r.heap.global("runtime.gcBitsArenas")
	if err != nil {
		return err
	}
	for i := range uint64(4) {
		first, err := r.heap.process.Image.Addr(at + image.Addr(lock.Size()+8*i))
		if err == nil {
			err = r.chain(&r.found.Bits, "runtime.gcBitsArenas", first, 8, bitsChunk)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// profiles enters the hash table of the profiles' records.
func (r *metadataReader) profiles() error {
	at, err := r.heap.global("runtime.buckhash")
	if err != nil {
		return err
	}
	table, err := r.heap.process.Image.Addr(at)
	r.add(&r.found.Profiles, table, profileBuckets)
	return err
}

// Fields of runtime.spanSPMC, in bytes, the same in 1.26 and 1.27
// (mgcmark_greenteagc.go): a ring and how many words it has.
const (
	queueNext = 8
	queueRoom = 40
	queueRing = 48
)

// queues follows work.spanSPMCs.
func (r *metadataReader) queues() error {
	work := r.heap.process.Layout().Struct("runtime.workType")
	list, ok := work.Optional("spanSPMCs.list")
	if !ok {
		return work.Err()
	}
	at, err := r.heap.global("runtime.work")
	if err != nil {
		return err
	}
	c := r.heap.process.Image.Cursor()
	q := c.Addr(at + image.Addr(list))
	for n := 0; q != 0; n++ {
		ring, room := c.Addr(q+queueRing), c.Uint32(q+queueRoom)
		if err := c.Err(); err != nil {
			return err
		}
		if n > maxQueues {
			return fmt.Errorf("the list of the collector's queues runs in a circle at %v", q)
		}
		r.add(&r.found.Queues, ring, 8*uint64(room))
		q = c.Addr(q + queueNext)
	}
	return c.Err()
}

// maxQueues bounds that list: a processor has a queue of a few rings.
const maxQueues = 1 << 20
