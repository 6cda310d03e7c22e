package heap

import (
	"debug/elf"
	"slices"

	"postmortem/analyzer/facts"
	"postmortem/coreread"
	"postmortem/coreread/elfcore"
	"postmortem/coreread/goheap"
	"postmortem/coreread/image"
)

// describeAccounting divides the process's mapped memory into lines that add up
// to it. What objects are reachable must be in doc by then, or is not told apart.
func describeAccounting(h *goheap.Heap, snap *coreread.Snapshot, doc *facts.Heap) {
	l := newLedger(snap.Core.Accessible())
	doc.MappedBytes = facts.Some(l.unclaimed())
	accountArenas(l, h, doc)
	accountRuntime(l, h)
	accountProgram(l, snap)
	accountSystem(l, snap)
	accountStacks(l, snap)
	doc.Accounting = append(l.lines, facts.AccountLine{What: unknownToGo, Bytes: l.unclaimed()})
}

// unknownToGo is the last line: what C allocated, and what nothing in the core
// explains. The dynamic loader has a few pages of it in every process.
const unknownToGo = "memory that Go does not know (C and others)"

// arenaRest is what of the arenas cannot be told apart: normally nothing, or a few
// pages that were changing hands.
const arenaRest = "other memory of heap arenas"

// ledger gives every byte of the accessible memory to one line: who claims it
// first has it.
type ledger struct {
	free  []image.Range // by address, what nobody has claimed yet
	lines []facts.AccountLine
}

func newLedger(accessible []image.Range) *ledger {
	return &ledger{free: accessible, lines: []facts.AccountLine{}}
}

func (l *ledger) unclaimed() uint64 {
	var n uint64
	for _, r := range l.free {
		n += r.Len()
	}
	return n
}

// take removes the ranges from what is free and returns how many bytes of them
// were. It sorts the ranges.
func (l *ledger) take(ranges []image.Range) uint64 {
	slices.SortFunc(ranges, func(a, b image.Range) int {
		switch {
		case a.Start < b.Start:
			return -1
		case a.Start > b.Start:
			return 1
		}
		return 0
	})
	var left []image.Range
	var taken uint64
	i := 0
	for _, free := range l.free {
		for i < len(ranges) && ranges[i].End <= free.Start {
			i++
		}
		at := free.Start
		for j := i; j < len(ranges) && ranges[j].Start < free.End; j++ {
			if ranges[j].End <= at {
				continue
			}
			if ranges[j].Start > at {
				left = append(left, image.Range{Start: at, End: ranges[j].Start})
				at = ranges[j].Start
			}
			end := min(ranges[j].End, free.End)
			taken += uint64(end - at)
			at = end
		}
		if at < free.End {
			left = append(left, image.Range{Start: at, End: free.End})
		}
	}
	l.free = left
	return taken
}

// claim makes a line of what is still free of the ranges.
func (l *ledger) claim(what string, ranges ...image.Range) { l.line(what, l.take(ranges)) }

// line adds a line; an empty one is left out.
func (l *ledger) line(what string, n uint64) {
	if n > 0 {
		l.lines = append(l.lines, facts.AccountLine{What: what, Bytes: n})
	}
}

// accountArenas divides the memory of the arenas.
func accountArenas(l *ledger, h *goheap.Heap, doc *facts.Heap) {
	var parts ledger
	accountSpans(&parts, h, doc)
	manual, _ := h.ManualSpans() // what could not be told apart is in Other
	parts.line("goroutine stacks", manual.Goroutines)
	parts.line("system and signal stacks of threads", manual.System)
	parts.line("stacks kept for new goroutines", manual.StackBytes-manual.Goroutines-manual.System)
	parts.line("work buffers of the collector", manual.WorkBuffers)
	parts.line("other spans of the runtime", manual.Other)
	if free, err := h.FreePages(); err == nil {
		parts.line("free heap pages", free.Idle())
		parts.line("free heap pages given back to the system", free.Released())
		parts.line("heap pages left out to begin at a random address", free.Padding)
	}
	var sum uint64
	for _, p := range parts.lines {
		sum += p.Bytes
	}
	mapped := l.take(slices.Clone(h.Arenas))
	if sum > mapped {
		// The core lacks mappings, or the heap's structures are damaged.
		l.line(arenaRest, mapped)
		return
	}
	l.lines = append(l.lines, parts.lines...)
	l.line(arenaRest, mapped-sum)
}

// accountSpans divides the spans of objects.
func accountSpans(l *ledger, h *goheap.Heap, doc *facts.Heap) {
	var objects, slots, tails uint64
	for i := range h.Spans {
		if s := &h.Spans[i]; s.InUse() {
			objects += uint64(s.Count) * s.ElemBytes
			slots += uint64(s.Slots-s.Count) * s.ElemBytes
			tails += s.Bytes - uint64(s.Slots)*s.ElemBytes
		}
	}
	if r, g := doc.ReachableBytes, doc.GarbageBytes; r.Known && g.Known && r.V+g.V == objects {
		l.line("reachable objects", r.V)
		l.line("garbage objects", g.V)
	} else {
		l.line("objects", objects)
	}
	l.line("free slots of heap spans", slots)
	l.line("bitmaps and tails of heap spans", tails)
}

// accountRuntime claims what the runtime has mapped for itself.
func accountRuntime(l *ledger, h *goheap.Heap) {
	m, err := h.Metadata()
	if err != nil {
		layoutGap(h, "memory of the runtime itself", err)
	}
	// Long lists of arenas or spans are among the records.
	l.claim("runtime: small records", m.Records...)
	l.claim("runtime: index of the heap", m.Index...)
	l.claim("runtime: mark and allocation bits", m.Bits...)
	l.claim("runtime: table of profile records", m.Profiles...)
	l.claim("runtime: queues of the collector", m.Queues...)
}

// accountProgram claims the executable's own memory, to the ends of its pages.
func accountProgram(l *ledger, snap *coreread.Snapshot) {
	page := pageBytes(snap.Core)
	var code, data, bss []image.Range
	for _, s := range snap.Exe.Segments() {
		start, end := s.Start.Add(snap.Bias)&^(page-1), (s.End.Add(snap.Bias)+page-1)&^(page-1)
		if s.Flags&elf.PF_W == 0 {
			code = append(code, image.Range{Start: start, End: end})
			continue
		}
		filled := min(s.Start.Add(snap.Bias)+image.Addr(s.FileBytes), end)
		data = append(data, image.Range{Start: start, End: filled})
		bss = append(bss, image.Range{Start: filled, End: end})
	}
	l.claim("program: code and constants", code...)
	l.claim("program: initialised variables", data...)
	l.claim("program: zeroed variables", bss...)
}

// Entries of the auxiliary vector (include/uapi/linux/auxvec.h).
const (
	auxPageSize = 6
	auxRandom   = 25 // 16 random bytes on the first stack
	auxVDSO     = 33 // AT_SYSINFO_EHDR
)

// pageBytes returns the size of the system's pages.
func pageBytes(c *elfcore.Core) image.Addr {
	if n := c.Auxv[auxPageSize]; n >= 4<<10 && n <= 64<<10 && n&(n-1) == 0 {
		return image.Addr(n)
	}
	return 4 << 10
}

// accountSystem claims what the kernel maps into every process, and mapped files.
func accountSystem(l *ledger, snap *coreread.Snapshot) {
	l.claim("[vdso], [vvar] and [vsyscall]", kernelRanges(snap.Core)...)
	var files []image.Range
	for _, f := range snap.Core.Files {
		files = append(files, f.Range)
	}
	l.claim("other mapped files", files...)
}

// vsyscall is where amd64 has its oldest system calls, outside of what a process can map.
const vsyscall image.Addr = 0xffffffffff600000

// kernelRanges are the vDSO's code and, right below it, its data, which nobody can write.
func kernelRanges(c *elfcore.Core) []image.Range {
	out := []image.Range{{Start: vsyscall, End: vsyscall + 4<<10}}
	i := slices.IndexFunc(c.Segments, func(s elfcore.Segment) bool { return c.Auxv[auxVDSO] != 0 && s.Contains(image.Addr(c.Auxv[auxVDSO])) })
	if i < 0 {
		return out
	}
	out = append(out, c.Segments[i].Range)
	for ; i > 0 && c.Segments[i-1].End == c.Segments[i].Start && c.Segments[i-1].Flags == elf.PF_R; i-- {
		if _, file := c.FileAt(c.Segments[i-1].Start); file {
			break
		}
		out = append(out, c.Segments[i-1].Range)
	}
	return out
}

// accountStacks claims the stacks that are not the heap's: the one that the
// process began with, and those that C made for its threads. They are the
// mappings that stack pointers and, at their upper ends, thread pointers lie in.
func accountStacks(l *ledger, snap *coreread.Snapshot) {
	var first, others []image.Range
	mapping := func(a image.Addr) (image.Range, bool) {
		s, ok := snap.Core.SegmentAt(a)
		return s.Range, ok && s.Flags&elf.PF_W != 0
	}
	if r, ok := mapping(image.Addr(snap.Core.Auxv[auxRandom])); ok {
		first = append(first, r)
	}
	for i := range snap.Core.Threads {
		t := &snap.Core.Threads[i]
		if snap.Core.Process == nil || t.TID == snap.Core.Process.PID {
			// Its thread pointer leads to memory of the dynamic loader's.
			if r, ok := mapping(t.Regs.SP); ok {
				first = append(first, r)
			}
			continue
		}
		for _, a := range []image.Addr{t.Regs.SP, t.Regs.TLS} {
			if r, ok := mapping(a); ok {
				others = append(others, r)
			}
		}
	}
	l.claim("stack of the first thread", first...)
	l.claim("stacks of C threads", others...)
}
