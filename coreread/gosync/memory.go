package gosync

import (
	"encoding/binary"

	"postmortem/coreread/image"
)

// memory reads words of the process, most of them near the last one.
type memory struct {
	image *image.Image
	order binary.ByteOrder
	last  image.Segment
}

func newMemory(m *image.Image) memory { return memory{image: m, order: m.ByteOrder()} }

// bytes returns n bytes from a on, nil where one of them is absent. The caller
// must not change them.
func (m *memory) bytes(a image.Addr, n uint64) []byte {
	if off := uint64(a - m.last.Start); a >= m.last.Start && off < uint64(len(m.last.Data)) && n <= uint64(len(m.last.Data))-off {
		return m.last.Data[off : off+n]
	}
	if s, ok := m.image.SegmentAt(a); ok {
		m.last = s
	}
	data, err := m.image.Bytes(a, n)
	if err != nil {
		return nil
	}
	return data
}

// word reads the word at a.
func (m *memory) word(a image.Addr) (uint64, bool) {
	data := m.bytes(a, 8)
	if data == nil {
		return 0, false
	}
	return m.order.Uint64(data), true
}

// size returns how many bytes are in the image.
func (m *memory) size() (n uint64) {
	for _, s := range m.image.Segments() {
		n += s.Len()
	}
	return n
}
