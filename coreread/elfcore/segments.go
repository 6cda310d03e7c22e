package elfcore

import (
	"cmp"
	"debug/elf"
	"slices"

	"postmortem/coreread/image"
)

// readSegments makes the image of the PT_LOAD program headers. Where two of
// them overlap, which no known writer makes, the one that starts lower has the
// bytes, and of two that start together the first in the table.
func (c *Core) readSegments(data []byte, h *header) {
	for i, p := range h.progs {
		if p.kind == elf.PT_LOAD {
			c.addSegment(data, p, h.phoff+uint64(i)*progHeaderBytes)
		}
	}
	slices.SortStableFunc(c.Segments, func(a, b Segment) int { return cmp.Compare(a.Start, b.Start) })

	// Since the segments are in order, all that is covered already lies below
	// two bounds, and each one costs the same however many overlap.
	var covered, counted image.Addr
	for _, s := range c.Segments {
		if end := s.Start + image.Addr(s.Present); s.Present > 0 && end > covered {
			start := max(s.Start, covered)
			from := s.Offset + uint64(start-s.Start)
			c.Image.Add(start, data[from:from+uint64(end-start)], image.FromCore)
			covered = end
		}
		if s.Flags != 0 && s.End > counted {
			c.MemoryBytes += uint64(s.End - max(s.Start, counted))
			counted = s.End
		}
	}
}

// addSegment takes one program header, which stands at offset at of the file.
func (c *Core) addSegment(data []byte, p prog, at uint64) {
	size := p.memsz
	if p.filesz > p.memsz {
		c.gap("program header", at, "segment at %#x has %d bytes in the file but only %d in memory; the former is taken", p.vaddr, p.filesz, p.memsz)
		size = p.filesz
	}
	if room := ^p.vaddr; size > room {
		c.gap("program header", at, "segment at %#x of %d bytes passes the end of the address space and is cut there", p.vaddr, size)
		size = room
	}
	s := Segment{
		Range:     image.Range{Start: image.Addr(p.vaddr), End: image.Addr(p.vaddr + size)},
		Flags:     p.flags & (elf.PF_R | elf.PF_W | elf.PF_X),
		Offset:    p.off,
		FileBytes: min(p.filesz, size),
	}
	if total := uint64(len(data)); p.off < total {
		s.Present = min(s.FileBytes, total-p.off)
	}
	c.Segments = append(c.Segments, s)
}
