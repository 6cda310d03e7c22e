package goroutineexplosion_test

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules/goroutineexplosion"
	"postmortem/rules/ruletest"
)

func TestFires(t *testing.T) {
	doc := ruletest.Healthy()
	ruletest.AddGroup(doc, 48_212, "chan send", facts.QuadrantChannel, "main.(*Hub).notify", "runtime.gopark", "main.(*Hub).notify.func1")
	f := ruletest.Fires(t, goroutineexplosion.Rule, doc)
	ruletest.Is(t, f, facts.SeverityWarning, facts.ConfidenceProven)
	ruletest.Says(t, f, "48,212 goroutines started by main.(*Hub).notify wait", "48,212 of the program's 48,480 goroutines", "chan send in main.(*Hub).notify.func1")
	doc.Crash = &facts.Crash{Kind: facts.CrashOutOfMemory}
	ruletest.Is(t, ruletest.Fires(t, goroutineexplosion.Rule, doc), facts.SeverityError, facts.ConfidenceProven)
}

// TestFiresOnConnections: many connections are what a server is for.
func TestFiresOnConnections(t *testing.T) {
	doc := ruletest.Healthy()
	ruletest.AddGroup(doc, 20_000, "IO wait", facts.QuadrantNetpoll, "main.listen", "net.(*conn).Read", "net/http.(*conn).serve")
	f := ruletest.Fires(t, goroutineexplosion.Rule, doc)
	ruletest.Is(t, f, facts.SeverityInfo, facts.ConfidenceProven)
	if f.Goroutines.Count != 20_000 {
		t.Errorf("it is about %d goroutines, want 20000", f.Goroutines.Count)
	}
}

func TestClear(t *testing.T) {
	ruletest.Clear(t, goroutineexplosion.Rule, ruletest.Healthy())
	pool := ruletest.Healthy()
	ruletest.AddGroup(pool, 999, "chan receive", facts.QuadrantChannel, "main.NewCrew", "runtime.gopark", "main.(*Pool).work")
	ruletest.Clear(t, goroutineexplosion.Rule, pool)
	busy := ruletest.Healthy()
	g := ruletest.AddGroup(busy, 5000, "", facts.QuadrantRunnable, "main.NewCrew", "main.(*Pool).work")
	g.Status, g.WaitReason = facts.StatusRunnable, facts.Maybe[string]{}
	ruletest.Clear(t, goroutineexplosion.Rule, busy)
}
