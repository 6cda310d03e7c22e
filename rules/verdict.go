package rules

import (
	"fmt"
	"slices"
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/analyzer/signature"
	"postmortem/rules/rule"
)

// judge lets the verdict and the signature rest on a finding where that says more
// than the crash. A process that died of its own shows why on the stack of its death;
// one that a signal from outside hit, or that was alive, shows nothing there.
func judge(doc *facts.Document) {
	c := doc.Crash
	switch {
	case c != nil && c.Kind == facts.CrashDeadlock:
		if i := slices.IndexFunc(doc.Findings, namesDeadlock); i >= 0 {
			adopt(doc, i)
			return
		}
		explain(doc)
		if doc.Signature == nil && len(doc.Findings) > 0 {
			sign(doc, &doc.Findings[0])
		}
	case c != nil && !byChance(c):
		explain(doc)
	default:
		doc.Signature, doc.Verdict.Signature = nil, facts.Maybe[string]{}
		if len(doc.Findings) > 0 && tells(&doc.Findings[0]) {
			adopt(doc, 0)
		}
	}
}

// byChance reports whether the stack of the crash is that of whatever happened to run.
func byChance(c *facts.Crash) bool {
	switch c.Kind {
	case facts.CrashAbortRequest, facts.CrashSnapshot, facts.CrashUnknown:
		return true
	}
	return rule.HitByChance(c.Signal)
}

// namesDeadlock reports whether a finding says who waits for whom.
func namesDeadlock(f facts.Finding) bool {
	return f.Severity == facts.SeverityCritical && slices.ContainsFunc(f.Evidence, func(e facts.Evidence) bool { return strings.HasPrefix(e.Ref, "/waits/cycles/") })
}

// tells reports whether a finding is grave and certain enough to be a ticket's title.
func tells(f *facts.Finding) bool {
	return severities[f.Severity] >= severities[facts.SeverityError] ||
		f.Severity == facts.SeverityWarning && confidences[f.Confidence] >= confidences[facts.ConfidenceLikely]
}

// explain names the finding that is about the crash, whose title stays.
func explain(doc *facts.Document) {
	i := slices.IndexFunc(doc.Findings, func(f facts.Finding) bool { return f.Title == doc.Verdict.Title })
	if i < 0 {
		i = slices.IndexFunc(doc.Findings, func(f facts.Finding) bool { return explains(doc, &f) })
	}
	if i >= 0 {
		doc.Verdict.Finding = facts.Some(i)
	}
}

// explains reports whether a finding is about how the process died of its own.
func explains(doc *facts.Document, f *facts.Finding) bool {
	return doc.Crash != nil && !byChance(doc.Crash) && f.Severity == doc.Verdict.Severity &&
		slices.ContainsFunc(f.Evidence, func(e facts.Evidence) bool { return strings.HasPrefix(e.Ref, "/crash/") })
}

// adopt has the verdict and the signature come from a finding. What ended the process
// stays as grave as it was.
func adopt(doc *facts.Document, i int) {
	f, v := &doc.Findings[i], &doc.Verdict
	v.Title = rule.Line(title(doc, f), rule.TitleCap)
	v.Confidence, v.Finding = f.Confidence, facts.Some(i)
	if severities[f.Severity] > severities[v.Severity] {
		v.Severity = f.Severity
	}
	sign(doc, f)
}

// sign has the signature come from a finding; there is none when no stack of it has
// functions of the program's own.
func sign(doc *facts.Document, f *facts.Finding) {
	v := &doc.Verdict
	doc.Signature, v.Signature = nil, facts.Maybe[string]{}
	if g := lead(doc, f); g != nil {
		doc.Signature = signature.Of(f.Rule, "", g.Frames, g.Cycle)
		v.Signature = facts.Some(doc.Signature.Scheme + ":" + doc.Signature.Fine)
	}
}

// title puts before a finding's title what happened to the process, unless the
// finding names it already.
func title(doc *facts.Document, f *facts.Finding) string {
	name := rule.Program(doc)
	if rest, ok := strings.CutPrefix(f.Title, name); ok && strings.HasPrefix(strings.TrimPrefix(rest, ":"), " ") {
		return f.Title
	}
	c := doc.Crash
	switch {
	case c == nil:
	case c.Kind == facts.CrashDeadlock:
		return fmt.Sprintf("%s died: all goroutines are asleep: %s", name, f.Title)
	case c.Kind == facts.CrashAbortRequest && f.Severity == facts.SeverityCritical:
		return fmt.Sprintf("%s hung: %s", name, f.Title)
	case c.Kind == facts.CrashAbortRequest:
		return fmt.Sprintf("%s, ended by %s: %s", name, rule.SignalName(c.Signal), f.Title)
	case c.Kind == facts.CrashSnapshot:
		return fmt.Sprintf("%s was alive: %s", name, f.Title)
	case c.Kind != facts.CrashUnknown:
		return fmt.Sprintf("%s, killed by %s: %s", name, rule.SignalName(c.Signal), f.Title)
	}
	return name + ": " + f.Title
}
