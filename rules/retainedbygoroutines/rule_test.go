package retainedbygoroutines_test

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules/retainedbygoroutines"
	"postmortem/rules/ruletest"
)

func holding(bytes uint64) *facts.Document {
	doc := ruletest.Healthy() // 200 MiB live, 4 MiB of stacks
	doc.Heap.RetainedByGroup = []facts.GroupRetained{{Group: 3, Bytes: 1 << 20}, {Group: 2, Bytes: bytes, StackBytes: facts.Some[uint64](2 << 20)}}
	return doc
}

func TestFires(t *testing.T) {
	f := ruletest.Fires(t, retainedbygoroutines.Rule, holding(80<<20))
	ruletest.Is(t, f, facts.SeverityInfo, facts.ConfidenceProven)
	ruletest.Says(t, f, "200 goroutines hold 82 MiB, 40% of heap and stacks", "/heap/retained_by_group/1", "/goroutines/groups/1")
	if f.Goroutines.Count != 200 {
		t.Errorf("it is about %d goroutines, want 200", f.Goroutines.Count)
	}
}

func TestFiresOnMuchMemory(t *testing.T) {
	doc := holding(400 << 20)
	doc.Heap.ReachableBytes = facts.Some[uint64](500 << 20)
	ruletest.Is(t, ruletest.Fires(t, retainedbygoroutines.Rule, doc), facts.SeverityWarning, facts.ConfidenceProven)
	doc.Crash = &facts.Crash{Kind: facts.CrashOutOfMemory}
	ruletest.Is(t, ruletest.Fires(t, retainedbygoroutines.Rule, doc), facts.SeverityError, facts.ConfidenceProven)
}

func TestClear(t *testing.T) {
	ruletest.Clear(t, retainedbygoroutines.Rule, ruletest.Healthy())
	few := holding(80 << 20)
	few.Heap.RetainedByGroup[1].Group = 4 // three goroutines
	ruletest.Clear(t, retainedbygoroutines.Rule, few)
}
