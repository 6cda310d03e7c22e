package memorylimitthrash_test

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules/memorylimitthrash"
	"postmortem/rules/ruletest"
)

func tight() *facts.Document {
	doc := ruletest.Healthy() // the limit is 1 GiB
	doc.GC.MemoryLimit.UsedBytes = facts.Some[uint64](1000 << 20)
	doc.GC.HeapMarkedBytes, doc.GC.HeapGoalBytes = facts.Some[uint64](900<<20), facts.Some[uint64](920<<20)
	return doc
}

func TestFires(t *testing.T) {
	f := ruletest.Fires(t, memorylimitthrash.Rule, tight())
	ruletest.Is(t, f, facts.SeverityWarning, facts.ConfidenceLikely)
	ruletest.Says(t, f, "memory limit reached: 0.98 GiB of 1 GiB in use", "allocate 20 MiB before the next one")
}

func TestFiresWithLimiter(t *testing.T) {
	doc := tight()
	doc.GC.CPULimiter = facts.Some(true)
	ruletest.Is(t, ruletest.Fires(t, memorylimitthrash.Rule, doc), facts.SeverityError, facts.ConfidenceProven)
}

func TestClear(t *testing.T) {
	ruletest.Clear(t, memorylimitthrash.Rule, ruletest.Healthy())
	garbage := tight() // fills the limit with garbage first, as with GOGC=off
	garbage.GC.HeapMarkedBytes = facts.Some[uint64](300 << 20)
	ruletest.Clear(t, memorylimitthrash.Rule, garbage)
	far := tight()
	far.GC.MemoryLimit.UsedBytes = facts.Some[uint64](800 << 20)
	ruletest.Clear(t, memorylimitthrash.Rule, far)
	none := tight()
	none.GC.MemoryLimit = facts.MemoryLimit{Set: facts.Some(false), UsedBytes: facts.Some[uint64](1000 << 20)}
	ruletest.Clear(t, memorylimitthrash.Rule, none)
}
