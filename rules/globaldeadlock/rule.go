// Package globaldeadlock is the rule global-deadlock: the runtime found that nothing
// was left that could wake a goroutine, and ended the process.
package globaldeadlock

import (
	_ "embed"
	"fmt"
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

//go:embed README.md
var doc string

// Rule finds deadlocks of the whole process.
var Rule = &rule.Rule{
	ID:       "global-deadlock",
	Title:    "All goroutines were asleep and nothing was left that could wake one",
	Severity: facts.SeverityCritical,
	Needs:    []rule.Part{rule.Crash},
	Doc:      doc,
	Check:    check,
}

func check(doc *facts.Document) []facts.Finding {
	c := doc.Crash
	if c.Kind != facts.CrashDeadlock {
		return nil
	}
	if strings.HasPrefix(rule.Message(c), "no goroutines") {
		return []facts.Finding{nobodyLeft(doc)}
	}
	f := rule.Death(doc, "")
	f.Title = rule.Line(rule.Program(doc)+" died: all goroutines are asleep (deadlock)", rule.TitleCap)
	f.Summary = "Every goroutine waited and nothing was left that could wake one: no timer, no network, no signal. The runtime noticed and ended the process."
	f.DependsOn = []string{"channel-deadlock", "deadlock-cycle", "nil-channel"}
	groups := asleep(doc)
	f.Goroutines, f.Groups = rule.All(groups...), rule.IDs(groups...)
	for _, g := range groups[:min(len(groups), 5)] {
		text := fmt.Sprintf("%s: %s", rule.Plural(g.Count, "goroutine"), rule.State(g))
		if at := rule.Where(g); at != "" {
			text += " in " + at
		}
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "wait", Text: text, Ref: rule.GroupRef(g)})
	}
	if len(f.Evidence) == 0 {
		f.Evidence = []facts.Evidence{{Kind: "crash", Text: "the runtime ended the process for want of anything to run", Ref: "/crash/kind"}}
	}
	f.NextSteps = []facts.NextStep{
		rule.OnCall("a restart clears it until the same happens again; " + rule.Rollback(doc)),
		rule.Developer(whoWakes(groups)),
	}
	if doc.Waits == nil {
		f.Unknowns = []facts.Unknown{{What: "who waits for whom: the report has no wait-for graph", WouldTell: "the whole core and its binary, analysed without --no-heap"}}
	}
	return []facts.Finding{f}
}

// nobodyLeft is the other deadlock that the runtime knows: main ended itself with
// runtime.Goexit, and all others are done.
func nobodyLeft(doc *facts.Document) facts.Finding {
	f := rule.Death(doc, "")
	f.Title = rule.Line(rule.Program(doc)+" died: no goroutines are left, main has called runtime.Goexit", rule.TitleCap)
	f.Summary = "No goroutine of the program was left: main had called runtime.Goexit and all others had ended."
	f.NextSteps = []facts.NextStep{
		rule.OnCall("a restart ends likewise, whenever all goroutines are done; " + rule.Rollback(doc)),
		rule.Developer("main calls runtime.Goexit; it should wait for its goroutines and return instead"),
	}
	return f
}

// asleep are the program's groups that wait, largest first.
func asleep(doc *facts.Document) []*facts.Group {
	if doc.Goroutines == nil {
		return nil
	}
	var out []*facts.Group
	for i := range doc.Goroutines.Groups {
		if g := &doc.Goroutines.Groups[i]; !g.System && (g.Status == facts.StatusWaiting || g.Status == facts.StatusLeaked) {
			out = append(out, g)
		}
	}
	return out
}

// whoWakes asks for the other side of what the largest group waits for.
func whoWakes(groups []*facts.Group) string {
	for _, g := range groups {
		at := rule.Where(g)
		if at == "" {
			continue
		}
		ask := "what should have ended this wait?"
		switch g.Quadrant {
		case facts.QuadrantChannel:
			ask = "who should be at the other end of the channel, and where is it now?"
		case facts.QuadrantLock:
			ask = "who holds it, and what does the holder wait for?"
		}
		verb := "wait"
		if g.Count == 1 {
			verb = "waits"
		}
		return fmt.Sprintf("%s %s (%s) in %s: %s", rule.Plural(g.Count, "goroutine"), verb, rule.State(g), at, ask)
	}
	return "for each goroutine: who should have ended its wait?"
}
