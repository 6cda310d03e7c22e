package gcpressure_test

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules/gcpressure"
	"postmortem/rules/ruletest"
)

func TestFiresOnLimiter(t *testing.T) {
	doc := ruletest.Healthy()
	doc.GC.CPULimiter = facts.Some(true)
	f := ruletest.Fires(t, gcpressure.Rule, doc)
	ruletest.Is(t, f, facts.SeverityWarning, facts.ConfidenceProven)
	ruletest.Says(t, f, "half of the CPU time went to the collector", "/gc/cpu_limiter", "GODEBUG=gctrace=1")
}

func TestFiresOnPauses(t *testing.T) {
	doc := ruletest.Healthy() // 5,000 collections in three hours
	doc.GC.Pauses.P50NS = facts.Some[int64](200_000_000)
	ruletest.Says(t, ruletest.Fires(t, gcpressure.Rule, doc), "the collector stopped the program for some 9% of its time")
}

func TestFiresOnAssists(t *testing.T) {
	doc := ruletest.Healthy()
	doc.Goroutines.ByWaitReason["GC assist wait"] = 100
	ruletest.Says(t, ruletest.Fires(t, gcpressure.Rule, doc), "100 of 268 goroutines could not allocate")
}

func TestFiresOnForced(t *testing.T) {
	doc := ruletest.Healthy()
	doc.Target.Time.UptimeNS, doc.GC.ForcedCycles = facts.Some[int64](10e9), facts.Some[int64](20)
	doc.GC.Pauses = facts.Pauses{}
	f := ruletest.Fires(t, gcpressure.Rule, doc)
	ruletest.Is(t, f, facts.SeverityInfo, facts.ConfidenceLikely)
	ruletest.Says(t, f, "runtime.GC was called some 2 times a second")
	doc.GC.ForcedCycles = facts.Some[int64](200)
	ruletest.Is(t, ruletest.Fires(t, gcpressure.Rule, doc), facts.SeverityWarning, facts.ConfidenceLikely)
}

func TestClear(t *testing.T) {
	ruletest.Clear(t, gcpressure.Rule, ruletest.Healthy())
	doc := ruletest.Healthy()
	doc.Goroutines.ByWaitReason["GC assist wait"] = 31 // while one collection marks
	ruletest.Clear(t, gcpressure.Rule, doc)
	doc.GC = &facts.GC{}
	ruletest.Clear(t, gcpressure.Rule, doc)
}
