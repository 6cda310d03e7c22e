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

func TestFiresOnAHolderThatIsLeaked(t *testing.T) {
	doc := slow(facts.QuadrantChannel, 2, facts.ConfidenceProven)
	holder := doc.Waits.Resources[len(doc.Waits.Resources)-1].Holders[0].Goroutine
	doc.Waits.Leaks.Groups = []facts.LeakGroup{{Verdict: facts.ConfidenceProven, Count: 1, GoidRanges: [][2]int64{{holder, holder}}}}
	f := ruletest.Fires(t, Rule, doc)
	ruletest.Says(t, f, "which never ends", "only a restart frees the lock", "goroutine-leak")
}

func TestFiresOnAShortSleep(t *testing.T) {
	doc := slow(facts.QuadrantTimer, 3, facts.ConfidenceProven)
	holder := doc.Waits.Resources[len(doc.Waits.Resources)-1].Holders[0].Goroutine
	ruletest.AddResource(doc, facts.Resource{Kind: facts.ResourceSleep, WaiterCount: 1, Holders: []facts.Holder{}, Timer: &facts.TimerState{FiresInNS: facts.Some[int64](1e6)}}, facts.OpSleep)
	doc.Waits.Edges = append(doc.Waits.Edges, facts.WaitEdge{Goroutine: holder, Resource: len(doc.Waits.Resources), Op: facts.OpSleep})
	f := ruletest.Fires(t, Rule, doc)
	ruletest.Is(t, f, facts.SeverityInfo, facts.ConfidenceProven)
	ruletest.Says(t, f, "once the timer has fired, in 1ms")
}

func TestFiresOnAOnce(t *testing.T) {
	doc := slow(facts.QuadrantNetpoll, 25, facts.ConfidenceProven)
	r := &doc.Waits.Resources[len(doc.Waits.Resources)-1]
	r.Kind, r.Name = facts.ResourceOnce, facts.Some("main.config.once")
	ruletest.Says(t, ruletest.Fires(t, Rule, doc), "holds main.config.once while it waits for the network")
}
