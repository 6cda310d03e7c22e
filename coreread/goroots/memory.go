package goroots

import (
	"encoding/binary"
	"sort"

	"postmortem/coreread/image"
)

// memory reads words of the process, most of them near the last one.
type memory struct {
	image *image.Image
	order binary.ByteOrder
	last  image.Segment
}

// word reads the word at a.
func (m *memory) word(a image.Addr) (uint64, bool) {
	if off := uint64(a - m.last.Start); off+8 <= uint64(len(m.last.Data)) && off < uint64(len(m.last.Data)) {
		return m.order.Uint64(m.last.Data[off:]), true
	}
	s, ok := m.image.SegmentAt(a)
	if !ok {
		return 0, false
	}
	m.last = s
	if off := uint64(a - s.Start); off+8 <= uint64(len(s.Data)) {
		return m.order.Uint64(s.Data[off:]), true
	}
	v, err := m.image.Uint64(a) // over the border of two segments
	return v, err == nil
}

// addr reads the pointer at a, 0 where it is absent.
func (m *memory) addr(a image.Addr) image.Addr {
	v, _ := m.word(a)
	return image.Addr(v)
}

// present visits what is there of a range that begins at a multiple of 8, in
// runs that do so too, by address.
func (m *memory) present(r image.Range, visit func(start image.Addr, run []byte)) {
	segments := m.image.Segments()
	i := sort.Search(len(segments), func(i int) bool { return segments[i].End > r.Start })
	for ; i < len(segments) && segments[i].Start < r.End; i++ {
		s := &segments[i]
		start := (max(s.Start, r.Start) + 7) &^ 7
		if end := min(s.End, r.End); start < end {
			visit(start, s.Data[start-s.Start:end-s.Start])
		}
	}
}

// bytes returns how many bytes are in the image.
func (m *memory) bytes() (n uint64) {
	for _, s := range m.image.Segments() {
		n += s.Len()
	}
	return n
}
