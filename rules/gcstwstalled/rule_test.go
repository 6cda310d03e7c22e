package gcstwstalled_test

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules/gcstwstalled"
	"postmortem/rules/ruletest"
)

// stalled is a process in which a stop of the world waits for a goroutine that has
// run for so long.
func stalled(ran facts.Maybe[int64], kind facts.CrashKind) *facts.Document {
	doc := ruletest.Healthy()
	doc.Crash.Kind = kind
	g := ruletest.AddGroup(doc, 1, "", facts.QuadrantRunning, "main.main", "main.tightLoop", "main.work")
	g.Status, g.WaitReason = facts.StatusRunning, facts.Maybe[string]{}
	doc.GC.StopTheWorld = facts.StopTheWorld{InProgress: facts.Some(true), Reason: facts.Some("GC sweep termination"), Goroutine: facts.Some[int64](1),
		WaitingFor: []facts.NotStopped{{P: facts.Some(0), Goroutine: facts.Some(g.GoidRanges[0][0]), Thread: facts.Some(17), RunsAtLeastNS: ran}}}
	return doc
}

const slice = 10_000_000

func TestFires(t *testing.T) {
	f := ruletest.Fires(t, gcstwstalled.Rule, stalled(facts.Some[int64](155*1_000_000), facts.CrashAbortRequest))
	ruletest.Is(t, f, facts.SeverityCritical, facts.ConfidenceLikely)
	ruletest.Says(t, f, "a stop of the world (GC sweep termination) waits for g270 in main.tightLoop", "at least 155ms", "g1 waits for it")
	if f.Goroutines.Count != 1 || f.Goroutines.GoidRanges[0][0] != 270 || len(f.Groups) != 1 {
		t.Errorf("it is about %+v of groups %v, want g270", f.Goroutines, f.Groups)
	}
}

func TestFiresOnLivingProcess(t *testing.T) {
	f := ruletest.Fires(t, gcstwstalled.Rule, stalled(facts.Some[int64](10*slice), facts.CrashSnapshot))
	ruletest.Is(t, f, facts.SeverityError, facts.ConfidenceLikely)
}

// TestFiresWithoutTime: whoever ended the process found that it hung.
func TestFiresWithoutTime(t *testing.T) {
	f := ruletest.Fires(t, gcstwstalled.Rule, stalled(facts.Maybe[int64]{}, facts.CrashAbortRequest))
	ruletest.Is(t, f, facts.SeverityWarning, facts.ConfidencePossible)
}

// TestFiresOnBarrier: the collection stands still, the program does not.
func TestFiresOnBarrier(t *testing.T) {
	doc := stalled(facts.Some[int64](100*slice), facts.CrashAbortRequest)
	stop := doc.GC.StopTheWorld
	doc.GC.StopTheWorld.InProgress, doc.GC.StopTheWorld.WaitingFor = facts.Some(false), []facts.NotStopped{}
	doc.GC.Barrier = facts.Barrier{InProgress: facts.Some(true), WaitingFor: stop.WaitingFor}
	f := ruletest.Fires(t, gcstwstalled.Rule, doc)
	ruletest.Is(t, f, facts.SeverityError, facts.ConfidenceLikely)
	ruletest.Says(t, f, "the collector waits for g270 in main.tightLoop", "/gc/barrier/waiting_for/0", "nothing is freed")
}

// TestFiresOnStopThatMayHaveJustBegun: of a living process that is no more than an information.
func TestFiresOnStopThatMayHaveJustBegun(t *testing.T) {
	for _, ran := range []facts.Maybe[int64]{{}, facts.Some[int64](slice)} {
		ruletest.Is(t, ruletest.Fires(t, gcstwstalled.Rule, stalled(ran, facts.CrashSnapshot)), facts.SeverityInfo, facts.ConfidencePossible)
	}
}

func TestClear(t *testing.T) {
	ruletest.Clear(t, gcstwstalled.Rule, ruletest.Healthy())
	died := stalled(facts.Some[int64](100*slice), facts.CrashPanic)
	died.Crash.Goroutine = died.GC.StopTheWorld.WaitingFor[0].Goroutine // its death keeps it from stopping
	ruletest.Clear(t, gcstwstalled.Rule, died)
}
