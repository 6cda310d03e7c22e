package fatalerror_test

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules/fatalerror"
	"postmortem/rules/ruletest"
)

func TestFires(t *testing.T) {
	f := ruletest.Fires(t, fatalerror.Rule, ruletest.Died(&facts.Crash{Kind: facts.CrashFatal, Message: facts.Some("sync: unlock of unlocked mutex")}, "main.(*Store).Put"))
	ruletest.Is(t, f, facts.SeverityCritical, facts.ConfidenceProven)
	ruletest.Says(t, f, "orders died: fatal error: sync: unlock of unlocked mutex in main.(*Store).Put", "A mutex was unlocked that nobody held", "which path unlocks twice")
}

func TestFiresOnFaults(t *testing.T) {
	segv := &facts.Signal{Number: 11, Name: facts.Some("SIGSEGV"), Code: facts.Some(1), FaultAddress: facts.Some(facts.Word(0xdeadbeef000)), Sender: &facts.Sender{Who: facts.SenderKernel}}
	f := ruletest.Fires(t, fatalerror.Rule, ruletest.Died(&facts.Crash{Kind: facts.CrashFatal, Message: facts.Some("fault"), Signal: segv}, "main.poke"))
	ruletest.Says(t, f, "orders died: SIGSEGV at 0xdeadbeef000 in main.poke", "not the nil pointer's")
	f = ruletest.Fires(t, fatalerror.Rule, ruletest.Died(&facts.Crash{Kind: facts.CrashSignal, Signal: segv}, "main._Cfunc_c_fault", "main.main"))
	ruletest.Says(t, f, "orders died: SIGSEGV in main._Cfunc_c_fault", "outside of Go's panics")
}

func TestFiresOnAborts(t *testing.T) {
	abort := &facts.Signal{Number: 6, Name: facts.Some("SIGABRT"), Code: facts.Some(-6), Sender: &facts.Sender{Who: facts.SenderSelf}}
	f := ruletest.Fires(t, fatalerror.Rule, ruletest.Died(&facts.Crash{Kind: facts.CrashAbortSelf, Signal: abort}, "main._Cfunc_abort", "main.main"))
	ruletest.Says(t, f, "orders aborted itself: SIGABRT in main._Cfunc_abort")
	sent := *abort
	sent.Code = facts.Some(0)
	f = ruletest.Fires(t, fatalerror.Rule, ruletest.Died(&facts.Crash{Kind: facts.CrashAbortSelf, Signal: &sent}, "main.main"))
	ruletest.Says(t, f, "orders sent itself SIGABRT", "which goroutine sent the signal")
	if f.Goroutines.Count != 0 {
		t.Errorf("it blames %+v, which the signal hit by chance", f.Goroutines)
	}
}

func TestClear(t *testing.T) {
	ruletest.Clear(t, fatalerror.Rule, ruletest.Healthy())
	for _, message := range []string{"concurrent map writes", "stack overflow"} {
		ruletest.Clear(t, fatalerror.Rule, ruletest.Died(&facts.Crash{Kind: facts.CrashFatal, Message: facts.Some(message)}, "main.put"))
	}
	quit := &facts.Signal{Number: 3, Name: facts.Some("SIGQUIT"), Code: facts.Some(0), Sender: &facts.Sender{Who: facts.SenderOther}}
	ruletest.Clear(t, fatalerror.Rule, ruletest.Died(&facts.Crash{Kind: facts.CrashAbortRequest, Signal: quit}, "main.wait"))
	ruletest.Clear(t, fatalerror.Rule, ruletest.Died(&facts.Crash{Kind: facts.CrashSignal, Signal: quit}, "main.wait"))
}
