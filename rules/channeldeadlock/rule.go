// Package channeldeadlock is the rule channel-deadlock: goroutines wait at a channel
// whose other end nobody has.
package channeldeadlock

import (
	_ "embed"
	"fmt"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

//go:embed README.md
var doc string

// Rule finds channels whose other end is gone.
var Rule = &rule.Rule{
	ID:       "channel-deadlock",
	Title:    "Goroutines wait at a channel that nobody else uses",
	Severity: facts.SeverityCritical,
	Needs:    []rule.Part{rule.Waits},
	Doc:      doc,
	Check:    check,
}

func check(doc *facts.Document) []facts.Finding {
	dead := doc.Crash != nil && doc.Crash.Kind == facts.CrashDeadlock
	var found []facts.Finding
	for i := range doc.Waits.Resources {
		r := &doc.Waits.Resources[i]
		if r.Kind != facts.ResourceChannel || r.WaiterCount == 0 || r.Channel == nil || rule.InCycle(doc, r.ID) {
			continue
		}
		if dead || abandoned(doc, r) && r.WaiterCount >= rule.Pile {
			found = append(found, channel(doc, r, i, dead))
		}
	}
	return found
}

// abandoned reports whether nothing but its own waiters leads to the channel.
func abandoned(doc *facts.Document, r *facts.Resource) bool {
	c := r.Channel
	if c.ReferencedBy == nil || c.Timer != nil && !c.Timer.Stopped || r.Context != nil {
		return false
	}
	waits := make(map[int64]bool)
	for _, e := range doc.Waits.Edges {
		if e.Resource == r.ID {
			waits[e.Goroutine] = true
		}
	}
	if len(waits) < r.WaiterCount || c.ReferencedByTotal > len(c.ReferencedBy) {
		return false // not all of them are listed
	}
	for _, by := range c.ReferencedBy {
		if !by.Goroutine.Known || !waits[by.Goroutine.V] {
			return false
		}
	}
	return true
}

func channel(doc *facts.Document, r *facts.Resource, i int, dead bool) facts.Finding {
	f := facts.Finding{Severity: facts.SeverityError, Confidence: facts.ConfidenceLikely, Goroutines: rule.Waiters(doc, r.ID)}
	f.Groups = rule.GroupsOf(doc, f.Goroutines)
	doing, missing := "wait", "uses it"
	switch {
	case r.Channel.Senders > 0 && r.Channel.Receivers == 0:
		doing, missing = "send", "receives"
	case r.Channel.Receivers > 0 && r.Channel.Senders == 0:
		doing, missing = "receive", "sends"
	}
	who := rule.Plural(r.WaiterCount, "goroutine")
	if r.WaiterCount == 1 {
		doing += "s"
	}
	f.Title = rule.Line(fmt.Sprintf("%s %s on %s, and nobody %s", who, doing, rule.Called(r), missing), rule.TitleCap)
	f.Evidence = []facts.Evidence{{Kind: "wait", Text: state(r), Ref: rule.ResourceRef(i) + "/channel"}}
	if dead {
		f.Severity, f.Confidence = facts.SeverityCritical, facts.ConfidenceProven
		f.Summary = fmt.Sprintf("%s %s on %s, and no goroutine was left that could have ended it: the runtime found all asleep.", who, doing, rule.Called(r))
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "crash", Text: "the runtime found that all goroutines were asleep", Ref: "/crash/kind"})
	} else {
		f.Summary = fmt.Sprintf("%s %s on %s. No variable and no other goroutine's stack refers to it, so nobody is at its other end.", who, doing, rule.Called(r))
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "wait", Text: "only its waiters refer to it", Ref: rule.ResourceRef(i) + "/channel/referenced_by"})
		f.Unknowns = []facts.Unknown{{What: "whether an object on the heap that is in use leads to it", WouldTell: "goroutine-leak, which searches the whole heap"}}
	}
	if len(f.Groups) > 0 {
		if g := rule.Group(doc, f.Groups[0]); g != nil {
			f.Evidence = append(f.Evidence, facts.Evidence{Kind: "stack", Text: rule.State(g) + " in " + rule.Where(g), Ref: rule.GroupRef(g)})
		}
	}
	if r.Address.Known {
		f.Addresses = []facts.Word{r.Address.V}
	}
	f.NextSteps = []facts.NextStep{
		rule.OnCall("a restart clears it until the same happens again; " + rule.Rollback(doc)),
		rule.Developer(advice(r)),
	}
	return f
}

func state(r *facts.Resource) string {
	c := r.Channel
	s := "unbuffered"
	if c.Capacity > 0 {
		s = fmt.Sprintf("%s of %s buffered", rule.Count(c.Length), rule.Count(c.Capacity))
	}
	return fmt.Sprintf("%s: %s, %s sending, %s receiving", rule.Called(r), s, rule.Count(c.Senders), rule.Count(c.Receivers))
}

func advice(r *facts.Resource) string {
	if r.Channel.Receivers > 0 {
		return "who should have sent or closed the channel, and on which path did it return without? Close it with defer where it is made"
	}
	return "who should have received, and on which path did it return without? Room for one value, or a select with a way out, lets the sender go"
}
