package deadlockcycle

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules/ruletest"
)

func TestFiresOnTwoLocks(t *testing.T) {
	f := ruletest.Fires(t, Rule, ruletest.Deadlocked())
	ruletest.Is(t, f, facts.SeverityCritical, facts.ConfidenceLikely)
	ruletest.Says(t, f, "lock cycle of 2 goroutines, 28 more behind it", "Goroutine 5001 holds main.Ledger.mu", "deferred Unlock pending", "in one order")
}

func TestFiresOnOneThatWaitsForItself(t *testing.T) {
	doc := ruletest.Deadlocked()
	doc.Crash.Kind = facts.CrashSnapshot
	c := &doc.Waits.Cycles[0]
	c.Goroutines, c.Resources, c.Legs, c.Behind, c.Confidence = c.Goroutines[:1], c.Resources[1:], c.Legs[:1], 0, facts.ConfidenceProven
	f := ruletest.Fires(t, Rule, doc)
	ruletest.Is(t, f, facts.SeverityError, facts.ConfidenceProven)
	ruletest.Says(t, f, "g5001 waits for what it holds itself", "cannot be locked twice")
}

func TestClearWithoutCycles(t *testing.T) { ruletest.Clear(t, Rule, ruletest.Waiting()) }
