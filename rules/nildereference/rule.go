// Package nildereference is the rule nil-dereference: a nil pointer was used and
// nothing recovered the panic.
package nildereference

import (
	_ "embed"
	"fmt"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

//go:embed README.md
var doc string

// Rule finds nil pointers that were followed.
var Rule = &rule.Rule{
	ID:       "nil-dereference",
	Title:    "A nil pointer was used, and nothing recovered the panic",
	Severity: facts.SeverityCritical,
	Needs:    []rule.Part{rule.Crash},
	Doc:      doc,
	Check:    check,
}

func check(doc *facts.Document) []facts.Finding {
	c := doc.Crash
	if c.Kind != facts.CrashPanic || !rule.NilPointer(c) {
		return nil
	}
	f := rule.Death(doc, rule.PanicBrief(c))
	f.Summary = rule.Subject(c) + " followed a nil pointer"
	at, i := used(c)
	if at != nil {
		f.Summary += " in " + rule.At(at)
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "stack", Text: "the pointer was used in " + rule.At(at), Ref: fmt.Sprintf("/crash/frames/%d", i)})
	}
	f.Summary += " and nothing recovered the panic, so the runtime ended the process."
	if s := c.Signal; s != nil && s.FaultAddress.Known {
		text := fmt.Sprintf("the address %#x was accessed", uint64(s.FaultAddress.V))
		if s.FaultAddress.V != 0 {
			text += fmt.Sprintf(": what was to be read or written lies %d bytes behind the start of what the nil pointer should point to", uint64(s.FaultAddress.V))
		}
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "crash", Text: text, Ref: "/crash/signal/fault_address"})
	}
	ask := "which pointer is nil there, and who returned or stored it?"
	if at != nil {
		ask = "in " + rule.At(at) + ": " + ask
	}
	f.NextSteps = []facts.NextStep{
		rule.OnCall(rule.Rollback(doc) + "; a restart fails again if the same input returns"),
		rule.Developer(ask),
	}
	if g := rule.GroupOf(doc, c.Goroutine.V); g != nil && g.CreatedBy != nil && c.Goroutine.V != 1 {
		f.NextSteps = append(f.NextSteps, rule.Developer("if one failure must not end the process, recover in the goroutine that "+rule.AtSite(g.CreatedBy)+" starts"))
	}
	f.Unknowns = []facts.Unknown{{What: "why the pointer is nil: who made it may have returned", WouldTell: "the values of the stack's variables (--show-values)"}}
	return []facts.Finding{f}
}

// used is the frame that used the pointer. When a deferred call recovered and
// panicked again, that is not the innermost one.
func used(c *facts.Crash) (*facts.Frame, int) {
	if i := rule.FirstPanicked(c); i >= 0 {
		return c.Frames[i], i
	}
	return rule.Blame(c.Frames)
}
