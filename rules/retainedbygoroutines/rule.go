// Package retainedbygoroutines is the rule retained-by-goroutines: goroutines of one
// kind hold a large part of the memory.
package retainedbygoroutines

import (
	_ "embed"
	"fmt"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

//go:embed README.md
var doc string

const (
	// worthBytes is the live heap below which nothing is said.
	worthBytes = 1 << 20
	// pile is how many goroutines at one place are more than what pools of workers
	// usually are.
	pile = 20
	// worthPercent is their share of live heap and stacks together.
	worthPercent = 20
	// heavyPercent and heavyBytes are both exceeded when it is worth a warning:
	// idle connections hold some 10 to 20 KiB each, 10,000 of them below 256 MiB.
	heavyPercent, heavyBytes = 50, 256 << 20
)

// Rule finds groups of goroutines that hold much memory.
var Rule = &rule.Rule{
	ID:       "retained-by-goroutines",
	Title:    "Goroutines of one kind hold a large part of the memory",
	Severity: facts.SeverityError,
	Needs:    []rule.Part{rule.Heap, rule.Goroutines},
	Doc:      doc,
	Check:    check,
}

func check(doc *facts.Document) []facts.Finding {
	h := doc.Heap
	if !h.ReachableBytes.Known || h.ReachableBytes.V < worthBytes {
		return nil
	}
	whole := h.ReachableBytes.V + h.Stacks.InUseBytes.V
	var worst *facts.GroupRetained
	at := 0
	for i := range h.RetainedByGroup {
		r := &h.RetainedByGroup[i]
		g := rule.Group(doc, r.Group)
		if g == nil || g.System || g.Count < pile || !part(held(r), whole, worthPercent) {
			continue
		}
		if worst == nil || held(r) > held(worst) {
			worst, at = r, i
		}
	}
	if worst == nil {
		return nil
	}
	g := rule.Group(doc, worst.Group)
	return []facts.Finding{finding(doc, g, worst, at, whole)}
}

func finding(doc *facts.Document, g *facts.Group, r *facts.GroupRetained, at int, whole uint64) facts.Finding {
	bytes := held(r)
	where := rule.State(g)
	if w := rule.Where(g); w != "" {
		where += " in " + w
	}
	f := facts.Finding{
		Severity: facts.SeverityInfo, Confidence: facts.ConfidenceProven,
		Title: rule.Line(fmt.Sprintf("%s hold %s, %s of heap and stacks", rule.Plural(g.Count, "goroutine"), rule.Size(bytes), rule.Percent(bytes, whole)), rule.TitleCap),
		Summary: fmt.Sprintf("%s (%s) hold %s that would be free without them, %s each; live heap and stacks are %s.",
			rule.Plural(g.Count, "goroutine"), where, rule.Size(bytes), rule.Size(bytes/uint64(g.Count)), rule.Size(whole)),
		Goroutines: rule.All(g), Groups: rule.IDs(g),
		Evidence: []facts.Evidence{
			{Kind: "heap", Text: fmt.Sprintf("what only they reach is %s", rule.Size(r.Bytes)), Ref: fmt.Sprintf("/heap/retained_by_group/%d", at)},
			{Kind: "stack", Text: fmt.Sprintf("%s: %s", rule.Plural(g.Count, "goroutine"), where), Ref: rule.GroupRef(g)},
		},
		DependsOn: []string{"goroutine-explosion", "goroutine-leak"},
		NextSteps: []facts.NextStep{
			rule.OnCall("look at the number of goroutines and of connections: a restart helps if they do not come to an end"),
			rule.Developer(ask(g)),
		},
		Unknowns: []facts.Unknown{{What: "whether their number grows", WouldTell: "the goroutine profile of a live replica (goroutine?debug=1), twice"}},
	}
	switch {
	case doc.Crash != nil && doc.Crash.Kind == facts.CrashOutOfMemory:
		f.Severity = facts.SeverityError
	case bytes >= heavyBytes && part(bytes, whole, heavyPercent):
		f.Severity = facts.SeverityWarning
	}
	return f
}

// held is what a group keeps alive, stacks included.
func held(r *facts.GroupRetained) uint64 { return r.Bytes + r.StackBytes.V }

// part reports whether n is at least so many percent of a whole.
func part(n, whole uint64, percent uint64) bool { return n >= whole/100*percent }

func ask(g *facts.Group) string {
	if g.CreatedBy != nil {
		return "should there be " + rule.Count(g.Count) + " goroutines that " + rule.AtSite(g.CreatedBy) + " starts, and what do their stacks refer to that they need no more?"
	}
	return "should there be " + rule.Count(g.Count) + " of them, and what do their stacks refer to that they need no more?"
}
