package lockcontentionpileup

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules/ruletest"
)

func TestFiresOnAQueue(t *testing.T) {
	f := ruletest.Fires(t, Rule, ruletest.Deadlocked())
	ruletest.Is(t, f, facts.SeverityWarning, facts.ConfidenceProven)
	ruletest.Says(t, f, "29 goroutines wait for main.Ledger.mu, held by g5001 (likely)", "sync.Mutex.Lock in main.(*Cache).Get", "deadlock-cycle")
}

func TestFiresWithoutAHolder(t *testing.T) {
	doc := ruletest.Waiting()
	g := ruletest.AddGroup(doc, 300, "sync.Mutex.Lock", facts.QuadrantLock, "net/http.(*Server).Serve", "main.(*Store).Get")
	ruletest.AddResource(doc, ruletest.Lock("main.Store.mu"), facts.OpLock, g)
	f := ruletest.Fires(t, Rule, doc)
	ruletest.Is(t, f, facts.SeverityError, facts.ConfidenceProven)
	ruletest.Says(t, f, "300 goroutines wait for main.Store.mu", "who holds it")
}

func TestClearOnAShortQueue(t *testing.T) {
	doc := ruletest.Waiting()
	g := ruletest.AddGroup(doc, 19, "sync.Mutex.Lock", facts.QuadrantLock, "net/http.(*Server).Serve", "main.(*Store).Get")
	ruletest.AddResource(doc, ruletest.Lock("main.Store.mu"), facts.OpLock, g)
	ruletest.Clear(t, Rule, doc)
	ruletest.Clear(t, Rule, ruletest.Waiting())
}
