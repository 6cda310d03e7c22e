package nildereference_test

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules/nildereference"
	"postmortem/rules/ruletest"
)

const message = "runtime error: invalid memory address or nil pointer dereference"

func died(address facts.Word) *facts.Document {
	return ruletest.Died(&facts.Crash{Kind: facts.CrashPanic, Message: facts.Some(message), Panics: []facts.Panic{{Message: facts.Some(message)}},
		Signal: &facts.Signal{Number: 11, FaultAddress: facts.Some(address)}}, "main.(*Quote).Apply", "main.(*Server).publish")
}

func TestFires(t *testing.T) {
	f := ruletest.Fires(t, nildereference.Rule, died(0x18))
	ruletest.Is(t, f, facts.SeverityCritical, facts.ConfidenceProven)
	ruletest.Says(t, f, "orders died: nil pointer dereference in main.(*Quote).Apply", "0x18", "24 bytes behind", "which pointer is nil there")
}

// TestFiresOnFirstOfChain: a deferred call that panics anew does not hide the pointer.
func TestFiresOnFirstOfChain(t *testing.T) {
	doc := ruletest.Died(&facts.Crash{Kind: facts.CrashPanic, Message: facts.Some("giving up"), Panics: []facts.Panic{
		{Message: facts.Some(message), Recovered: true}, {Message: facts.Some("giving up")},
	}}, "main.giveUp", "panic", "runtime.panicmem", "runtime.sigpanic", "main.(*Quote).Apply", "main.run")
	f := ruletest.Fires(t, nildereference.Rule, doc)
	ruletest.Says(t, f, "in main.(*Quote).Apply (orders/serve.go:50)")
}

func TestClear(t *testing.T) {
	ruletest.Clear(t, nildereference.Rule, ruletest.Healthy())
	ruletest.Clear(t, nildereference.Rule, died(0xdeadbeef000))
	ruletest.Clear(t, nildereference.Rule, ruletest.Died(&facts.Crash{Kind: facts.CrashPanic, Message: facts.Some("send on closed channel")}, "main.send"))
}
