package report

import (
	"fmt"

	"postmortem/analyzer/facts"
)

// suspects are what to look at first for a leak, each with the path that keeps it.
func (a *author) suspects(h *facts.Heap) []block {
	if len(h.Suspects) == 0 {
		return nil
	}
	list := steps{}
	for i := range h.Suspects[:min(shownTop, len(h.Suspects))] {
		s := &h.Suspects[i]
		t := say(a.suspect(s), ".")
		if len(s.Path) > 0 && !s.Group.Known {
			t = say(t, " Kept by: ", a.path(s.Path, s.PathTotal), ".")
		}
		list = append(list, t)
	}
	return append([]block{heading(say("Suspects")), list}, more(len(list), len(h.Suspects), "suspect")...)
}

// suspect is "48,212 × `feed.Snapshot` below the `chan` at `0xc000` retain 1.29 GiB (76%)".
func (a *author) suspect(s *facts.Suspect) text {
	retain := fmt.Sprintf(" %s (%s)", size(s.RetainedBytes), percentOf(s.Share))
	at := s.AccumulationPoint
	if s.Group.Known {
		t := say(plural(int(s.Objects), "goroutine"))
		if g := a.groupByID(s.Group.V); g != nil {
			t = say(t, " ", a.groupWords(g))
		}
		return say(t, " retain", retain)
	}
	if s.Kind != facts.SuspectGroup {
		t := say("one ", a.typ(s.Type))
		if at != nil {
			t = say(t, " at ", lit(hex(at.Address)))
		}
		return say(t, " retains", retain)
	}
	t := say(count(s.Objects), " × ", a.typ(s.Type))
	switch {
	case at != nil:
		t = say(t, " below the ", a.typ(at.Type), " at ", lit(hex(at.Address)))
	case len(s.Path) > 0:
		t = say(t, " below ", lit(a.typeName(s.Path[0])))
	}
	return say(t, " retain", retain)
}

// askOfHolder is what to ask of the source about what keeps most of the heap, nil
// when nothing stands out.
func (a *author) askOfHolder() text {
	h := a.doc.Heap
	if h == nil || len(h.Suspects) == 0 {
		return nil
	}
	s := &h.Suspects[0]
	t := say("what should have let go of this: ", a.suspect(s), "?")
	if len(s.Path) > 0 && !s.Group.Known {
		t = say(t, " Kept by: ", a.path(s.Path, s.PathTotal), ".")
	}
	return t
}

// groupsRetain is which goroutines keep most.
func (a *author) groupsRetain(h *facts.Heap) []block {
	t := table{head: []string{"retained", "stacks", "goroutines", "where", "created by"}, right: []bool{true, true, true, false, false}}
	return titled("Kept by goroutines", listed("group", worth(h, h.RetainedByGroup, func(r *facts.GroupRetained) uint64 { return r.Bytes }), h.RetainedByGroupTotal, shownRows, t, func(r *facts.GroupRetained) []text {
		row := []text{say(size(r.Bytes)), say(or(r.StackBytes, size)), say("—"), say("—"), say("—")}
		if !r.StackBytes.Known {
			row[1] = say("—")
		}
		g := a.groupByID(r.Group)
		if g == nil {
			return row
		}
		row[2] = say(count(g.Count) + " × " + a.state(g))
		if f := blame(g.Frames); f != nil {
			row[3] = say(lit(a.fn(f.Func)))
			if pos := a.position(f); pos != "" {
				row[3] = say(row[3], below(), lit(pos))
			}
		}
		if g.CreatedBy != nil {
			row[4] = say(lit(a.fn(g.CreatedBy.Func)))
			if pos := a.place(g.CreatedBy.File, g.CreatedBy.Line); pos != "" {
				row[4] = say(row[4], below(), lit(pos))
			}
		}
		return row
	}))
}

// groupWords tells a group by where its goroutines were started, else by where they
// stand: "created at `x.go:61`".
func (a *author) groupWords(g *facts.Group) text {
	if c := g.CreatedBy; c != nil {
		if pos := a.place(c.File, c.Line); pos != "" {
			return say("created at ", lit(pos))
		}
		return say("created by ", lit(a.fn(c.Func)))
	}
	if f := blame(g.Frames); f != nil {
		return say("in ", a.at(f))
	}
	return say(a.state(g))
}

// retainLine names the groups whose goroutines keep a good part of the heap.
func (a *author) retainLine() text {
	const most, least = 3, 50 // groups; a fiftieth of what is reachable
	h := a.doc.Heap
	if h == nil {
		return nil
	}
	var t text
	n := 0
	for i := range h.RetainedByGroup {
		r := &h.RetainedByGroup[i]
		g := a.groupByID(r.Group)
		if g == nil || r.Bytes == 0 || r.Bytes < h.ReachableBytes.V/least || n == most {
			continue
		}
		verb := " retains "
		if g.Count != 1 {
			verb = " retain "
		}
		if n > 0 {
			t = say(t, "; ")
		}
		t = say(t, plural(g.Count, "goroutine"), " ", a.groupWords(g), verb, size(r.Bytes), share(r.Bytes, h.ReachableBytes.V))
		n++
	}
	if n == 0 {
		return nil
	}
	return say(t, " of the heap.")
}

// typeTable is the histogram.
func (a *author) typeTable(h *facts.Heap) []block {
	t := table{head: []string{"type", "objects", "bytes", "share", "retained"}, right: []bool{false, true, true, true, true}}
	return titled("Types", listed("type", h.Types, h.TypesTotal, shownRows, t, func(r *facts.TypeTotal) []text {
		return []text{a.typ(r.Name), say(count(r.Count)), say(size(r.Bytes)), say(percent(r.Bytes, h.ReachableBytes.V)), say(maybeSize(r.RetainedBytes))}
	}))
}

func maybeSize(m facts.Maybe[uint64]) string {
	if !m.Known {
		return "—"
	}
	return size(m.V)
}

// dominatorTable is the objects that keep most, with what leads to them.
func (a *author) dominatorTable(h *facts.Heap) []block {
	t := table{head: []string{"retained", "itself", "object", "kept by"}, right: []bool{true, true, false, false}}
	return titled("Objects that retain most", listed("object", h.Dominators, h.DominatorsTotal, shownRows, t, func(d *facts.Dominator) []text {
		return []text{say(size(d.RetainedBytes)), say(size(d.Bytes)), say(a.typ(d.Type), below(), lit(hex(d.Address))), a.pathCell(d.Path, d.PathTotal)}
	}))
}

// pathCell is a path in a cell: the root and, below it, the last steps.
func (a *author) pathCell(steps []string, total int) text {
	const last = 2
	if len(steps) == 0 {
		return say("—")
	}
	t := say(lit(a.typeName(steps[0])))
	rest := steps[1:]
	left := max(total, len(steps)) - 1 - min(last, len(rest))
	if left > 0 {
		t = say(t, fmt.Sprintf(" → … %s …", plural(left, "step")))
	}
	for i, s := range rest[max(0, len(rest)-last):] {
		if i == 0 {
			t = say(t, below())
		}
		t = say(t, "→ ", lit(a.typeName(s)))
		if i < min(last, len(rest))-1 {
			t = say(t, " ")
		}
	}
	return t
}

// rootTables are the roots and the packages that keep most.
func (a *author) rootTables(h *facts.Heap) []block {
	t := table{head: []string{"retained", "share", "root", "kind"}, right: []bool{true, true, false, false}}
	out := titled("Roots", listed("root", worth(h, h.Roots, func(r *facts.Root) uint64 { return r.RetainedBytes.V }), h.RootsTotal, shownRows, t, func(r *facts.Root) []text {
		name := say("—")
		switch {
		case r.Goroutine.Known && r.Name.Known:
			name = say(goid(r.Goroutine.V), " ", lit(a.typeName(r.Name.V)))
		case r.Goroutine.Known:
			name = say(goid(r.Goroutine.V))
		case r.Name.Known:
			name = say(lit(a.typeName(r.Name.V)))
		case r.Address.Known:
			name = say(lit(hex(r.Address.V)))
		}
		retained := r.RetainedBytes
		part := ""
		if retained.Known {
			part = percent(retained.V, h.ReachableBytes.V)
		}
		return []text{say(maybeSize(retained)), say(part), name, say(string(r.Kind))}
	}))
	if len(h.Packages) < 2 { // one says what the roots say
		return out
	}
	t = table{head: []string{"retained", "share", "variables of package"}, right: []bool{true, true, false}}
	return append(out, titled("Packages", listed("package", worth(h, h.Packages, func(p *facts.PackageRetained) uint64 { return p.RetainedBytes }), h.PackagesTotal, shownRows, t, func(p *facts.PackageRetained) []text {
		return []text{say(size(p.RetainedBytes)), say(percent(p.RetainedBytes, h.ReachableBytes.V)), say(lit(a.packageName(p.Name)))}
	}))...)
}

// packageName is a package's path, relative to the main module where it is in it.
func (a *author) packageName(s string) string {
	if s == a.module {
		return baseWithoutVersion(s)
	}
	return a.typeName(s)
}

// rootWords names a root in a sentence.
func (a *author) rootWords(r *facts.Root) text {
	switch {
	case r.Goroutine.Known && r.Name.Known:
		return say(lit(goid(r.Goroutine.V)), " (", lit(a.typeName(r.Name.V)), ")")
	case r.Goroutine.Known:
		return say(lit(goid(r.Goroutine.V)))
	case r.Name.Known:
		return say(lit(a.typeName(r.Name.V)))
	case r.Address.Known:
		return say("the "+string(r.Kind)+" at ", lit(hex(r.Address.V)))
	}
	return say("a " + string(r.Kind))
}
