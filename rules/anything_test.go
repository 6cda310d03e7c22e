package rules_test

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules"
	"postmortem/rules/ruletest"
)

// bare is a document whose parts are there and say nothing.
func bare(kind facts.CrashKind) *facts.Document {
	return &facts.Document{
		Crash: &facts.Crash{Kind: kind}, Goroutines: &facts.Goroutines{}, Threads: []facts.Thread{}, Scheduler: &facts.Scheduler{},
		GC: &facts.GC{}, Heap: &facts.Heap{}, Waits: &facts.Waits{},
	}
}

// broken is a document that contradicts itself: groups without frames and ids, frames
// that are null, goroutines of no group.
func broken(kind facts.CrashKind) *facts.Document {
	doc := bare(kind)
	doc.Crash.Message, doc.Crash.Goroutine = facts.Some(""), facts.Some[int64](9)
	doc.Crash.Frames = []*facts.Frame{nil}
	doc.Crash.Panics = []facts.Panic{{Recovered: true, Message: facts.Some("")}, {}}
	doc.Crash.Cycle = &facts.Cycle{}
	for i, status := range []facts.Status{facts.StatusWaiting, facts.StatusSyscall, facts.StatusRunning, facts.StatusLeaked} {
		frames := []*facts.Frame{nil, {Func: "panic"}, {Func: "runtime.runFinalizers"}}
		doc.Goroutines.Groups = append(doc.Goroutines.Groups,
			facts.Group{ID: i * 3, Status: status, Frames: frames, Count: 20_000, CreatedBy: &facts.Site{}},
			facts.Group{ID: -1, Status: status, Frames: frames[:1], GoidRanges: [][2]int64{{5, 1}}},
			facts.Group{Status: status})
	}
	doc.Goroutines.List = []facts.Goroutine{{ID: 9, Group: 99}}
	doc.GC.StopTheWorld = facts.StopTheWorld{InProgress: facts.Some(true), WaitingFor: []facts.NotStopped{{}, {Goroutine: facts.Some[int64](9), RunsAtLeastNS: facts.Some[int64](1e12)}}}
	doc.GC.MemoryLimit = facts.MemoryLimit{Set: facts.Some(true), Bytes: facts.Some[uint64](0), UsedBytes: facts.Some[uint64](1)}
	doc.GC.ForcedCycles, doc.Target.Time.UptimeNS = facts.Some[int64](1<<62), facts.Some[int64](-1)
	doc.Heap.ReachableBytes = facts.Some[uint64](1 << 62)
	doc.Heap.Suspects = []facts.Suspect{{Share: 2}}
	doc.Heap.RetainedByGroup = []facts.GroupRetained{{Group: -4, Bytes: 1 << 63}, {Group: 1, Bytes: 1 << 63, StackBytes: facts.Some[uint64](1 << 62)}}
	doc.Waits = &facts.Waits{
		Resources: []facts.Resource{{ID: -1, WaiterCount: 1 << 30, Holders: []facts.Holder{{}}}, {ID: 3, Kind: facts.ResourceMutex, WaiterCount: 500, HoldersTotal: 7}},
		Edges:     []facts.WaitEdge{{Goroutine: 9, Resource: 3}, {Goroutine: -9, Resource: 77}},
		Cycles:    []facts.WaitCycle{{}, {Goroutines: []int64{1}}, {Goroutines: []int64{1, 2}, Resources: []int{4, 3}, Confidence: facts.ConfidencePossible}},
		Leaks:     &facts.Leaks{Groups: []facts.LeakGroup{{Verdict: facts.ConfidencePossible}, {Verdict: facts.ConfidenceProven, Group: 99, Count: 3}}},

		HeadBlockers: []facts.HeadBlocker{{}, {Goroutine: 9, Direct: 1 << 30, Total: 1 << 30, Resources: []int{88}}},
	}
	return doc
}

// TestNoRuleFailsOnPoorFacts: documents can come from a file, where anything stands.
func TestNoRuleFailsOnPoorFacts(t *testing.T) {
	for _, kind := range []facts.CrashKind{facts.CrashPanic, facts.CrashFatal, facts.CrashSignal, facts.CrashDeadlock, facts.CrashOutOfMemory,
		facts.CrashAbortRequest, facts.CrashAbortSelf, facts.CrashSnapshot, facts.CrashUnknown, ""} {
		for what, doc := range map[string]*facts.Document{"bare": bare(kind), "broken": broken(kind), "empty": {}} {
			rules.Run(t.Context(), doc, rules.Builtin())
			for _, s := range doc.Rules {
				if s.Status == facts.RuleFailed {
					t.Errorf("%s facts of a process that ended by %q: %s failed: %s", what, kind, s.ID, s.Why)
				}
			}
		}
	}
}

// TestHealthyFacts: a server that is well gives no rule more than an information.
func TestHealthyFacts(t *testing.T) {
	for _, doc := range []*facts.Document{ruletest.Healthy(), ruletest.Waiting()} {
		for _, r := range rules.Builtin() {
			if r.Missing(doc) != "" {
				continue
			}
			for _, f := range ruletest.Ask(t, r, doc) {
				if ruletest.Above(f.Severity, facts.SeverityInfo) {
					t.Errorf("%s of a healthy server: %s %q", r.ID, f.Severity, f.Title)
				}
			}
		}
	}
}
