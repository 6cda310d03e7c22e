// Package lockheldacrossblockingcall is the rule lock-held-across-blocking-call: a
// goroutine waits for something outside while others wait for a lock that it holds.
package lockheldacrossblockingcall

import (
	_ "embed"
	"fmt"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

//go:embed README.md
var doc string

// Rule finds holders of locks that wait themselves.
var Rule = &rule.Rule{
	ID:       "lock-held-across-blocking-call",
	Title:    "A goroutine waits while others wait for a lock that it holds",
	Severity: facts.SeverityError,
	Needs:    []rule.Part{rule.Waits, rule.Goroutines},
	Doc:      doc,
	Check:    check,
}

// shortNS is how soon, in ns, a timer fires that is no reason to worry.
const shortNS = 1e9

// blocking are what a holder can wait for, as words; locks are the subject of
// deadlock-cycle.
var blocking = map[facts.Quadrant]string{
	facts.QuadrantNetpoll: "the network",
	facts.QuadrantSyscall: "a system call",
	facts.QuadrantChannel: "a channel",
	facts.QuadrantTimer:   "a timer",
}

func check(doc *facts.Document) []facts.Finding {
	var found []facts.Finding
	for i := range doc.Waits.Resources {
		r := &doc.Waits.Resources[i]
		h := rule.Kept(r)
		if !rule.IsLock(r) || r.WaiterCount == 0 || h == nil || h.Confidence == facts.ConfidencePossible || rule.InCycle(doc, r.ID) {
			continue
		}
		if g := rule.GroupOf(doc, h.Goroutine); g != nil && blocking[g.Quadrant] != "" {
			found = append(found, held(doc, r, i, h, g))
		}
	}
	return found
}

func held(doc *facts.Document, r *facts.Resource, i int, h *facts.Holder, g *facts.Group) facts.Finding {
	f := facts.Finding{Severity: facts.SeverityWarning, Confidence: h.Confidence, Goroutines: rule.One(h.Goroutine), Groups: []int{g.ID}}
	if r.WaiterCount >= rule.Pile {
		f.Severity = facts.SeverityError
	}
	leaked, timer := rule.Leaked(doc, h.Goroutine), rule.Timer(doc, h.Goroutine)
	soon := timer != nil && timer.FiresInNS.Known && timer.FiresInNS.V < shortNS
	if soon && r.WaiterCount < rule.Pile {
		f.Severity = facts.SeverityInfo
	}
	name, who := rule.Called(r), rule.Goid(h.Goroutine)
	f.Title = rule.Line(fmt.Sprintf("%s holds %s while it waits for %s, %s behind it", who, name, blocking[g.Quadrant], rule.Count(r.WaiterCount)), rule.TitleCap)
	f.Summary = fmt.Sprintf("%s holds %s and is in %s; %s cannot go on before that ends.", who, name, rule.Stands(doc, h.Goroutine), rule.Plural(r.WaiterCount, "goroutine"))
	if r.Address.Known {
		f.Addresses = []facts.Word{r.Address.V}
	}
	f.Evidence = []facts.Evidence{
		{Kind: "stack", Text: who + ": " + rule.Stands(doc, h.Goroutine), Ref: rule.GroupRef(g)},
		{Kind: "wait", Text: rule.Plural(r.WaiterCount, "goroutine") + " in the lock's queue", Ref: rule.ResourceRef(i) + "/waiter_count"},
	}
	if len(h.Evidence) > 0 {
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "lock", Text: who + ": " + h.Evidence[0], Ref: rule.ResourceRef(i) + "/holders"})
	}
	onCall := "look at what it waits for: when that answers again, the queue drains by itself"
	switch {
	case leaked:
		f.DependsOn = []string{"goroutine-leak"}
		f.Summary = fmt.Sprintf("%s holds %s and is in %s, which never ends; nor can %s behind it go on.", who, name, rule.Stands(doc, h.Goroutine), rule.Plural(r.WaiterCount, "goroutine"))
		onCall = "only a restart frees the lock: nothing will wake who holds it"
	case timer != nil && timer.FiresInNS.Known:
		onCall = "the queue drains by itself once the timer has fired, in " + rule.Duration(max(timer.FiresInNS.V, 0))
	}
	f.NextSteps = []facts.NextStep{
		rule.OnCall(onCall),
		rule.Developer("copy what is needed and unlock before waiting, or give the wait a deadline"),
	}
	return f
}
