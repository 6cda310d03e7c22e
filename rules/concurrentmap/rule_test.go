package concurrentmap_test

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules/concurrentmap"
	"postmortem/rules/ruletest"
)

func died() *facts.Document {
	return ruletest.Died(&facts.Crash{Kind: facts.CrashFatal, Message: facts.Some("concurrent map writes")}, "runtime.mapassign_fast64", "main.(*Store).Put")
}

func TestFires(t *testing.T) {
	f := ruletest.Fires(t, concurrentmap.Rule, died())
	ruletest.Is(t, f, facts.SeverityCritical, facts.ConfidenceProven)
	ruletest.Says(t, f, "orders died: fatal error: concurrent map writes in main.(*Store).Put", "g5000 noticed in main.(*Store).Put (orders/serve.go:20)", "-race")
}

// TestFiresWithTheOtherSide names those who were at work on a map.
func TestFiresWithTheOtherSide(t *testing.T) {
	doc := died()
	g := ruletest.AddGroup(doc, 3, "", facts.QuadrantRunnable, "main.serve", "internal/runtime/maps.(*Iter).Next", "main.(*Store).Sum")
	g.Status = facts.StatusRunnable
	ruletest.Says(t, ruletest.Fires(t, concurrentmap.Rule, doc), "3 goroutines at work on a map or ready to go on with it in main.(*Store).Sum")
}

func TestClear(t *testing.T) {
	ruletest.Clear(t, concurrentmap.Rule, ruletest.Healthy())
	ruletest.Clear(t, concurrentmap.Rule, ruletest.Died(&facts.Crash{Kind: facts.CrashPanic, Message: facts.Some("concurrent map writes, said the program")}, "main.put"))
}
