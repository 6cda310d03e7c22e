package elfcore

import (
	"debug/elf"
	"sort"

	"postmortem/coreread/image"
)

// Missing is memory that the process could touch and the image does not hold.
type Missing struct {
	image.Range
	Path string // file that was mapped there; "" for none, or when the core does not say
	Cut  bool   // the core should hold it, and ends before it
}

// MissingRanges returns, by address, what the process could touch and the image
// does not hold now: after more is added to the image, fewer. Left out are
// mappings that nobody may touch (PROT_NONE) and those that were never written.
//
// gcore and Delve leave mappings out without a trace. Those that the FILE note
// names are counted, whatever their protection was.
func (c *Core) MissingRanges() []Missing {
	var out []Missing
	var counted image.Addr // all below it was looked at
	untouched := c.untouched()
	for i, s := range c.Segments {
		if s.Flags == 0 || s.End <= counted {
			continue
		}
		r := image.Range{Start: max(s.Start, counted), End: s.End}
		counted = s.End
		if untouched[i] {
			continue
		}
		for _, gap := range c.absent(r) {
			out = s.appendMissing(out, gap, c.pathAt(gap.Start))
		}
	}
	for _, gap := range c.unsegmented() {
		for _, r := range c.absent(gap.Range) {
			out = append(out, Missing{Range: r, Path: gap.Path})
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Start < out[j].Start })
	return out
}

// appendMissing appends r, a part of s, in two where the bytes that the file
// should hold end in it.
func (s *Segment) appendMissing(out []Missing, r image.Range, path string) []Missing {
	for _, part := range []Missing{
		{Range: image.Range{Start: r.Start, End: min(r.End, s.Start+image.Addr(s.FileBytes))}, Cut: true},
		{Range: image.Range{Start: max(r.Start, s.Start+image.Addr(s.FileBytes)), End: r.End}},
	} {
		if part.Len() > 0 {
			part.Path = path
			out = append(out, part)
		}
	}
	return out
}

// MissingBytes returns the size of MissingRanges together.
func (c *Core) MissingBytes() uint64 {
	var n uint64
	for _, m := range c.MissingRanges() {
		n += m.Len()
	}
	return n
}

// NeverWritten returns, by address, the mappings of a kernel core whose every
// byte was zero, since nobody ever wrote one: they have no bytes in the file.
func (c *Core) NeverWritten() []image.Range {
	var out []image.Range
	for i, yes := range c.untouched() {
		if yes {
			out = append(out, c.Segments[i].Range)
		}
	}
	return out
}

// untouched tells, for each of c.Segments, whether it was never written.
//
// The kernel dumps a private anonymous mapping whole as soon as one page of it
// was written (anon_vma is set), and nothing of it before (vma_dump_size,
// fs/coredump.c). So an anonymous mapping without bytes was never written, if
// anonymous mappings were dumped at all (bit 0 of coredump_filter). A mapping
// under MADV_DONTDUMP looks the same; one that holds a thread's stack is told
// from it by the stack pointer.
func (c *Core) untouched() []bool {
	out := make([]bool, len(c.Segments))
	if c.Producer != Kernel || c.Files == nil {
		return out
	}
	anonymousDumped := false
	for i, s := range c.Segments {
		if s.Flags == 0 || c.isFile(s.Range) {
			continue
		}
		if s.FileBytes > 0 {
			anonymousDumped = anonymousDumped || s.Flags&elf.PF_W != 0
			continue
		}
		out[i] = true
	}
	if !anonymousDumped {
		return make([]bool, len(c.Segments))
	}
	for _, t := range c.Threads {
		if i, ok := c.segmentAt(t.Regs.SP); ok {
			out[i] = false
		}
	}
	return out
}

// SegmentAt returns the mapping that holds a.
func (c *Core) SegmentAt(a image.Addr) (Segment, bool) {
	i, ok := c.segmentAt(a)
	if !ok {
		return Segment{}, false
	}
	return c.Segments[i], true
}

func (c *Core) segmentAt(a image.Addr) (int, bool) {
	i := sort.Search(len(c.Segments), func(i int) bool { return c.Segments[i].Start > a }) - 1
	if i < 0 || !c.Segments[i].Contains(a) {
		return 0, false
	}
	return i, true
}

// FileAt returns the mapped file that holds a.
func (c *Core) FileAt(a image.Addr) (FileMapping, bool) {
	i := sort.Search(len(c.Files), func(i int) bool { return c.Files[i].Start > a }) - 1
	if i < 0 || !c.Files[i].Contains(a) {
		return FileMapping{}, false
	}
	return c.Files[i], true
}

func (c *Core) pathAt(a image.Addr) string {
	f, _ := c.FileAt(a)
	return f.Path
}

// isFile reports whether a file was mapped anywhere in r.
func (c *Core) isFile(r image.Range) bool {
	i := sort.Search(len(c.Files), func(i int) bool { return c.Files[i].End > r.Start })
	return i < len(c.Files) && c.Files[i].Start < r.End
}

// absent returns the parts of r that the image does not hold.
func (c *Core) absent(r image.Range) []image.Range {
	var out []image.Range
	segments := c.Image.Segments()
	i := sort.Search(len(segments), func(i int) bool { return segments[i].End > r.Start })
	at := r.Start
	for ; i < len(segments) && segments[i].Start < r.End; i++ {
		if at < segments[i].Start {
			out = append(out, image.Range{Start: at, End: segments[i].Start})
		}
		at = segments[i].End
	}
	if at < r.End {
		out = append(out, image.Range{Start: at, End: r.End})
	}
	return out
}

// unsegmented returns the parts of mapped files that no segment names.
func (c *Core) unsegmented() []FileMapping {
	var out []FileMapping
	var done image.Addr
	i := 0
	for _, f := range c.Files {
		at := max(f.Start, done)
		done = max(done, f.End)
		for ; i < len(c.Segments) && c.Segments[i].Start < f.End; i++ {
			s := c.Segments[i]
			if at < s.Start {
				out = append(out, FileMapping{Range: image.Range{Start: at, End: s.Start}, Path: f.Path})
			}
			at = max(at, s.End)
			if s.End > f.End {
				break // the next file may lie in it too
			}
		}
		if at < f.End {
			out = append(out, FileMapping{Range: image.Range{Start: at, End: f.End}, Path: f.Path})
		}
	}
	return out
}
