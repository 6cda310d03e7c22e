package outofmemory_test

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules/outofmemory"
	"postmortem/rules/ruletest"
)

func died(tail string) *facts.Document {
	return ruletest.Died(&facts.Crash{Kind: facts.CrashOutOfMemory, Message: facts.Some("out of memory"), RuntimePrintTail: facts.Some(tail)}, "runtime.mallocgc", "main.hoard")
}

func TestFiresOnOneHugeRequest(t *testing.T) {
	f := ruletest.Fires(t, outofmemory.Rule, died("runtime: out of memory: cannot allocate 2147483648-byte block (3932160 in use)\nfatal error: out of memory\n"))
	ruletest.Is(t, f, facts.SeverityCritical, facts.ConfidenceProven)
	ruletest.Says(t, f, "orders died: out of memory, last asked for in main.hoard", "One request of 2 GiB was more than all 3.75 MiB that were in use", "where does the length come from")
	if len(f.DependsOn) != 0 {
		t.Errorf("a huge request is explained by %v", f.DependsOn)
	}
}

func TestFiresOnFullMemory(t *testing.T) {
	f := ruletest.Fires(t, outofmemory.Rule, died("runtime: out of memory: cannot allocate 4194304-byte block (1073741824 in use)\nfatal error: out of memory\n"))
	ruletest.Says(t, f, "g5000 asked last; that does not make it the one", "take a heap profile", "heap-leak-suspect")
}

func TestClear(t *testing.T) {
	ruletest.Clear(t, outofmemory.Rule, ruletest.Healthy())
	ruletest.Clear(t, outofmemory.Rule, ruletest.Died(&facts.Crash{Kind: facts.CrashPanic, Message: facts.Some("out of memory")}, "main.alloc"))
}
