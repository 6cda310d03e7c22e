package stackoverflow_test

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules/ruletest"
	"postmortem/rules/stackoverflow"
)

func TestFires(t *testing.T) {
	doc := ruletest.Died(&facts.Crash{Kind: facts.CrashFatal, Message: facts.Some("stack overflow"),
		Cycle:            &facts.Cycle{Funcs: []string{"main.pong", "main.ping"}, Repeats: 7274, Start: 1},
		RuntimePrintTail: facts.Some("runtime: goroutine stack exceeds 1000000000-byte limit\nfatal error: stack overflow\n")}, "main.pong", "main.ping")
	f := ruletest.Fires(t, stackoverflow.Rule, doc)
	ruletest.Is(t, f, facts.SeverityCritical, facts.ConfidenceProven)
	ruletest.Says(t, f, "orders died: fatal error: stack overflow in main.pong", "main.pong ← main.ping, 7,274 rounds", "goroutine stack exceeds 1000000000-byte limit")
}

func TestFiresWithoutCycle(t *testing.T) {
	f := ruletest.Fires(t, stackoverflow.Rule, ruletest.Died(&facts.Crash{Kind: facts.CrashFatal, Message: facts.Some("stack overflow")}, "main.fill"))
	ruletest.Says(t, f, "no part of the stack repeats", "what made the stack grow")
}

func TestClear(t *testing.T) {
	ruletest.Clear(t, stackoverflow.Rule, ruletest.Healthy())
	ruletest.Clear(t, stackoverflow.Rule, ruletest.Died(&facts.Crash{Kind: facts.CrashPanic, Message: facts.Some("stack overflow")}, "main.parse"))
}
