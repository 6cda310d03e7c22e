package goroutineleak

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules/ruletest"
)

// leaked has n goroutines at one place, with a verdict.
func leaked(n int, verdict facts.Confidence) *facts.Document {
	doc := ruletest.Waiting()
	g := ruletest.AddGroup(doc, n, "chan send", facts.QuadrantChannel, "main.(*Hub).notify", "main.(*Hub).notify.func1")
	doc.Waits.Leaks.Groups = []facts.LeakGroup{{Verdict: verdict, Group: g.ID, Count: n, GoidRanges: g.GoidRanges,
		Reason: "nothing that can run refers to the channel", RetainedBytes: facts.Some(uint64(n) * 512), StackBytes: uint64(n) * 2048}}
	return doc
}

func TestFiresOnMany(t *testing.T) {
	f := ruletest.Fires(t, Rule, leaked(3000, facts.ConfidenceProven))
	ruletest.Is(t, f, facts.SeverityError, facts.ConfidenceProven)
	ruletest.Says(t, f, "3,000 goroutines leaked in main.(*Hub).notify.func1", "nothing will wake them", "on average 1,000 more leaked each hour", "started by main.(*Hub).notify")
}

func TestFiresOnOne(t *testing.T) {
	f := ruletest.Fires(t, Rule, leaked(1, facts.ConfidenceProven))
	ruletest.Is(t, f, facts.SeverityWarning, facts.ConfidenceProven)
	ruletest.Says(t, f, "1 goroutine is blocked and nothing will wake it")
}

func TestFiresOnANilChannel(t *testing.T) {
	doc := leaked(1, facts.ConfidenceProven)
	doc.Goroutines.Groups[len(doc.Goroutines.Groups)-1].WaitReason = facts.Some("chan receive (nil chan)")
	if f := ruletest.Fires(t, Rule, doc); len(f.DependsOn) != 1 || f.DependsOn[0] != "nil-channel" {
		t.Errorf("depends on %v", f.DependsOn)
	}
}

func TestFiresOnAFewThatHoldMuch(t *testing.T) {
	doc := leaked(2, facts.ConfidenceProven)
	doc.Waits.Leaks.Groups[0].RetainedBytes = facts.Some[uint64](40 << 20)
	ruletest.Is(t, ruletest.Fires(t, Rule, doc), facts.SeverityError, facts.ConfidenceProven)
}

func TestFiresWithDoubt(t *testing.T) {
	doc := leaked(30, facts.ConfidenceLikely)
	doc.Waits.Leaks.NotProven = facts.Some("a part of the heap is not in the core")
	f := ruletest.Fires(t, Rule, doc)
	ruletest.Is(t, f, facts.SeverityWarning, facts.ConfidenceLikely)
	ruletest.Says(t, f, "probably nothing will wake", "a part of the heap is not in the core")
	ruletest.Is(t, ruletest.Fires(t, Rule, leaked(30, facts.ConfidencePossible)), facts.SeverityInfo, facts.ConfidencePossible)
}

func TestClearOnAHealthyServer(t *testing.T) {
	ruletest.Clear(t, Rule, ruletest.Waiting())
	ruletest.Clear(t, Rule, leaked(3, facts.ConfidencePossible))
}
