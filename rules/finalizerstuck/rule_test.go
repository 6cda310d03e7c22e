package finalizerstuck_test

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules/finalizerstuck"
	"postmortem/rules/ruletest"
)

func TestFires(t *testing.T) {
	doc := ruletest.Healthy()
	g := ruletest.AddGroup(doc, 1, "chan send", facts.QuadrantChannel, "runtime.createfing", "runtime.gopark", "runtime.chansend", "main.release", "runtime.runFinalizers", "runtime.goexit")
	doc.Heap.Waste.FinalizerOnly = &facts.Tally{Objects: 312, Bytes: 1 << 20}
	f := ruletest.Fires(t, finalizerstuck.Rule, doc)
	ruletest.Is(t, f, facts.SeverityWarning, facts.ConfidencePossible)
	ruletest.Says(t, f, "a finalizer waits in main.release (chan send)", "312 objects (1 MiB)")
	g.WaitedAtLeastNS.Min = facts.Some[int64](61e9)
	f = ruletest.Fires(t, finalizerstuck.Rule, doc)
	ruletest.Is(t, f, facts.SeverityWarning, facts.ConfidenceLikely)
	ruletest.Says(t, f, "at least 1m1s")
}

func TestClear(t *testing.T) {
	ruletest.Clear(t, finalizerstuck.Rule, ruletest.Healthy()) // its own waits for work
	doc := ruletest.Healthy()
	g := ruletest.AddGroup(doc, 1, "", facts.QuadrantRunning, "runtime.createfing", "main.release", "runtime.runFinalizers")
	g.Status, g.WaitReason = facts.StatusRunning, facts.Maybe[string]{}
	ruletest.Clear(t, finalizerstuck.Rule, doc)
}
