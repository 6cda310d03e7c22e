// Package paniccause is the rule panic-cause: a panic that nothing recovered ended
// the process. Nil pointers have a rule of their own.
package paniccause

import (
	_ "embed"
	"fmt"
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

//go:embed README.md
var doc string

// Rule finds panics.
var Rule = &rule.Rule{
	ID:       "panic-cause",
	Title:    "A panic that nothing recovered ended the process",
	Severity: facts.SeverityCritical,
	Needs:    []rule.Part{rule.Crash},
	Doc:      doc,
	Check:    check,
}

func check(doc *facts.Document) []facts.Finding {
	c := doc.Crash
	if c.Kind != facts.CrashPanic || rule.NilPointer(c) {
		return nil
	}
	f := rule.Death(doc, rule.PanicBrief(c))
	f.Summary = summary(c)
	f.Evidence = append(f.Evidence, chain(c)...)
	f.NextSteps = []facts.NextStep{rule.OnCall(rule.Rollback(doc) + "; a restart fails again if the same input returns")}
	f.NextSteps = append(f.NextSteps, rule.Developer(question(c)))
	if g := rule.GroupOf(doc, c.Goroutine.V); g != nil && g.CreatedBy != nil && c.Goroutine.V != 1 {
		f.NextSteps = append(f.NextSteps, rule.Developer("if one failure must not end the process, recover in the goroutine that "+rule.AtSite(g.CreatedBy)+" starts"))
	}
	if !c.Message.Known && len(c.Panics) == 0 {
		f.Unknowns = append(f.Unknowns, facts.Unknown{What: "what the panic said: it is not in the core, or redacted", WouldTell: "the process's own output"})
	}
	f.Unknowns = append(f.Unknowns, facts.Unknown{What: "which input led there", WouldTell: "the values of the stack's variables (--show-values) and the goroutine's labels"})
	return []facts.Finding{f}
}

func summary(c *facts.Crash) string {
	s := rule.Subject(c) + " panicked"
	if at := rule.Stood(c); at != "" {
		s += " in " + at
	}
	s += " and nothing recovered it, so the runtime ended the process."
	if n := len(c.Panics); n > 1 {
		s += fmt.Sprintf(" It is the last of a chain of %d panics", n)
		if i := rule.FirstPanicked(c); i >= 0 {
			s += ", which began in " + rule.At(c.Frames[i])
		}
		s += "."
	}
	return s
}

// chain is the first panic of a chain, which is what went wrong first.
func chain(c *facts.Crash) []facts.Evidence {
	if len(c.Panics) < 2 {
		return nil
	}
	var out []facts.Evidence
	if first := c.Panics[0].Message; first.Known {
		out = append(out, facts.Evidence{Kind: "crash", Text: "the first panic of the chain: " + rule.Line(first.V, 200), Ref: "/crash/panics/0"})
	}
	if i := rule.FirstPanicked(c); i >= 0 {
		out = append(out, facts.Evidence{Kind: "stack", Text: "the chain began in " + rule.At(c.Frames[i]), Ref: fmt.Sprintf("/crash/frames/%d", i)})
	}
	return out
}

// questions are what to ask of the source, by what the panic says.
var questions = []struct{ has, ask string }{
	{"index out of range", "where does the index come from, and who checks it against the length?"},
	{"slice bounds out of range", "where do the bounds come from, and who checks them against the length?"},
	{"assignment to entry in nil map", "who should have made the map?"},
	{"close of closed channel", "who else closes the channel? One owner should."},
	{"send on closed channel", "who closes the channel while others may still send?"},
	{"close of nil channel", "who should have made the channel?"},
	{"interface conversion", "which value has that type, and does the assertion have a two-result form?"},
	{"integer divide by zero", "where does the divisor come from?"},
	{"negative WaitGroup counter", "which Done has no Add?"},
	{"makeslice: len out of range", "where does the length come from? A length out of outside data needs a bound."},
	{"comparing uncomparable type", "which value of an interface type is compared or used as a map's key?"},
	{"hash of unhashable type", "which value of an interface type is used as a map's key?"},
}

// question asks of the place where the first panic was raised.
func question(c *facts.Crash) string {
	message, at := c.Message.V, rule.Stood(c)
	if i := rule.FirstPanicked(c); i >= 0 {
		message, at = c.Panics[0].Message.V, rule.At(c.Frames[i])
	}
	ask := "what must hold there, and which caller broke it?"
	for _, q := range questions {
		if strings.Contains(message, q.has) {
			ask = q.ask
			break
		}
	}
	if at == "" {
		return ask
	}
	return "in " + at + ": " + ask
}
