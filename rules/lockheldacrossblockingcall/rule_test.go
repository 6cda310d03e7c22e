package lockheldacrossblockingcall

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules/ruletest"
)

// slow is a process in which one goroutine holds a lock, in a wait of a quadrant,
// while others queue for it.
func slow(quadrant facts.Quadrant, waiters int, confidence facts.Confidence) *facts.Document {
	doc := ruletest.Waiting()
	holder := ruletest.AddGroup(doc, 1, "IO wait", quadrant, "main.main", "net.(*conn).Read", "main.(*Cache).refresh").GoidRanges[0][0]
	g := ruletest.AddGroup(doc, waiters, "sync.Mutex.Lock", facts.QuadrantLock, "net/http.(*Server).Serve", "main.(*Cache).Get")
	ruletest.AddResource(doc, ruletest.Lock("main.Cache.mu", facts.Holder{Goroutine: holder, Confidence: confidence, Evidence: []string{"deferred Unlock pending"}}), facts.OpLock, g)
	return doc
}

func TestFiresOnTheNetwork(t *testing.T) {
	f := ruletest.Fires(t, Rule, slow(facts.QuadrantNetpoll, 412, facts.ConfidenceProven))
	ruletest.Is(t, f, facts.SeverityError, facts.ConfidenceProven)
	ruletest.Says(t, f, "holds main.Cache.mu while it waits for the network, 412 behind it", "main.(*Cache).refresh")
}

func TestFiresOnAChannel(t *testing.T) {
	ruletest.Is(t, ruletest.Fires(t, Rule, slow(facts.QuadrantChannel, 2, facts.ConfidenceLikely)), facts.SeverityWarning, facts.ConfidenceLikely)
}

func TestClearWhenItRunsOrIsAGuess(t *testing.T) {
	ruletest.Clear(t, Rule, slow(facts.QuadrantRunning, 412, facts.ConfidenceProven))
	ruletest.Clear(t, Rule, slow(facts.QuadrantNetpoll, 412, facts.ConfidencePossible))
	ruletest.Clear(t, Rule, ruletest.Deadlocked())
	ruletest.Clear(t, Rule, ruletest.Waiting())
}
