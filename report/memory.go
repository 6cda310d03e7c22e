package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"postmortem/analyzer/facts"
)

// accountTable is where the process's memory is: parts that add up.
func (a *author) accountTable(h *facts.Heap) []block {
	if len(h.Accounting) == 0 {
		return nil
	}
	t := table{head: []string{"memory", "size", "bytes", "share"}, right: []bool{false, true, true, true}}
	var sum uint64
	for _, l := range h.Accounting {
		sum += l.Bytes
	}
	for _, l := range h.Accounting {
		t.rows = append(t.rows, []text{say(l.What), say(size(l.Bytes)), say(count(l.Bytes)), say(percent(l.Bytes, sum))})
	}
	t.rows = append(t.rows, []text{say(bold("together")), say(bold(size(sum))), say(bold(count(sum))), say("100%")})
	out := []block{heading(say("Where the memory is")), t}
	switch {
	case !h.MappedBytes.Known:
	case h.MappedBytes.V == sum:
		out = append(out, paragraph{say("This is all of the process's mapped memory.")})
	default:
		out = append(out, paragraph{say("The process's mapped memory is ", size(h.MappedBytes.V), " (", count(h.MappedBytes.V), " bytes): ",
			bold("the parts do not add up"), ".")})
	}
	return out
}

// spansPart is how well the spans are used.
func (a *author) spansPart(h *facts.Heap) []block {
	if len(h.Spans.ByClass) == 0 {
		return nil
	}
	type used struct {
		facts.SpanClass
		free uint64 // bytes
	}
	classes := make([]used, len(h.Spans.ByClass))
	var free, tails uint64
	for i, c := range h.Spans.ByClass {
		classes[i] = used{c, c.FreeSlots * c.ObjectBytes}
		free += classes[i].free
		tails += c.TailBytes
	}
	slices.SortStableFunc(classes, func(x, y used) int { return cmp.Compare(y.Bytes, x.Bytes) })
	out := []block{heading(say("Spans")), paragraph(a.spanLines(h, free, tails))}
	t := table{head: []string{"slot", "pointers", "spans", "bytes", "objects", "free slots", "bytes in them"}, right: []bool{true, false, true, true, true, true, true}}
	return append(out, listed("size class", classes, len(classes), shownTop*2, t, func(c *used) []text {
		slot, pointers := size(c.ObjectBytes), "yes"
		if c.Class == 0 {
			slot = "large"
		}
		if c.NoScan {
			pointers = "no"
		}
		return []text{say(slot), say(pointers), say(count(c.Spans)), say(size(c.Bytes)), say(count(c.Objects)), say(count(c.FreeSlots)), say(size(c.free))}
	})...)
}

// spanLines sums up spans and pages.
func (a *author) spanLines(h *facts.Heap, free, tails uint64) []text {
	lines := []text{say(fmt.Sprintf("%s in use. Free slots in them take %s, what no slot fits into %s.", plural(h.Spans.InUse, "span"), size(free), size(tails)))}
	p := &h.Pages
	if p.IdleBytes.Known || p.ReleasedBytes.Known {
		s := fmt.Sprintf("Free pages: %s that the runtime keeps, %s given back to the system", or(p.IdleBytes, size), or(p.ReleasedBytes, size))
		if p.FreeRuns.Known && p.FreeRuns.V > 0 {
			s += ", in " + plural(p.FreeRuns.V, "run")
			if p.LargestFreeBytes.Known {
				s += " of at most " + size(p.LargestFreeBytes.V)
			}
		}
		lines = append(lines, say(s+"."))
	}
	if s := &h.Stacks; s.Bytes.Known {
		l := "Stacks: " + size(s.Bytes.V)
		if s.Spans.Known {
			l += " in " + plural(s.Spans.V, "span")
		}
		if s.InUseBytes.Known {
			l += ", " + size(s.InUseBytes.V) + " of them in use"
		}
		lines = append(lines, say(l+"."))
	}
	if l := &h.LargeObjects; l.Objects > 0 {
		t := say(plural(l.Objects, "large object"), " of ", size(l.Bytes))
		if len(l.Top) > 0 {
			t = say(t, ", the largest ", size(l.Top[0].Bytes), ": ", a.typ(l.Top[0].Type))
		}
		lines = append(lines, say(t, "."))
	}
	if b := h.TinyBlocks; b.Objects > 0 {
		lines = append(lines, say(plural(b.Objects, "block"), " of tiny objects, ", size(b.Bytes), "."))
	}
	if t := marksLine(&h.Marks); t != nil {
		lines = append(lines, t)
	}
	return lines
}

// marksLine is how far the collector was, nil when it had nothing left to do.
func marksLine(m *facts.Marks) text {
	var parts []string
	for _, p := range []struct {
		t    *facts.Tally
		what string
	}{{m.Marked, "marked"}, {m.Unmarked, "not marked"}, {m.AllocatedSince, "allocated since"}} {
		if p.t != nil && p.t.Objects > 0 {
			parts = append(parts, count(p.t.Objects)+" "+p.what)
		}
	}
	var t text
	if len(parts) > 1 {
		t = say("Objects by the collector's marks: ", strings.Join(parts, ", "), ".")
	}
	if m.UnsweptSpans.Known && m.UnsweptSpans.V > 0 {
		if t != nil {
			t = say(t, " ")
		}
		t = say(t, plural(m.UnsweptSpans.V, "span"), " had not been swept: what the last collection found to be garbage in them is not counted as objects.")
	}
	return t
}

// wastePart is what the program could do without.
func (a *author) wastePart(h *facts.Heap) []block {
	w := h.Waste
	if w == nil {
		return nil
	}
	var out bullets
	if d := w.DuplicateStrings; d != nil && d.Bytes > 0 {
		t := say(fmt.Sprintf("Equal strings: %s in %s of %s.", size(d.Bytes), copies(d.Count), plural(d.Distinct, "content")))
		for i := range d.Top[:min(shownTop, len(d.Top))] {
			s := &d.Top[i]
			sep := "; "
			if i == 0 {
				sep = " Most: "
			}
			t = say(t, sep, fmt.Sprintf("%s × %s", count(s.Count), plural(s.Length, "byte")))
			if s.Value.Known {
				t = say(t, " ", lit(cutText(visible(cutText(s.Value.V, 4*typeWidth)), typeWidth)))
			}
		}
		if len(d.Top) > 0 {
			t = say(t, ".")
			if !d.Top[0].Value.Known {
				t = say(t, " Their contents are hidden (", lit("--show-values"), ").")
			}
		}
		out = append(out, t)
	}
	if s := w.SpareSlices; s != nil && s.Bytes > 0 {
		t := say(fmt.Sprintf("Spare capacity: %s behind the lengths of %s.", size(s.Bytes), plural(s.Count, "slice")))
		for i := range s.Top[:min(shownTop, len(s.Top))] {
			e := &s.Top[i]
			t = say(t, example(i), a.typ(e.Type), a.holder(e.Holder), fmt.Sprintf(" uses %s of %s (%s spare)", count(e.Length), count(e.Capacity), size(e.Bytes)))
		}
		out = append(out, ended(t, len(s.Top)))
	}
	if s := w.SparseMaps; s != nil && s.Bytes > 0 {
		t := say(fmt.Sprintf("Empty room in maps: %s in %s.", size(s.Bytes), plural(s.Count, "map")))
		for i := range s.Top[:min(shownTop, len(s.Top))] {
			e := &s.Top[i]
			t = say(t, example(i), a.typ(e.Type), a.holder(e.Holder), fmt.Sprintf(" has %s and room for %s (%s empty)", plural(e.Entries, "key"), count(e.Capacity), size(e.Bytes)))
		}
		out = append(out, ended(t, len(s.Top)))
	}
	if f := w.FinalizerOnly; f != nil && f.Objects > 0 {
		out = append(out, say(fmt.Sprintf("Kept by finalizers and cleanups only: %s of %s.", plural(f.Objects, "object"), size(f.Bytes))))
	}
	if len(out) == 0 {
		return nil
	}
	return []block{heading(say("Waste")), out}
}

func copies(n uint64) string {
	if n == 1 {
		return "1 copy"
	}
	return count(n) + " copies"
}

// example introduces the i-th example of a bullet.
func example(i int) string {
	if i == 0 {
		return " Most: "
	}
	return "; "
}

// ended puts a full stop behind n examples.
func ended(t text, n int) text {
	if n == 0 {
		return t
	}
	return say(t, ".")
}

// holder is " in `main.Buffer.data`", "" when that is unknown.
func (a *author) holder(m facts.Maybe[string]) text {
	if !m.Known {
		return nil
	}
	return say(" in ", lit(a.typeName(m.V)))
}

// allocationSites are the stacks that allocated what is there, as far as the runtime
// sampled it.
func (a *author) allocationSites(h *facts.Heap) []block {
	var out []block
	for i := range h.Profiles {
		if p := &h.Profiles[i]; p.Records > 0 {
			out = append(out, paragraph{a.profileLine(p)})
		}
	}
	n := min(shownTop, len(h.AllocationSites))
	for i := range h.AllocationSites[:n] {
		s := &h.AllocationSites[i]
		st := stack{head: say(fmt.Sprintf("%s of %s", plural(s.Objects, "sampled object"), size(s.Bytes))), lines: a.stackLines(s.Frames, 0, nil)}
		if left := s.FramesTotal - len(s.Frames); left > 0 {
			st.lines = append(st.lines, stackLine{fn: "… " + plural(left, "more frame")})
		}
		if len(s.RetainingPath) > 0 {
			st.foot = append(st.foot, say("kept by ", a.path(s.RetainingPath, s.RetainingPathTotal)))
		}
		out = append(out, st)
	}
	out = append(out, more(n, max(h.AllocationSitesTotal, len(h.AllocationSites)), "allocation site")...)
	if len(out) == 0 {
		return nil
	}
	return append([]block{heading(say("Allocated where"))}, out...)
}

// profileLine is what one of the runtime's profiles holds.
func (a *author) profileLine(p *facts.Profile) text {
	t := say("The runtime's ", p.Name, " profile is in the core: ", plural(p.Records, "stack"))
	switch {
	case p.Bytes.Known:
		t = say(t, ", ", size(p.Bytes.V), " in use by its samples")
		if p.Rate.Known && p.Rate.V > 0 {
			t = say(t, " (one per ", size(uint64(p.Rate.V)), ")")
		}
	case p.Events.Known:
		t = say(t, ", ", plural(p.Events.V, "event"))
		if p.DelayNS.Known {
			t = say(t, ", ", duration(p.DelayNS.V), " of delay")
		}
	}
	return say(t, "; ", lit("--pprof-out DIR"), " writes it for ", lit("go tool pprof"), ".")
}
