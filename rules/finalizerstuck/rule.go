// Package finalizerstuck is the rule finalizer-stuck: a finalizer or cleanup does
// not come to its end, and those behind it never run.
package finalizerstuck

import (
	_ "embed"
	"fmt"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

//go:embed README.md
var doc string

// Rule finds finalizers and cleanups that block.
var Rule = &rule.Rule{
	ID:       "finalizer-stuck",
	Title:    "A finalizer or cleanup blocks, and those behind it never run",
	Severity: facts.SeverityWarning,
	Needs:    []rule.Part{rule.Goroutines},
	Doc:      doc,
	Check:    check,
}

// runners are the functions in which the runtime runs finalizers and cleanups
// (mfinal.go; runfinq until 1.24, then runFinalizers; mcleanup.go, since 1.25).
var runners = []string{"runtime.runfinq", "runtime.runFinalizers", "runtime.runCleanups"}

func check(doc *facts.Document) []facts.Finding {
	var found []facts.Finding
	for i := range doc.Goroutines.Groups {
		g := &doc.Goroutines.Groups[i]
		if g.Status != facts.StatusWaiting && g.Status != facts.StatusLeaked && g.Status != facts.StatusSyscall {
			continue
		}
		at, ok := rule.Has(g.Frames, runners...)
		if !ok {
			continue
		}
		f, in := rule.Blame(g.Frames[:at])
		if f == nil || rule.IsRuntime(f.Func) {
			continue // it waits for work
		}
		found = append(found, finding(doc, g, at, in))
	}
	return found
}

// finding is about a group whose frame at runs the finalizer or cleanup, which
// stands in the frame in.
func finding(doc *facts.Document, g *facts.Group, at, in int) facts.Finding {
	where := rule.At(g.Frames[in])
	f := facts.Finding{
		Severity: facts.SeverityWarning, Confidence: facts.ConfidencePossible,
		Title:      rule.Line(fmt.Sprintf("a finalizer waits in %s (%s)", rule.FuncName(g.Frames[in].Func), rule.State(g)), rule.TitleCap),
		Summary:    fmt.Sprintf("The goroutine that runs finalizers waits (%s) in %s. Finalizers run one after the other: until this one returns, none behind it does, and what they should free stays.", rule.State(g), where),
		Goroutines: rule.All(g), Groups: rule.IDs(g),
		Evidence: []facts.Evidence{
			{Kind: "stack", Text: "it runs below " + rule.FuncName(g.Frames[at].Func), Ref: fmt.Sprintf("%s/frames/%d", rule.GroupRef(g), at)},
			{Kind: "wait", Text: "it waits (" + rule.State(g) + ") in " + where, Ref: fmt.Sprintf("%s/frames/%d", rule.GroupRef(g), in)},
		},
		NextSteps: []facts.NextStep{
			rule.OnCall("watch memory and open file descriptors: both grow when finalizers do not run; a restart frees them"),
			rule.Developer("in " + where + ": a finalizer must not block. Let it hand its work to a goroutine of its own"),
		},
		Unknowns: []facts.Unknown{{What: "whether it was about to go on: a short wait in a finalizer looks the same", WouldTell: "a second core, or the goroutine's stack in a live replica"}},
	}
	if long := g.WaitedAtLeastNS.Min; long.Known {
		f.Confidence = facts.ConfidenceLikely // a collection has found it waiting
		f.Summary += " It has waited for at least " + rule.Duration(long.V) + "."
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "time", Text: "it has waited for at least " + rule.Duration(long.V), Ref: rule.GroupRef(g) + "/waited_at_least_ns/min"})
	}
	if h := doc.Heap; h != nil && h.Waste != nil && h.Waste.FinalizerOnly != nil && h.Waste.FinalizerOnly.Objects > 0 {
		w := h.Waste.FinalizerOnly
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "heap", Text: fmt.Sprintf("nothing but finalizers and cleanups keeps %s (%s)", rule.Plural(w.Objects, "object"), rule.Size(w.Bytes)), Ref: "/heap/waste/finalizer_only"})
	}
	return f
}
