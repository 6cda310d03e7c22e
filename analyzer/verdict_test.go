package analyzer

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/coreread"
)

// TestVerdict: the title is a ticket's subject, and only a stack that shows the
// bug gives it a place and a signature.
func TestVerdict(t *testing.T) {
	signal := func(name string, code int, who facts.SenderWho) *facts.Signal {
		return &facts.Signal{Number: 11, Name: facts.Some(name), Code: facts.Some(code), Sender: &facts.Sender{Who: who}}
	}
	const siTkill = -6
	for _, tt := range []struct {
		crash  facts.Crash
		title  string
		blamed bool
	}{
		{facts.Crash{Kind: facts.CrashPanic, Message: facts.Some("saving 7:\n\tno space")}, "orders died: panic: saving 7 in orders.Save", true},
		{facts.Crash{Kind: facts.CrashOutOfMemory}, "orders died: out of memory, last asked for in orders.Save", true},
		{facts.Crash{Kind: facts.CrashSignal, Signal: signal("SIGSEGV", 1, facts.SenderKernel)}, "orders died: SIGSEGV in orders.Save", true},
		{facts.Crash{Kind: facts.CrashSignal, Signal: signal("SIGSEGV", 0, facts.SenderSelf)}, "orders sent itself SIGSEGV", false},
		{facts.Crash{Kind: facts.CrashSignal, Signal: signal("SIGSEGV", 0, facts.SenderOther)}, "orders was killed by SIGSEGV from another process", false},
		{facts.Crash{Kind: facts.CrashAbortSelf, Signal: signal("SIGABRT", siTkill, facts.SenderSelf)}, "orders aborted itself: SIGABRT in orders.Save", true},
		{facts.Crash{Kind: facts.CrashAbortSelf, Signal: signal("SIGABRT", 0, facts.SenderSelf)}, "orders sent itself SIGABRT", false},
		{facts.Crash{Kind: facts.CrashAbortRequest, Signal: signal("SIGABRT", 0, facts.SenderOther)}, "orders was ended by SIGABRT from outside", false},
	} {
		crash := tt.crash
		crash.Frames = []*facts.Frame{{Func: "example.com/orders.Save", InApp: true}}
		a := &analysis{
			snap: &coreread.Snapshot{Identity: coreread.Identity{State: coreread.Verified}},
			doc: &facts.Document{Crash: &crash, Target: facts.Target{
				MainModule: &facts.Module{Path: "example.com/orders"}, Binary: &facts.Binary{}, Process: &facts.Process{},
			}},
		}
		a.judge()
		if got := a.doc.Verdict.Title; got != tt.title {
			t.Errorf("%s: title %q, want %q", tt.crash.Kind, got, tt.title)
		}
		if got := a.doc.Signature != nil; got != tt.blamed {
			t.Errorf("%s: has a signature: %t, want %t", tt.title, got, tt.blamed)
		}
	}
}
