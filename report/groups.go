package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"postmortem/analyzer/facts"
)

const (
	shownGroups = 20
	shownRanges = 8 // of goroutine ids
	shownDefers = 4 // of one group
)

// groupTable is the overview of the largest groups; ok is false when there is none.
func (a *author) groupTable(groups []*facts.Group, most int) (table, bool) {
	t := table{
		head:  []string{"count", "state", "where", "created by", "waited", "example"},
		right: []bool{true, false, false, false, false, false},
	}
	for _, g := range firstGroupsOf(groups)[:min(most, len(groups))] {
		where, by, example := say("—"), say("—"), say("—")
		if f := blame(g.Frames); f != nil {
			where = say(lit(a.fn(f.Func)))
			if pos := a.position(f); pos != "" {
				where = say(where, below(), lit(pos))
			}
		}
		if g.CreatedBy != nil {
			by = say(lit(a.fn(g.CreatedBy.Func)))
			if pos := a.place(g.CreatedBy.File, g.CreatedBy.Line); pos != "" {
				by = say(by, below(), lit(pos))
			}
		}
		if len(g.GoidRanges) > 0 {
			example = say(goid(g.GoidRanges[0][0]))
		}
		t.rows = append(t.rows, []text{say(count(g.Count)), say(a.state(g)), where, by, say(waited(g.WaitedAtLeastNS)), example})
	}
	if left := len(groups) - most; left > 0 {
		t.rows = append(t.rows, []text{say(count(members(firstGroupsOf(groups)[most:]))), say(fmt.Sprintf("in %s", plural(left, "more group"))), nil, nil, nil, nil})
	}
	t.dropEmpty()
	return t, len(t.rows) > 0
}

// dropEmpty takes out the columns in which no row says anything.
func (t *table) dropEmpty() {
	for j := len(t.head) - 1; j > 0; j-- {
		says := func(r []text) bool { s := plainText(r[j]); return s != "" && s != "—" }
		if slices.ContainsFunc(t.rows, says) {
			continue
		}
		t.head, t.right = slices.Delete(t.head, j, j+1), slices.Delete(t.right, j, j+1)
		for i := range t.rows {
			t.rows[i] = slices.Delete(t.rows[i], j, j+1)
		}
	}
}

// firstGroupsOf orders groups for a table that has no room for all: of groups of
// one size those that wait for a lock come first, then those that run.
func firstGroupsOf(groups []*facts.Group) []*facts.Group {
	rank := func(g *facts.Group) int {
		switch g.Quadrant {
		case facts.QuadrantLock:
			return 0
		case facts.QuadrantRunning, facts.QuadrantRunnable:
			return 1
		}
		return 2
	}
	return slices.SortedStableFunc(slices.Values(groups), func(x, y *facts.Group) int {
		return cmp.Or(cmp.Compare(y.Count, x.Count), cmp.Compare(rank(x), rank(y)))
	})
}

func members(groups []*facts.Group) int {
	n := 0
	for _, g := range groups {
		n += g.Count
	}
	return n
}

// waited writes lower bounds: "≥ 6m20s", "≥ 1s … ≥ 2h51m", "—" when none is known.
func waited(w facts.WaitSpread) string {
	switch {
	case !w.Min.Known || !w.Max.Known:
		return "—"
	case duration(w.Min.V) == duration(w.Max.V):
		return "≥ " + duration(w.Min.V)
	}
	return "≥ " + duration(w.Min.V) + " … ≥ " + duration(w.Max.V)
}

// groupsPart is every goroutine: the program's groups with their stacks, largest
// first, and the runtime's own in a line.
func (a *author) groupsPart() []block {
	g := a.doc.Goroutines
	if g == nil {
		return a.missingPart(facts.PartGoroutines)
	}
	groups := a.programGroups()
	var by []string
	for _, s := range slices.Sorted(keys(g.ByStatus)) {
		by = append(by, count(g.ByStatus[s])+" "+string(s))
	}
	head := fmt.Sprintf("%s (%s of the program in %s, %s of the runtime)", plural(g.Total, "goroutine"),
		count(g.User), plural(len(groups), "group"), count(g.System))
	if len(by) > 0 {
		head += ": " + strings.Join(by, ", ")
	}
	out := []block{paragraph{say(head + ".")}}
	for _, g := range groups[:min(shownGroups, len(groups))] {
		out = append(out, a.groupStack(g))
	}
	if len(groups) > shownGroups {
		rest := groups[shownGroups:]
		out = append(out, paragraph{say(fmt.Sprintf("… %s with %s: ", plural(len(rest), "more group"), plural(members(rest), "goroutine")),
			lit("--format json"), " has them all.")})
	}
	if t := a.systemLine(); t != nil {
		out = append(out, paragraph{t})
	}
	if slices.ContainsFunc(g.Groups, func(g facts.Group) bool { return g.WaitedAtLeastNS.Min.Known }) {
		out = append(out, paragraph{say("Wait times are lower bounds: only the collector stamps them, and a goroutine that parked after the last cycle has none.")})
	}
	return out
}

func (a *author) groupStack(g *facts.Group) stack {
	head := say(fmt.Sprintf("%s × %s   %s", count(g.Count), a.state(g), idRanges(g.GoidRanges, shownRanges)))
	if w := waited(g.WaitedAtLeastNS); w != "—" {
		head = say(head, "   waited "+w)
	}
	s := stack{head: head, lines: a.stackLines(g.Frames, g.FramesElided, g.Cycle)}
	if len(g.Frames) == 0 {
		s.lines = []stackLine{{fn: "(stack not readable)"}}
	}
	if g.CreatedBy != nil {
		s.foot = append(s.foot, a.createdBy(g.CreatedBy, nil))
	}
	s.foot = append(s.foot, a.deferredLines(g)...)
	if n := a.retained[g.ID]; n > 0 {
		s.foot = append(s.foot, say("retains "+size(n)+" of the heap"))
	}
	if len(g.LabelKeys) > 0 {
		s.foot = append(s.foot, say("labels "+strings.Join(g.LabelKeys, ", ")))
	}
	return s
}

// deferredLines are the deferred calls of a group's own functions; those of libraries
// run with whatever calls them and say little.
func (a *author) deferredLines(g *facts.Group) []text {
	var out []text
	left, library := 0, 0
	for _, d := range g.PendingDefers {
		switch {
		case !d.InApp:
			library++
			continue
		case len(out) == shownDefers:
			left++
			continue
		}
		t := say("deferred "+a.fn(d.Func), fmt.Sprintf(" × %s", count(d.Count)))
		if pos := a.place(d.File, d.Line); pos != "" {
			t = say(t, " ("+pos+")")
		}
		out = append(out, t)
	}
	if left > 0 {
		out = append(out, say(fmt.Sprintf("… %s more", plural(left, "deferred call"))))
	}
	if library > 0 {
		out = append(out, say("… "+plural(library, "deferred call")+" of libraries"))
	}
	return out
}

// systemLine sums up the runtime's own goroutines.
func (a *author) systemLine() text {
	by := map[string]int{}
	for i := range a.goroutines.Groups {
		if g := &a.goroutines.Groups[i]; g.System {
			by[a.state(g)] += g.Count
		}
	}
	if len(by) == 0 {
		return nil
	}
	var parts []string
	for _, s := range byCount(by) {
		parts = append(parts, count(by[s])+" "+s)
	}
	return say("The runtime's own: " + strings.Join(parts, ", ") + ".")
}

// missingPart says why a part is not in the document.
func (a *author) missingPart(name string) []block {
	s, ok := a.doc.Completeness.Sections[name]
	if !ok || s.State == facts.SectionComplete {
		return nil
	}
	why := "no reason is given"
	if s.Why.Known {
		why = s.Why.V
	}
	return []block{paragraph{say(fmt.Sprintf("Not in this report (%s): %s.", s.State, why))}}
}
