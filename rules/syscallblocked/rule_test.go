package syscallblocked_test

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules/ruletest"
	"postmortem/rules/syscallblocked"
)

func TestFires(t *testing.T) {
	doc := ruletest.Healthy()
	g := ruletest.AddGroup(doc, 212, "", facts.QuadrantSyscall, "main.serve", "syscall.write", "os.(*File).Write", "main.(*Spool).write")
	g.WaitedAtLeastNS.Max = facts.Some[int64](250e9)
	doc.Waits = &facts.Waits{
		Resources: []facts.Resource{{ID: 7, Kind: facts.ResourceSyscall, Syscall: &facts.SyscallState{Name: facts.Some("write"), FD: facts.Some[int64](9)}}},
		Edges:     []facts.WaitEdge{{Goroutine: g.GoidRanges[0][0], Resource: 7, Op: facts.OpCall}},
	}
	f := ruletest.Fires(t, syscallblocked.Rule, doc)
	ruletest.Is(t, f, facts.SeverityWarning, facts.ConfidenceLikely)
	ruletest.Says(t, f, "212 goroutines are in a system call, in main.(*Spool).write", "at least 4m10s", "g270 is in write of descriptor 9")
}

func TestFiresOnOne(t *testing.T) {
	doc := ruletest.Healthy()
	ruletest.AddGroup(doc, 1, "", facts.QuadrantSyscall, "main.serve", "runtime.cgocall", "main._Cfunc_wait", "main.inC")
	f := ruletest.Fires(t, syscallblocked.Rule, doc)
	ruletest.Is(t, f, facts.SeverityInfo, facts.ConfidencePossible)
	ruletest.Says(t, f, "g270 is in C code, in main.inC")
}

func TestClear(t *testing.T) {
	ruletest.Clear(t, syscallblocked.Rule, ruletest.Healthy())
	signals := ruletest.Healthy()
	ruletest.AddGroup(signals, 1, "", facts.QuadrantSyscall, "os/signal.Notify.func1.1", "os/signal.signal_recv", "os/signal.loop")
	ruletest.Clear(t, syscallblocked.Rule, signals)
	died := ruletest.Died(&facts.Crash{Kind: facts.CrashPanic, Message: facts.Some("gone")}, "main.load")
	ruletest.AddGroup(died, 3, "", facts.QuadrantSyscall, "main.serve", "syscall.read", "os.(*File).Read", "main.load") // has nothing to do with it
	ruletest.Clear(t, syscallblocked.Rule, died)
}
