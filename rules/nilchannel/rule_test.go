package nilchannel

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules/ruletest"
)

func TestFiresOnReceive(t *testing.T) {
	doc := ruletest.Healthy()
	ruletest.AddGroup(doc, 3, "chan receive (nil chan)", facts.QuadrantChannel, "main.main", "main.(*Hub).run")
	f := ruletest.Fires(t, Rule, doc)
	ruletest.Is(t, f, facts.SeverityWarning, facts.ConfidenceProven)
	ruletest.Says(t, f, "3 goroutines receive from a nil channel in main.(*Hub).run")
}

func TestFiresOnSendInADeadlock(t *testing.T) {
	doc := ruletest.Healthy()
	doc.Crash = &facts.Crash{Kind: facts.CrashDeadlock}
	ruletest.AddGroup(doc, 1, "chan send (nil chan)", facts.QuadrantChannel, "main.main", "main.(*Hub).run")
	f := ruletest.Fires(t, Rule, doc)
	ruletest.Is(t, f, facts.SeverityCritical, facts.ConfidenceProven)
	ruletest.Says(t, f, "1 goroutine sends to a nil channel")
}

func TestClearOnOtherWaits(t *testing.T) { ruletest.Clear(t, Rule, ruletest.Healthy()) }
