package elfcore

import (
	"debug/elf"

	"postmortem/coreread/image"
)

// Accessible returns, by address and without overlap, what of its memory the
// process could touch, as far as the core names it, whether or not the core
// holds the bytes.
//
// gcore marks readable what nobody may touch (PROT_NONE). Memory that can be
// read only and that no file is mapped to is of no use to a process, so that is
// left out there.
func (c *Core) Accessible() []image.Range {
	var out []image.Range
	var done image.Addr
	for _, s := range c.Segments {
		if s.Flags == 0 || s.End <= done || c.Producer == GCore && s.Flags == elf.PF_R && c.Files != nil && !c.isFile(s.Range) {
			continue
		}
		start := max(s.Start, done)
		done = s.End
		if n := len(out); n > 0 && out[n-1].End == start {
			out[n-1].End = s.End
		} else {
			out = append(out, image.Range{Start: start, End: s.End})
		}
	}
	return out
}
