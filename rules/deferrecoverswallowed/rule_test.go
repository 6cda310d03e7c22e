package deferrecoverswallowed_test

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules/deferrecoverswallowed"
	"postmortem/rules/ruletest"
)

func TestFires(t *testing.T) {
	doc := ruletest.Healthy()
	ruletest.AddGroup(doc, 1, "sync.WaitGroup.Wait", facts.QuadrantLock, "main.NewPool", "runtime.gopark", "sync.(*WaitGroup).Wait", "main.(*Pool).Close", "panic", "main.(*Pool).run")
	f := ruletest.Fires(t, deferrecoverswallowed.Rule, doc)
	ruletest.Is(t, f, facts.SeverityWarning, facts.ConfidenceLikely)
	ruletest.Says(t, f, "a panic of g270 is not heard of, its deferred call waits in main.(*Pool).Close", "g270 panicked in main.(*Pool).run (orders/serve.go:50), and waits (sync.WaitGroup.Wait)")
}

func TestFiresOnAnotherName(t *testing.T) {
	doc := ruletest.Died(&facts.Crash{Kind: facts.CrashPanic, Message: facts.Some("giving up"), Panics: []facts.Panic{
		{Message: facts.Some("row is gone"), Recovered: true}, {Message: facts.Some("giving up")},
	}}, "main.giveUp", "panic", "main.load")
	f := ruletest.Fires(t, deferrecoverswallowed.Rule, doc)
	ruletest.Is(t, f, facts.SeverityInfo, facts.ConfidenceProven)
	ruletest.Says(t, f, "recovered the first panic (row is gone)", "it was raised in main.load")
}

func TestClear(t *testing.T) {
	ruletest.Clear(t, deferrecoverswallowed.Rule, ruletest.Healthy())
	ruletest.Clear(t, deferrecoverswallowed.Rule, ruletest.Died(&facts.Crash{Kind: facts.CrashPanic, Message: facts.Some("gone"), Panics: []facts.Panic{
		{Message: facts.Some("gone"), Recovered: true}, {Message: facts.Some("gone")}, // the same again
	}}, "main.again", "panic", "main.load"))
	ruletest.Clear(t, deferrecoverswallowed.Rule, ruletest.Died(&facts.Crash{Kind: facts.CrashPanic, Message: facts.Some("two"), Panics: []facts.Panic{
		{Message: facts.Some("one")}, {Message: facts.Some("two")}, // both are printed
	}}, "main.cleanUp", "panic", "main.load"))
}
