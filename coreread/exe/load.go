package exe

import (
	"bytes"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"postmortem/coreread/image"
)

// staticImage is the binary's memory before it starts, loaded at bias 0.
type staticImage struct {
	image    *image.Image
	segments [][]byte // file part of each segment, relocated, in the order of Binary.segments
}

// loadStaticImage lays the segments' bytes out at their own addresses. Only
// segments that relocation changes are copied, and of these the kernel copies
// only the pages that change.
func (b *Binary) loadStaticImage() error {
	b.memory.image = image.New(order)
	for i := range b.segments {
		s := &b.segments[i]
		data := b.file.bytes(s.Offset, s.FileBytes)
		if s.FileBytes > 0 && b.relocs.touches(image.Range{Start: s.Start, End: s.Start + image.Addr(s.FileBytes)}) {
			private, err := b.private(s.Offset, s.FileBytes)
			if err != nil {
				return err
			}
			b.relocs.apply(private, s.Start, 0)
			data = private
		}
		b.memory.segments = append(b.memory.segments, data)
		b.memory.image.Add(s.Start, data, image.FromBinary)
	}
	return nil
}

// Image returns the binary's memory as the linker laid it out, at its own
// addresses: the file's part of every segment, relocated for bias 0. Zero-filled
// parts (.bss) are absent. Words that the loader fills from other libraries hold what the
// file holds.
func (b *Binary) Image() *image.Image { return b.memory.image }

// Loaded is a run of bytes in a process's memory.
type Loaded struct {
	Start image.Addr // load bias included
	Data  []byte
}

// Loaded returns what a process that loaded the binary at bias has in the
// binary's read-only memory: the segments without write permission and those
// that are read-only after relocation, in whole pages as the kernel maps them.
// Words that the loader fills from other libraries are left out. The bias must be a multiple
// of the page size, and 0 for a binary that is not PIE.
func (b *Binary) Loaded(bias int64) ([]Loaded, error) {
	if bias%loaderPage != 0 || bias != 0 && !b.PIE() {
		return nil, fmt.Errorf("load bias %#x of %s: want %s", bias, b.name, map[bool]string{true: "a multiple of the page size", false: "0, it is not position independent"}[b.PIE()])
	}
	var out []Loaded
	unresolved := b.relocs.unresolved()
	for i := range b.segments {
		s := &b.segments[i]
		span := s.Range
		if s.Writable() {
			span = s.Relro
		}
		span.End = min(span.End, s.Start+image.Addr(s.FileBytes))
		if span.Len() == 0 {
			continue
		}
		data, err := b.loadedBytes(i, span, bias)
		if err != nil {
			return nil, err
		}
		for _, piece := range without(span, unresolved) {
			out = append(out, Loaded{Start: piece.Start.Add(bias), Data: data[piece.Start-span.Start : piece.End-span.Start]})
		}
		out = append(out, b.pageEnds(s, span, bias)...)
	}
	return out, nil
}

// loadedBytes returns the bytes of a span of segment i, relocated for bias.
func (b *Binary) loadedBytes(i int, span image.Range, bias int64) ([]byte, error) {
	s := &b.segments[i]
	from := uint64(span.Start - s.Start)
	if bias == 0 || !b.relocs.touches(span) {
		return b.memory.segments[i][from : from+span.Len()], nil
	}
	data, err := b.private(s.Offset+from, span.Len())
	if err != nil {
		return nil, err
	}
	b.relocs.apply(data, span.Start, bias)
	return data, nil
}

// pageEnds returns what a mapping of span holds in the rest of its first and
// last page: the neighbouring bytes of the file, and zeros behind the file's end.
func (b *Binary) pageEnds(s *Segment, span image.Range, bias int64) []Loaded {
	var out []Loaded
	if s.Offset%loaderPage != uint64(s.Start)%loaderPage {
		return nil // nothing that a kernel would load
	}
	if head := uint64(span.Start) % loaderPage; head > 0 && span.Start == s.Start && s.Offset >= head {
		if data := b.file.bytes(s.Offset-head, head); data != nil {
			out = append(out, Loaded{Start: span.Start.Add(bias - int64(head)), Data: data})
		}
	}
	tail := -uint64(span.End) % loaderPage
	if s.Writable() || tail == 0 || s.Cut > 0 || span.End < s.End {
		return out
	}
	end := s.Offset + s.FileBytes
	rest := b.file.bytes(end, min(tail, uint64(len(b.file.data))-end))
	if uint64(len(rest)) < tail {
		rest = append(bytes.Clone(rest), make([]byte, tail-uint64(len(rest)))...)
	}
	return append(out, Loaded{Start: span.End.Add(bias), Data: rest})
}

// without returns the parts of span that none of the holes covers; holes are sorted and apart.
func without(span image.Range, holes []image.Range) []image.Range {
	var parts []image.Range
	for _, h := range holes {
		if h.End <= span.Start {
			continue
		}
		if h.Start >= span.End {
			break
		}
		if h.Start > span.Start {
			parts = append(parts, image.Range{Start: span.Start, End: h.Start})
		}
		span.Start = min(h.End, span.End)
	}
	if span.Len() > 0 {
		parts = append(parts, span)
	}
	return parts
}

// private returns n bytes of the file from off on that may be changed without
// changing the file: a copy-on-write mapping where there is a file, a copy
// otherwise.
func (b *Binary) private(off, n uint64) ([]byte, error) {
	data := b.file.bytes(off, n)
	if data == nil {
		return nil, b.formatError(int64(off), fmt.Sprintf("%d bytes", n), "the end of the file; it was cut when it was copied")
	}
	if b.file.osFile == nil {
		return bytes.Clone(data), nil
	}
	head := int(off % uint64(os.Getpagesize()))
	m, err := unix.Mmap(int(b.file.osFile.Fd()), int64(off)-int64(head), head+int(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE)
	if err != nil {
		return bytes.Clone(data), nil // a file system that cannot map costs a copy, no more
	}
	b.mu.Lock()
	b.mappings = append(b.mappings, m)
	b.mu.Unlock()
	return m[head : head+int(n) : head+int(n)], nil
}

func unmapPrivate(m []byte) error { return unix.Munmap(m) }
