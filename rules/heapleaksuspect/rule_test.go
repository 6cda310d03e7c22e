package heapleaksuspect_test

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules/heapleaksuspect"
	"postmortem/rules/ruletest"
)

// TestFires: of a living server it is no more than an information.
func TestFires(t *testing.T) {
	f := ruletest.Fires(t, heapleaksuspect.Rule, ruletest.Healthy())
	ruletest.Is(t, f, facts.SeverityInfo, facts.ConfidencePossible)
	ruletest.Says(t, f, "900,000 main.Item hold 120 MiB, 60% of the live heap", "main.cache → main.Cache.items → map[string]*main.Item", "what removes entries from main.cache", "a second core")
}

func TestFiresWhenMemoryIsShort(t *testing.T) {
	doc := ruletest.Healthy()
	doc.GC.MemoryLimit.UsedBytes, doc.GC.HeapMarkedBytes = facts.Some[uint64](1000<<20), facts.Some[uint64](800<<20)
	ruletest.Is(t, ruletest.Fires(t, heapleaksuspect.Rule, doc), facts.SeverityWarning, facts.ConfidenceLikely)
	doc.Crash = &facts.Crash{Kind: facts.CrashOutOfMemory}
	ruletest.Is(t, ruletest.Fires(t, heapleaksuspect.Rule, doc), facts.SeverityError, facts.ConfidenceLikely)
}

func TestClear(t *testing.T) {
	small := ruletest.Healthy()
	small.Heap.ReachableBytes = facts.Some[uint64](1<<20 - 1)
	ruletest.Clear(t, heapleaksuspect.Rule, small)
	spread := ruletest.Healthy()
	spread.Heap.Suspects[0].Share = 0.2
	ruletest.Clear(t, heapleaksuspect.Rule, spread)
	goroutines := ruletest.Healthy() // another rule's
	goroutines.Heap.Suspects[0].Group = facts.Some(2)
	ruletest.Clear(t, heapleaksuspect.Rule, goroutines)
}

func TestFiresAndAsksForThePlaceNotTheGoroutine(t *testing.T) {
	doc := ruletest.Healthy()
	doc.Heap.Suspects[0].Path = []string{"goroutine 78 (main.serve)", "main.Instance.hooks", "[n]func()", "main.Cache.items", "map[string]*main.Item"}
	ruletest.Says(t, ruletest.Fires(t, heapleaksuspect.Rule, doc), "what removes entries from main.Cache.items")
}
