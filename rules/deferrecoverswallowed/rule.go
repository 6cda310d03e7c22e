// Package deferrecoverswallowed is the rule defer-recover-swallowed: a panic that
// nobody hears of, since a deferred call that it runs does not come to its end, or
// one that died under another name, since a deferred call recovered it and panicked
// anew.
package deferrecoverswallowed

import (
	_ "embed"
	"fmt"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

//go:embed README.md
var doc string

// Rule finds panics that are hidden.
var Rule = &rule.Rule{
	ID:       "defer-recover-swallowed",
	Title:    "A deferred call hides a panic: it waits, or it recovered and panicked anew",
	Severity: facts.SeverityError,
	Needs:    []rule.Part{rule.Goroutines},
	Doc:      doc,
	Check:    check,
}

func check(doc *facts.Document) []facts.Finding {
	var found []facts.Finding
	for i := range doc.Goroutines.Groups {
		g := &doc.Goroutines.Groups[i]
		if g.Status != facts.StatusWaiting && g.Status != facts.StatusLeaked && g.Status != facts.StatusSyscall {
			continue
		}
		at, ok := rule.Has(g.Frames, "panic", "runtime.gopanic")
		if !ok {
			continue
		}
		if deferred, _ := rule.Blame(g.Frames[:at]); deferred != nil {
			found = append(found, held(doc, g, at))
		}
	}
	if f := renamed(doc); f != nil {
		found = append(found, *f)
	}
	return found
}

// held is a group that stands in a deferred call which the panic in frame at runs.
func held(doc *facts.Document, g *facts.Group, at int) facts.Finding {
	deferred, in := rule.Blame(g.Frames[:at])
	f := facts.Finding{
		Severity: facts.SeverityWarning, Confidence: facts.ConfidenceLikely,
		Goroutines: rule.All(g), Groups: rule.IDs(g),
		Evidence: []facts.Evidence{
			{Kind: "stack", Text: "a panic runs its deferred calls", Ref: fmt.Sprintf("%s/frames/%d", rule.GroupRef(g), at)},
			{Kind: "wait", Text: fmt.Sprintf("the deferred call waits (%s) in %s", rule.State(g), rule.At(deferred)), Ref: fmt.Sprintf("%s/frames/%d", rule.GroupRef(g), in)},
		},
		Unknowns: []facts.Unknown{
			{What: "what the panic says: the runtime had printed nothing yet", WouldTell: "the values of the stack's variables (--show-values), or the program's log if the deferred call writes one"},
			{What: "whether the deferred call had called recover", WouldTell: "its source"},
		},
	}
	raised := "a function"
	if from, i := rule.Blame(g.Frames[at+1:]); from != nil {
		raised = rule.At(from)
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "stack", Text: "the panic was raised in " + raised, Ref: fmt.Sprintf("%s/frames/%d", rule.GroupRef(g), at+1+i)})
	}
	who, verb := rule.Plural(g.Count, "goroutine"), "waits"
	if g.Count > 1 {
		verb = "wait"
	} else if len(g.GoidRanges) == 1 {
		who = rule.Goid(g.GoidRanges[0][0])
	}
	f.Title = rule.Line(fmt.Sprintf("a panic of %s is not heard of, its deferred call waits in %s", who, rule.FuncName(deferred.Func)), rule.TitleCap)
	f.Summary = fmt.Sprintf("%s panicked in %s, and %s (%s) in a deferred call in %s: as long as it does, nothing is printed and what the goroutine holds stays held.",
		who, raised, verb, rule.State(g), rule.At(deferred))
	if g.WaitedAtLeastNS.Min.Known {
		f.Summary += " It has waited for at least " + rule.Duration(g.WaitedAtLeastNS.Min.V) + "."
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "time", Text: "it has waited for at least " + rule.Duration(g.WaitedAtLeastNS.Min.V), Ref: rule.GroupRef(g) + "/waited_at_least_ns/min"})
	}
	f.NextSteps = []facts.NextStep{
		rule.OnCall("a request or job of this goroutine never ended: a restart clears it; " + rule.Rollback(doc)),
		rule.Developer("what was raised in " + raised + "? And in " + rule.At(deferred) + ": a deferred call must not wait without a bound"),
	}
	return f
}

// renamed is a death whose first panic was recovered by a deferred call that then
// panicked with something else; nil when there is none. A call that panics again with
// the same value hides nothing but the place.
func renamed(doc *facts.Document) *facts.Finding {
	c := doc.Crash
	if c == nil || c.Kind != facts.CrashPanic || len(c.Panics) < 2 {
		return nil
	}
	first, last := &c.Panics[0], &c.Panics[len(c.Panics)-1]
	if !first.Recovered || !first.Message.Known || !last.Message.Known || first.Message.V == last.Message.V {
		return nil
	}
	f := &facts.Finding{
		Severity: facts.SeverityInfo, Confidence: facts.ConfidenceProven,
		Title:   rule.Line(fmt.Sprintf("a deferred call recovered the first panic (%s) and another followed", rule.Line(first.Message.V, 40)), rule.TitleCap),
		Summary: fmt.Sprintf("The panic that ended the process is not the first: a deferred call recovered %q, and the goroutine panicked anew with %q.", rule.Line(first.Message.V, 120), rule.Line(last.Message.V, 120)),
		Evidence: []facts.Evidence{
			{Kind: "crash", Text: "the first panic, recovered: " + rule.Line(first.Message.V, 200), Ref: "/crash/panics/0"},
			{Kind: "crash", Text: "the last one: " + rule.Line(last.Message.V, 200), Ref: fmt.Sprintf("/crash/panics/%d", len(c.Panics)-1)},
		},
		DependsOn: []string{"nil-dereference", "panic-cause"},
		NextSteps: []facts.NextStep{
			rule.OnCall("search the logs for the first panic's text, too: the process may have survived it elsewhere"),
			rule.Developer("look for the first panic's cause; a deferred call that panics anew should wrap what it recovered"),
		},
	}
	if i := rule.FirstPanicked(c); i >= 0 {
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "stack", Text: "it was raised in " + rule.At(c.Frames[i]), Ref: fmt.Sprintf("/crash/frames/%d", i)})
	}
	if c.Goroutine.Known {
		f.Goroutines = rule.One(c.Goroutine.V)
		if g := rule.GroupOf(doc, c.Goroutine.V); g != nil {
			f.Groups = []int{g.ID}
		}
	}
	return f
}
