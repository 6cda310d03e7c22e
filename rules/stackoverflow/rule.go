// Package stackoverflow is the rule stack-overflow: a goroutine's stack outgrew the
// runtime's limit.
package stackoverflow

import (
	_ "embed"
	"fmt"
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

//go:embed README.md
var doc string

// Rule finds stacks that outgrew their limit.
var Rule = &rule.Rule{
	ID:       "stack-overflow",
	Title:    "A goroutine's stack outgrew its limit, mostly by recursion without an end",
	Severity: facts.SeverityCritical,
	Needs:    []rule.Part{rule.Crash},
	Doc:      doc,
	Check:    check,
}

func check(doc *facts.Document) []facts.Finding {
	c := doc.Crash
	if c.Kind != facts.CrashFatal || !rule.MessageHas(c, "stack overflow", "stack exceeds") {
		return nil
	}
	f := rule.Death(doc, rule.FatalBrief(c))
	ask := "what should have ended the recursion?"
	if at := rule.Stood(c); at != "" {
		ask = "what should have ended the recursion in " + at + "?"
	}
	switch round := c.Cycle; {
	case round != nil && len(round.Funcs) > 0:
		f.Summary = fmt.Sprintf("%s recursed until its stack outgrew the runtime's limit: %s, %s on the stack.",
			rule.Subject(c), names(round.Funcs), rule.Plural(round.Repeats, "round"))
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "stack", Text: "the part of the stack that repeats, innermost function first: " + names(round.Funcs), Ref: "/crash/cycle"})
		ask = "what should have ended the recursion " + names(round.Funcs) + "?"
	default:
		f.Summary = rule.Subject(c) + "'s stack outgrew the runtime's limit, which no recover can catch; recursion without an end is the usual cause, and here no part of the stack repeats."
		f.Unknowns = append(f.Unknowns, facts.Unknown{What: "what made the stack grow", WouldTell: "the frames of the stack; large arrays as local variables take part"})
	}
	if i := strings.Index(c.RuntimePrintTail.V, "goroutine stack exceeds "); c.RuntimePrintTail.Known && i >= 0 {
		line, _, _ := strings.Cut(c.RuntimePrintTail.V[i:], "\n")
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "crash", Text: "the runtime printed: " + rule.Line(line, 120), Ref: "/crash/runtime_print_tail"})
	}
	f.NextSteps = []facts.NextStep{
		rule.OnCall(rule.Rollback(doc) + "; a restart fails again if the same input returns"),
		rule.Developer(ask),
	}
	f.Unknowns = append(f.Unknowns, facts.Unknown{What: "which input led there", WouldTell: "the values of the stack's variables (--show-values)"})
	return []facts.Finding{f}
}

// names lists the functions of a round, of a long one the first.
func names(functions []string) string {
	const most = 6
	var out []string
	for i, fn := range functions {
		if i == most {
			out = append(out, fmt.Sprintf("… %d more", len(functions)-most))
			break
		}
		out = append(out, rule.FuncName(fn))
	}
	return strings.Join(out, " ← ")
}
