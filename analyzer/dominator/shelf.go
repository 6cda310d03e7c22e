package dominator

import "postmortem/internal/bulk"

// shelf sorts pairs of numbers by the first of them, from the last to the first,
// without touching memory far apart: pairs are put into boxes by the upper bits of
// the first number, and a box is small enough to be sorted in a cache.
type shelf struct {
	boxes  []box
	room   []uint64 // for chunks
	chunks int      // that were allocated last
	// The open box: numbers is where the second numbers of each first number end.
	open    int
	ends    []uint32
	seconds []uint32
	looked  uint32 // of seconds, those from here on have been looked ahead at
}

type box struct {
	chunks [][]uint64 // of chunkPairs
	pairs  int
}

const (
	boxBits    = 16
	chunkPairs = 1 << 10
	roomChunks = 512 // that are allocated at a time once there are many: 4 MiB
)

// newShelf is for first numbers below n.
func newShelf(n int) shelf {
	return shelf{boxes: make([]box, n>>boxBits+1), open: -1, ends: make([]uint32, min(n, 1<<boxBits))}
}

func (s *shelf) put(first, second uint32) {
	b := &s.boxes[first>>boxBits]
	i := b.pairs % chunkPairs
	if i == 0 {
		b.chunks = append(b.chunks, s.chunk())
	}
	b.chunks[len(b.chunks)-1][i] = uint64(first)<<32 | uint64(second)
	b.pairs++
}

// chunk is room for pairs.
func (s *shelf) chunk() []uint64 {
	if len(s.room) == 0 {
		s.chunks = min(2*s.chunks+1, roomChunks)
		s.room = bulk.Make[uint64](s.chunks * chunkPairs)
	}
	c := s.room[:chunkPairs:chunkPairs]
	s.room = s.room[chunkPairs:]
	return c
}

// get gives where the second numbers of first are in s.seconds.
func (s *shelf) get(first uint32) (from, to uint32) {
	if int(first>>boxBits) != s.open {
		s.unpack(int(first >> boxBits))
	}
	low := first % (1 << boxBits)
	if low > 0 {
		from = s.ends[low-1]
	}
	return from, s.ends[low]
}

// unpack sorts a box and empties it.
func (s *shelf) unpack(i int) {
	s.open = i
	clear(s.ends)
	b := &s.boxes[i]
	if b.pairs > len(s.seconds) {
		s.seconds = make([]uint32, b.pairs)
	}
	b.each(func(low, _ uint32) { s.ends[low]++ })
	sum := uint32(0)
	for low, n := range s.ends {
		s.ends[low] = sum
		sum += n
	}
	b.each(func(low, second uint32) {
		s.seconds[s.ends[low]] = second
		s.ends[low]++
	})
	b.chunks = nil
	s.looked = uint32(b.pairs)
}

func (b *box) each(visit func(low, second uint32)) {
	left := b.pairs
	for _, c := range b.chunks {
		for _, pair := range c[:min(left, chunkPairs)] {
			visit(uint32(pair>>32)%(1<<boxBits), uint32(pair))
		}
		left -= chunkPairs
	}
}
