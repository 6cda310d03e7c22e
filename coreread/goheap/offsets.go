package goheap

import (
	"encoding/binary"

	"postmortem/coreread/layout"
)

// offsets are where the allocator's fields are, in bytes.
type offsets struct {
	// runtime.mheap
	allSpans, sweepGen, arenas uint64
	arenaLists                 []uint64 // of slices of arena indexes

	// runtime.heapArena
	arenaBytes             uint64
	bitmap, noMorePointers word

	// runtime.mspan
	spanBytes                                   uint64
	start, pages, elemSize, allocBits, markBits uint64
	state, class, allocCount, spanSweepGen      uint64
	specials                                    uint64
	slots, freeIndex                            word
	settled, beforeCache, largeType, userArena  word
}

// word is a field whose width or presence depends on the version.
type word struct {
	at, size uint64
	present  bool
}

func (w word) read(b []byte, order binary.ByteOrder) uint64 {
	switch w.size {
	case 1:
		return uint64(b[w.at])
	case 2:
		return uint64(order.Uint16(b[w.at:]))
	case 4:
		return uint64(order.Uint32(b[w.at:]))
	}
	return order.Uint64(b[w.at:])
}

func required(s *layout.Struct, path string) word {
	f := s.Field(path)
	return word{f.Offset, f.Size, true}
}

func maybe(s *layout.Struct, path string) word {
	f, ok := s.OptionalField(path)
	return word{f.Offset, f.Size, ok}
}

func (o *offsets) bind(l *layout.Layout) error {
	heap := l.Struct("runtime.mheap")
	o.allSpans, o.sweepGen = heap.Offset("allspans"), heap.Offset("sweepgen")
	o.arenas = heap.Offset("arenas")
	for _, list := range []string{"allArenas", "heapArenas", "userArenaArenas"} {
		if at, ok := heap.Optional(list); ok {
			o.arenaLists = append(o.arenaLists, at)
		}
	}
	arena := l.Struct("runtime.heapArena")
	o.arenaBytes = arena.Size()
	o.bitmap, o.noMorePointers = maybe(arena, "bitmap"), maybe(arena, "noMorePtrs")

	span := l.Struct("runtime.mspan")
	o.spanBytes = span.Size()
	o.start, o.pages = span.Offset("startAddr"), span.Offset("npages")
	o.elemSize, o.allocBits, o.markBits = span.Offset("elemsize"), span.Offset("allocBits"), span.Offset("gcmarkBits")
	o.state, o.class = span.Offset("state"), span.Offset("spanclass")
	o.allocCount, o.spanSweepGen = span.Offset("allocCount"), span.Offset("sweepgen")
	o.specials = span.Offset("specials")
	o.slots, o.freeIndex = required(span, "nelems"), required(span, "freeindex")
	o.settled, o.beforeCache = maybe(span, "freeIndexForScan"), maybe(span, "allocCountBeforeCache")
	o.largeType, o.userArena = maybe(span, "largeType"), maybe(span, "isUserArenaChunk")
	for _, s := range []*layout.Struct{heap, arena, span} {
		if err := s.Err(); err != nil {
			return err
		}
	}
	return nil
}
