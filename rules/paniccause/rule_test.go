package paniccause_test

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules/paniccause"
	"postmortem/rules/ruletest"
)

func died(message string) *facts.Document {
	return ruletest.Died(&facts.Crash{Kind: facts.CrashPanic, Message: facts.Some(message),
		Panics: []facts.Panic{{Message: facts.Some(message)}}}, "main.page", "main.report.func1")
}

func TestFires(t *testing.T) {
	f := ruletest.Fires(t, paniccause.Rule, died("runtime error: index out of range [18] with length 2"))
	ruletest.Is(t, f, facts.SeverityCritical, facts.ConfidenceProven)
	ruletest.Says(t, f, "orders died: index out of range [18] with length 2 in main.page", "g5000 panicked in main.page (orders/serve.go:10)",
		"where does the index come from", "roll back if 9f3c2ab is new", "recover in the goroutine that main.(*Server).Create")
}

// TestFiresOnChain: what is asked of the source is about the first panic.
func TestFiresOnChain(t *testing.T) {
	doc := ruletest.Died(&facts.Crash{Kind: facts.CrashPanic, Message: facts.Some("closing: broken"), Panics: []facts.Panic{
		{Message: facts.Some("send on closed channel")}, {Message: facts.Some("closing: broken")},
	}}, "main.closeAll", "panic", "main.send", "main.run")
	f := ruletest.Fires(t, paniccause.Rule, doc)
	ruletest.Says(t, f, "panic: closing: broken in main.closeAll", "the last of a chain of 2 panics, which began in main.send", "in main.send (orders/serve.go:30): who closes the channel")
}

func TestFiresWithoutMessage(t *testing.T) {
	f := ruletest.Fires(t, paniccause.Rule, ruletest.Died(&facts.Crash{Kind: facts.CrashPanic}, "main.page"))
	ruletest.Says(t, f, "orders died: panic in main.page", "it is not in the core, or redacted")
}

func TestFiresWithDoubt(t *testing.T) {
	doc := died("bad state")
	doc.Completeness.Gaps = []facts.Gap{{What: "panics of goroutine 5000", Effect: "the cause of death is less certain"}}
	ruletest.Is(t, ruletest.Fires(t, paniccause.Rule, doc), facts.SeverityCritical, facts.ConfidenceLikely)
}

func TestClear(t *testing.T) {
	ruletest.Clear(t, paniccause.Rule, ruletest.Healthy())
	ruletest.Clear(t, paniccause.Rule, died("runtime error: invalid memory address or nil pointer dereference"))
	ruletest.Clear(t, paniccause.Rule, ruletest.Died(&facts.Crash{Kind: facts.CrashFatal, Message: facts.Some("concurrent map writes")}, "main.put"))
}
