// Package deadlockcycle is the rule deadlock-cycle: goroutines wait for each other
// in a circle, so that none of them ever goes on.
package deadlockcycle

import (
	_ "embed"
	"fmt"
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

//go:embed README.md
var doc string

// Rule finds deadlock cycles.
var Rule = &rule.Rule{
	ID:       "deadlock-cycle",
	Title:    "Goroutines wait for each other in a circle",
	Severity: facts.SeverityCritical,
	Needs:    []rule.Part{rule.Waits},
	Doc:      doc,
	Check:    check,
}

func check(doc *facts.Document) []facts.Finding {
	var found []facts.Finding
	for i := range doc.Waits.Cycles {
		if c := &doc.Waits.Cycles[i]; len(c.Goroutines) > 0 && len(c.Goroutines) == len(c.Resources) {
			found = append(found, cycle(doc, c, i))
		}
	}
	return found
}

// maxLegs is how many legs of a cycle a summary spells out.
const maxLegs = 4

func cycle(doc *facts.Document, c *facts.WaitCycle, i int) facts.Finding {
	f := facts.Finding{Severity: severity(doc, c), Confidence: c.Confidence, Title: title(doc, c), Goroutines: rule.These(c.Goroutines...)}
	f.Groups = rule.GroupsOf(doc, f.Goroutines)
	f.Summary = sentence(strings.Join(c.Legs[:min(maxLegs, len(c.Legs))], "; "))
	if len(c.Legs) > maxLegs {
		f.Summary += "; and so on"
	}
	f.Summary += ". None of them ever goes on"
	if c.Behind > 0 {
		f.Summary += fmt.Sprintf(", nor do the %s behind them", rule.Plural(c.Behind, "goroutine"))
	}
	f.Summary += "."
	ref := fmt.Sprintf("/waits/cycles/%d", i)
	f.Evidence = []facts.Evidence{{Kind: "wait", Text: circle(c), Ref: ref}}
	for j, id := range c.Resources {
		r, at := rule.Resource(doc, id)
		if r == nil {
			continue
		}
		if r.Address.Known {
			f.Addresses = append(f.Addresses, r.Address.V)
		}
		holder := c.Goroutines[(j+1)%len(c.Goroutines)]
		for _, h := range r.Holders {
			if h.Goroutine == holder {
				f.Evidence = append(f.Evidence, holds(r, &h, at))
			}
		}
	}
	f.NextSteps = []facts.NextStep{
		rule.OnCall("a restart clears it until the same two paths meet again; other replicas are sick when their goroutine profile has the same pile"),
		rule.Developer(advice(doc, c)),
	}
	if c.Confidence != facts.ConfidenceProven && locks(doc, c) {
		f.Unknowns = []facts.Unknown{{What: "who holds the locks for certain: a Go lock has no owner, so holders are inferred from frames and deferred calls",
			WouldTell: "the code at the places above, or a build with -race and the same load"}}
	}
	return f
}

// sentence makes words the start of one.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// severity: a cycle that others wait behind, or that the process was ended for, is
// what took the service down; two goroutines alone are lost, and the rest goes on.
func severity(doc *facts.Document, c *facts.WaitCycle) facts.Severity {
	ended := doc.Crash != nil && (doc.Crash.Kind == facts.CrashDeadlock || doc.Crash.Kind == facts.CrashAbortRequest)
	switch {
	case c.Confidence == facts.ConfidencePossible:
		return facts.SeverityWarning
	case c.Behind > 0 || ended:
		return facts.SeverityCritical
	}
	return facts.SeverityError
}

func title(doc *facts.Document, c *facts.WaitCycle) string {
	what := "wait"
	if locks(doc, c) {
		what = "lock"
	}
	s := fmt.Sprintf("%s cycle of %s", what, rule.Plural(len(c.Goroutines), "goroutine"))
	if len(c.Goroutines) == 1 {
		s = fmt.Sprintf("%s waits for what it holds itself", rule.Goid(c.Goroutines[0]))
	}
	if c.Behind > 0 {
		s += fmt.Sprintf(", %s more behind it", rule.Count(c.Behind))
	}
	return rule.Line(s, rule.TitleCap)
}

func locks(doc *facts.Document, c *facts.WaitCycle) bool {
	for _, id := range c.Resources {
		if r, _ := rule.Resource(doc, id); r == nil || !rule.IsLock(r) {
			return false
		}
	}
	return true
}

// circle is "g88 → g91 → g88".
func circle(c *facts.WaitCycle) string {
	var parts []string
	for _, g := range c.Goroutines[:min(10, len(c.Goroutines))] {
		parts = append(parts, rule.Goid(g))
	}
	if len(c.Goroutines) > 10 {
		parts = append(parts, "…")
	}
	return strings.Join(append(parts, rule.Goid(c.Goroutines[0])), " → ")
}

func holds(r *facts.Resource, h *facts.Holder, at int) facts.Evidence {
	text := fmt.Sprintf("%s holds %s (%s)", rule.Goid(h.Goroutine), rule.Called(r), h.Confidence)
	if h.TakenAt != nil {
		text += ", taken in " + rule.AtSite(h.TakenAt)
	}
	if len(h.Evidence) > 0 {
		text += ": " + h.Evidence[0]
	}
	if !rule.IsLock(r) {
		text = strings.Replace(text, " holds ", " is at the other end of ", 1)
		return facts.Evidence{Kind: "wait", Text: text, Ref: rule.ResourceRef(at)}
	}
	return facts.Evidence{Kind: "lock", Text: text, Ref: rule.ResourceRef(at)}
}

func advice(doc *facts.Document, c *facts.WaitCycle) string {
	if len(c.Goroutines) == 1 {
		return "a sync.Mutex cannot be locked twice by one goroutine: which of its callers holds it already? Split the function into a locking one and one that wants the lock held"
	}
	if locks(doc, c) {
		return "take the locks in one order everywhere, or let go of the first before calling into code that takes the other"
	}
	return "let one of them go on without the other: a buffered channel, a select with a way out, or no lock held across the wait"
}
