// Package image is the memory of a dead process: a sparse map from addresses
// to bytes that stay where they are, in mapped files.
//
// It knows nothing of ELF or of Go. A byte is either present, and then it is
// what the process had there, or absent, and then reading it is a FaultError:
// nothing is ever made up.
package image

import (
	"encoding/binary"
	"fmt"
	"sort"
)

// Addr is an address in the process, or in the binary before it was loaded;
// which of the two, the holder says.
type Addr uint64

// Add returns the address n bytes above a, wrapping around like the machine does.
func (a Addr) Add(n int64) Addr { return a + Addr(n) }

// Sub returns the distance from b up to a; a must not be more than 2^63-1 bytes away.
func (a Addr) Sub(b Addr) int64 { return int64(a - b) }

func (a Addr) String() string { return fmt.Sprintf("%#x", uint64(a)) }

// Range is the addresses from Start up to, but not including, End.
type Range struct {
	Start, End Addr
}

// Len returns the number of bytes in r.
func (r Range) Len() uint64 {
	if r.End <= r.Start {
		return 0
	}
	return uint64(r.End - r.Start)
}

// Contains reports whether a lies in r.
func (r Range) Contains(a Addr) bool { return r.Start <= a && a < r.End }

// FaultError is a read of memory that the image does not hold.
type FaultError struct {
	Addr Addr   // first absent byte
	Len  uint64 // bytes that were asked for, from the start of the read
}

func (e *FaultError) Error() string {
	return fmt.Sprintf("memory at %v is not in the core (read of %d bytes)", e.Addr, e.Len)
}

// Origin is where the bytes of a segment come from.
type Origin uint8

const (
	FromCore   Origin = iota + 1 // the core file itself
	FromBinary                   // a read-only segment of the verified binary
)

// Segment is a run of present memory.
type Segment struct {
	Range
	Data   []byte // len(Data) == Range.Len()
	Origin Origin
}

// Image is a set of segments that do not overlap. It is safe for concurrent
// reading once nothing is added any more.
type Image struct {
	segments []Segment // by address
	order    binary.ByteOrder
}

// New returns an empty image whose words are in the given byte order.
func New(order binary.ByteOrder) *Image {
	return &Image{order: order}
}

// ByteOrder returns the order of the bytes in a word.
func (m *Image) ByteOrder() binary.ByteOrder { return m.order }

// Add makes data readable from start on, where nothing is present yet:
// addresses that an earlier segment covers keep their bytes. It returns how
// many bytes became present. Data that would pass the end of the address space
// is cut there.
func (m *Image) Add(start Addr, data []byte, origin Origin) uint64 {
	if room := uint64(-start); room != 0 && uint64(len(data)) > room {
		data = data[:room]
	}
	end := start + Addr(len(data))
	var added uint64
	var fresh []Segment
	cover := func(from, to Addr) {
		if from >= to {
			return
		}
		part := data[from-start : to-start : to-start]
		fresh = append(fresh, Segment{Range: Range{from, to}, Data: part, Origin: origin})
		added += uint64(len(part))
	}
	at := start
	for i := m.search(start); i < len(m.segments) && m.segments[i].Start < end; i++ {
		cover(at, min(m.segments[i].Start, end))
		at = max(at, m.segments[i].End)
	}
	cover(at, end)
	if len(fresh) == 0 {
		return 0
	}
	if n := len(m.segments); n == 0 || m.segments[n-1].End <= fresh[0].Start {
		m.segments = append(m.segments, fresh...)
		return added
	}
	m.segments = append(m.segments, fresh...)
	sort.Slice(m.segments, func(i, j int) bool { return m.segments[i].Start < m.segments[j].Start })
	return added
}

// Segments returns what is present, by address. The caller must not change it.
func (m *Image) Segments() []Segment { return m.segments }

// search returns the index of the first segment that ends above a.
func (m *Image) search(a Addr) int {
	lo, hi := 0, len(m.segments)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if m.segments[mid].End <= a {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// SegmentAt returns the segment that holds the byte at a.
func (m *Image) SegmentAt(a Addr) (Segment, bool) {
	if i := m.search(a); i < len(m.segments) && m.segments[i].Start <= a {
		return m.segments[i], true
	}
	return Segment{}, false
}

// Missing returns how many of the bytes of r are absent.
func (m *Image) Missing(r Range) uint64 {
	missing := r.Len()
	for i := m.search(r.Start); i < len(m.segments) && m.segments[i].Start < r.End; i++ {
		s := m.segments[i]
		missing -= uint64(min(s.End, r.End) - max(s.Start, r.Start))
	}
	return missing
}

// Bytes returns the n bytes from a on, all of them or a *FaultError. They are
// the mapped file's own bytes when one segment holds them, a copy otherwise;
// the caller must not change them. The image's size bounds the allocation.
func (m *Image) Bytes(a Addr, n uint64) ([]byte, error) {
	i := m.search(a)
	if i < len(m.segments) && m.segments[i].Start <= a {
		s := m.segments[i]
		if off := uint64(a - s.Start); n <= uint64(len(s.Data))-off {
			return s.Data[off : off+n : off+n], nil
		}
	}
	if n == 0 {
		return nil, nil
	}
	// The bytes are absent or lie in adjoining segments: check before allocating.
	if r := (Range{a, a + Addr(n)}); r.End < a || m.Missing(r) > 0 {
		return nil, &FaultError{Addr: m.firstAbsent(a), Len: n}
	}
	out := make([]byte, 0, n)
	for at := a; uint64(len(out)) < n; i++ {
		s := m.segments[i]
		part := s.Data[at-s.Start:]
		part = part[:min(uint64(len(part)), n-uint64(len(out)))]
		out = append(out, part...)
		at = s.End
	}
	return out, nil
}

// firstAbsent returns the first address from a on that is not present.
func (m *Image) firstAbsent(a Addr) Addr {
	for i := m.search(a); i < len(m.segments) && m.segments[i].Start <= a; i++ {
		a = m.segments[i].End
	}
	return a
}

// Present returns the longest prefix of r that is present, as one run of bytes
// without copying; it may end early where two segments adjoin.
func (m *Image) Present(r Range) []byte {
	s, ok := m.SegmentAt(r.Start)
	if !ok || r.End <= r.Start {
		return nil
	}
	end := min(r.End, s.End)
	return s.Data[r.Start-s.Start : end-s.Start : end-s.Start]
}

// Uint8 reads the byte at a.
func (m *Image) Uint8(a Addr) (uint8, error) {
	b, err := m.Bytes(a, 1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// Uint16 reads a 16-bit word at a.
func (m *Image) Uint16(a Addr) (uint16, error) {
	b, err := m.Bytes(a, 2)
	if err != nil {
		return 0, err
	}
	return m.order.Uint16(b), nil
}

// Uint32 reads a 32-bit word at a.
func (m *Image) Uint32(a Addr) (uint32, error) {
	b, err := m.Bytes(a, 4)
	if err != nil {
		return 0, err
	}
	return m.order.Uint32(b), nil
}

// Uint64 reads a 64-bit word at a.
func (m *Image) Uint64(a Addr) (uint64, error) {
	b, err := m.Bytes(a, 8)
	if err != nil {
		return 0, err
	}
	return m.order.Uint64(b), nil
}

// Addr reads a pointer at a.
func (m *Image) Addr(a Addr) (Addr, error) {
	v, err := m.Uint64(a)
	return Addr(v), err
}
