package globaldeadlock_test

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules/globaldeadlock"
	"postmortem/rules/ruletest"
)

func died(message string) *facts.Document {
	doc := ruletest.Healthy()
	doc.Crash = &facts.Crash{Kind: facts.CrashDeadlock, Message: facts.Some(message)}
	return doc
}

func TestFires(t *testing.T) {
	doc := died("all goroutines are asleep - deadlock!")
	f := ruletest.Fires(t, globaldeadlock.Rule, doc)
	ruletest.Is(t, f, facts.SeverityCritical, facts.ConfidenceProven)
	ruletest.Says(t, f, "orders died: all goroutines are asleep (deadlock)", "64 goroutines: chan receive in main.(*Pool).work", "deadlock-cycle")
	if f.Goroutines.Count != doc.Goroutines.User {
		t.Errorf("it is about %d goroutines, want all %d of the program", f.Goroutines.Count, doc.Goroutines.User)
	}
}

func TestFiresWhenNobodyIsLeft(t *testing.T) {
	f := ruletest.Fires(t, globaldeadlock.Rule, died("no goroutines (main called runtime.Goexit) - deadlock!"))
	ruletest.Says(t, f, "orders died: no goroutines are left, main has called runtime.Goexit")
}

func TestClear(t *testing.T) {
	ruletest.Clear(t, globaldeadlock.Rule, ruletest.Healthy())
	ruletest.Clear(t, globaldeadlock.Rule, ruletest.Died(&facts.Crash{Kind: facts.CrashFatal, Message: facts.Some("all goroutines are asleep")}, "main.main"))
}
