// Package lockcontentionpileup is the rule lock-contention-pileup: many goroutines
// wait for one lock.
package lockcontentionpileup

import (
	_ "embed"
	"fmt"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

//go:embed README.md
var doc string

// Rule finds locks with a long queue.
var Rule = &rule.Rule{
	ID:       "lock-contention-pileup",
	Title:    "Many goroutines wait for one lock",
	Severity: facts.SeverityError,
	Needs:    []rule.Part{rule.Waits},
	Doc:      doc,
	Check:    check,
}

// stuckPile is from how many waiters on a lock is an error by itself: no lock that is
// let go of in time has as many, as each of them is a request that waits.
const stuckPile = 10 * rule.Pile

func check(doc *facts.Document) []facts.Finding {
	var found []facts.Finding
	for i := range doc.Waits.Resources {
		if r := &doc.Waits.Resources[i]; rule.IsLock(r) && r.WaiterCount >= rule.Pile {
			found = append(found, pile(doc, r, i))
		}
	}
	return found
}

func pile(doc *facts.Document, r *facts.Resource, i int) facts.Finding {
	f := facts.Finding{Severity: facts.SeverityWarning, Confidence: facts.ConfidenceProven}
	if r.WaiterCount >= stuckPile {
		f.Severity = facts.SeverityError
	}
	name := rule.Called(r)
	title := fmt.Sprintf("%s wait for %s", rule.Plural(r.WaiterCount, "goroutine"), name)
	f.Summary = fmt.Sprintf("%s wait for the lock %s.", rule.Plural(r.WaiterCount, "goroutine"), name)
	f.Evidence = []facts.Evidence{{Kind: "wait", Text: fmt.Sprintf("%s in its queue", rule.Plural(r.WaiterCount, "goroutine")), Ref: rule.ResourceRef(i) + "/waiter_count"}}
	ask := "who holds it? Every path that locks it must unlock it, also when it returns early or panics"
	if h := rule.Kept(r); h != nil {
		who := fmt.Sprintf("%s (%s)", rule.Goid(h.Goroutine), h.Confidence)
		title += ", held by " + who
		f.Summary += " It is held by " + who
		if at := rule.Stands(doc, h.Goroutine); at != "" {
			f.Summary += ", which is in " + at
		}
		f.Summary += "."
		if len(h.Evidence) > 0 {
			f.Evidence = append(f.Evidence, facts.Evidence{Kind: "lock", Text: rule.Goid(h.Goroutine) + ": " + h.Evidence[0], Ref: rule.ResourceRef(i) + "/holders"})
		}
		ask = fmt.Sprintf("what does %s do while it holds the lock? Hold it for less, or split what it guards", rule.Goid(h.Goroutine))
	} else {
		f.Unknowns = []facts.Unknown{{What: "who holds it: nothing on any stack says so", WouldTell: "a mutex profile (runtime.SetMutexProfileFraction) of a replica, or the code that locks it and returns"}}
	}
	f.Title = rule.Line(title, rule.TitleCap)
	if rule.InCycle(doc, r.ID) {
		f.DependsOn = []string{"deadlock-cycle"}
	}
	if r.Address.Known {
		f.Addresses = []facts.Word{r.Address.V}
	}
	f.Goroutines = rule.Waiters(doc, r.ID)
	f.Groups = rule.GroupsOf(doc, f.Goroutines)
	f.NextSteps = []facts.NextStep{
		rule.OnCall("compare with the goroutine profile of another replica: the same pile there means load, here alone a stuck holder, which a restart clears"),
		rule.Developer(ask),
	}
	return f
}
