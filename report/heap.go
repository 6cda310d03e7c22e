package report

import (
	"fmt"
	"strconv"
	"strings"

	"postmortem/analyzer/facts"
)

const (
	shownRows  = 20  // of a table of the heap
	shownTop   = 5   // of what is only an example
	typeWidth  = 120 // bytes of the name of a type
	shownSteps = 8   // of a path
)

// heapPart is what is on the heap, what keeps it and what it costs.
func (a *author) heapPart() []block {
	h := a.doc.Heap
	if h == nil {
		return a.missingPart(facts.PartHeap)
	}
	out := []block{paragraph{a.heapSummary(h)}}
	if doubts := a.heapDoubts(h); len(doubts) > 0 {
		out = append(out, bullets(doubts))
	}
	out = append(out, a.suspects(h)...)
	out = append(out, a.groupsRetain(h)...)
	out = append(out, a.typeTable(h)...)
	out = append(out, a.dominatorTable(h)...)
	out = append(out, a.rootTables(h)...)
	out = append(out, a.accountTable(h)...)
	out = append(out, a.spansPart(h)...)
	out = append(out, a.wastePart(h)...)
	return append(out, a.allocationSites(h)...)
}

// heapSummary says in a few sentences what is there, what is alive and what holds it.
func (a *author) heapSummary(h *facts.Heap) text {
	t := say(bold(size(h.ObjectBytes)+" in "+plural(h.Objects, "object")), " on the heap")
	switch {
	case h.ReachableBytes.Known && h.GarbageBytes.Known:
		t = say(t, ": ", size(h.ReachableBytes.V), share(h.ReachableBytes.V, h.ObjectBytes), " can be reached, ", size(h.GarbageBytes.V),
			" is garbage that the next collection would free.")
	case h.ReachableBytes.Known:
		t = say(t, ": ", size(h.ReachableBytes.V), share(h.ReachableBytes.V, h.ObjectBytes), " can be reached.")
	default:
		t = say(t, "; what of that can be reached is not known.")
	}
	if holder := a.biggestHolder(h); holder != nil {
		t = say(t, " ", holder)
	}
	if len(h.Types) > 0 {
		if top := h.Types[0]; top.Name.Known {
			t = say(t, " The largest type is ", a.typ(top.Name), ": ", plural(top.Count, "object"), " of ", size(top.Bytes), ".")
		}
	}
	switch {
	case !h.UnknownTypeBytes.Known:
	case h.UnknownTypeBytes.V == 0:
		t = say(t, " The types of all are known.")
	default:
		t = say(t, " The types of ", size(h.UnknownTypeBytes.V), share(h.UnknownTypeBytes.V, h.ReachableBytes.V), " are unknown.")
	}
	return t
}

// biggestHolder is a sentence about what keeps most, nil when nothing is known to.
func (a *author) biggestHolder(h *facts.Heap) text {
	if len(h.Suspects) > 0 {
		return say("The biggest holder: ", a.suspect(&h.Suspects[0]), ".")
	}
	best, n := text(nil), uint64(0)
	if len(h.RetainedByGroup) > 0 && h.RetainedByGroup[0].Bytes > n {
		if g := a.groupByID(h.RetainedByGroup[0].Group); g != nil {
			n = h.RetainedByGroup[0].Bytes
			best = say("goroutines ", a.groupWords(g), ",")
		}
	}
	if len(h.Roots) > 0 && h.Roots[0].RetainedBytes.V > n {
		n = h.Roots[0].RetainedBytes.V
		best = a.rootWords(&h.Roots[0])
	}
	if len(h.Dominators) > 0 && h.Dominators[0].RetainedBytes > n {
		d := &h.Dominators[0]
		n = d.RetainedBytes
		best = say("the ", a.typ(d.Type), " at ", lit(hex(d.Address)))
	}
	if n == 0 {
		return nil
	}
	return say("The biggest holder: ", best, " retains ", size(n), share(n, h.ReachableBytes.V), ".")
}

// heapDoubts is what weakens the heap part.
func (a *author) heapDoubts(h *facts.Heap) []text {
	var out []text
	if s, ok := a.doc.Completeness.Sections[facts.PartHeap]; ok && s.State != facts.SectionComplete {
		out = append(out, say("This part is not whole (", string(s.State), "): ", or(s.Why, same), "."))
	}
	if h.Books.Agree.Known && !h.Books.Agree.V {
		b := &h.Books
		n := func(m facts.Maybe[uint64]) string { return or(m, count[uint64]) }
		out = append(out, say(bold("The books do not agree"), ": ", count(b.SlotsByBits), " objects by their bits, ", n(b.SlotsByAllocCount), " by the spans' counts, ",
			n(b.SlotsByStatistics), " by the runtime's statistics. Damaged memory, or a core that was written while the process ran."))
	}
	if h.ConservativeRoots.Known && h.ConservativeRoots.V > 0 {
		out = append(out, say(fmt.Sprintf("%s of registers and frames without pointer maps %s taken for pointers if they could be, as the collector does: what only they keep may be garbage.",
			plural(h.ConservativeRoots.V, "word"), was(h.ConservativeRoots.V))))
	}
	if h.TypeConflicts.Known && h.TypeConflicts.V > 0 {
		out = append(out, say(fmt.Sprintf("%s had contradictory types; the better evidence was taken.", plural(h.TypeConflicts.V, "object"))))
	}
	return out
}

// share is " (12%)", "" when it cannot be said.
func share(part, whole uint64) string {
	if s := percent(part, whole); s != "" {
		return " (" + s + ")"
	}
	return ""
}

// percent writes part of whole; "" when whole is none.
func percent(part, whole uint64) string {
	if whole == 0 {
		return ""
	}
	return percentOf(float64(part) / float64(whole))
}

// percentOf writes a share, 0 to 1: "76%", "0.4%", "≈0%". Only what is all of it is
// 100%.
func percentOf(share float64) string {
	switch p := share * 100; {
	case !(p > 0):
		return "0%"
	case p < 0.1:
		return "≈0%"
	case p < 9.95:
		return strings.TrimSuffix(strconv.FormatFloat(p, 'f', 1, 64), ".0") + "%"
	case p < 100:
		return strconv.FormatFloat(min(99, p), 'f', 0, 64) + "%"
	}
	return "100%"
}

func was(n uint64) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// typ is the name of a type.
func (a *author) typ(name facts.Maybe[string]) text {
	if !name.Known {
		return say("(unknown type)")
	}
	return say(lit(a.typeName(name.V)))
}

// typeName is a type, or a step of a path, without the main module's path. Of a
// long one the middle is left out.
func (n *names) typeName(s string) string {
	if n.module != "" {
		var b strings.Builder
		for {
			i := strings.Index(s, n.module)
			if i < 0 {
				break
			}
			end := i + len(n.module)
			b.WriteString(s[:i])
			switch rest := s[end:]; {
			case i > 0 && inPath(s[i-1]):
				b.WriteString(n.module)
			case len(rest) > 1 && rest[0] == '/':
				end++
			case strings.HasPrefix(rest, "."):
				b.WriteString(baseWithoutVersion(n.module))
			default:
				b.WriteString(n.module)
			}
			s = s[end:]
		}
		b.WriteString(s)
		s = b.String()
	}
	return middle(cutText(visible(cutText(s, 4*spanWidth)), spanWidth), typeWidth)
}

// inPath reports whether c may stand before a module's path that is not the
// beginning of the import path it stands in.
func inPath(c byte) bool {
	return isWordByte(c) || strings.IndexByte("/.-_~", c) >= 0
}

// path writes the steps of a path; of a long one the ends.
func (a *author) path(steps []string, total int) text {
	var t text
	add := func(step any) {
		if len(t) > 0 {
			t = say(t, " → ")
		}
		t = say(t, step)
	}
	total = max(total, len(steps))
	head, tail := steps, []string(nil)
	switch {
	case total > shownSteps && len(steps) > shownSteps:
		head, tail = steps[:shownSteps/2], steps[len(steps)-shownSteps/2:]
	case total > len(steps):
		head, tail = steps[:(len(steps)+1)/2], steps[(len(steps)+1)/2:]
	}
	for _, s := range head {
		add(lit(a.typeName(s)))
	}
	if left := total - len(head) - len(tail); left > 0 {
		add(fmt.Sprintf("… %s more …", count(left)))
	}
	for _, s := range tail {
		add(lit(a.typeName(s)))
	}
	return t
}

// more is the line below a table that shows n of total rows.
func more(n, total int, what string) []block {
	if total <= n {
		return nil
	}
	return []block{paragraph{say("… and " + plural(total-n, "more "+what) + ".")}}
}

// titled puts a heading above blocks; none above none.
func titled(title string, blocks []block) []block {
	if len(blocks) == 0 {
		return nil
	}
	return append([]block{heading(say(title))}, blocks...)
}

// worth returns the first rows of a list by falling bytes: those of a thousandth of
// what can be reached, and a few in any case.
func worth[T any](h *facts.Heap, list []T, bytes func(*T) uint64) []T {
	const few = 5
	for i := range list {
		if i >= few && bytes(&list[i]) < h.ReachableBytes.V/1000 {
			return list[:i]
		}
	}
	return list
}

// listed fills a table with at most so many rows of a list, and says how many there
// are besides; nothing of an empty list.
func listed[T any](what string, list []T, total, most int, t table, row func(*T) []text) []block {
	if len(list) == 0 {
		return nil
	}
	n := min(most, len(list))
	for i := range list[:n] {
		t.rows = append(t.rows, row(&list[i]))
	}
	t.dropEmpty()
	return append([]block{t}, more(n, max(total, len(list)), what)...)
}
