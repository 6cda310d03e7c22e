package threadexplosion_test

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/rules/ruletest"
	"postmortem/rules/threadexplosion"
)

func threads(n int) *facts.Document {
	doc := ruletest.Healthy()
	doc.Threads = make([]facts.Thread, n)
	doc.Scheduler.Ms = facts.Some(n)
	return doc
}

func TestFires(t *testing.T) {
	doc := threads(1214)
	ruletest.AddGroup(doc, 1200, "", facts.QuadrantSyscall, "main.serve", "syscall.write", "os.(*File).Write", "main.(*Spool).write")
	f := ruletest.Fires(t, threadexplosion.Rule, doc)
	ruletest.Is(t, f, facts.SeverityWarning, facts.ConfidenceProven)
	ruletest.Says(t, f, "1,214 threads for 8 processors", "for 8 processors", "1,200 goroutines in system calls or C code in main.(*Spool).write")
	ruletest.Is(t, ruletest.Fires(t, threadexplosion.Rule, threads(8000)), facts.SeverityError, facts.ConfidenceProven)
}

func TestFiresOnDeath(t *testing.T) {
	doc := ruletest.Died(&facts.Crash{Kind: facts.CrashFatal, Message: facts.Some("thread exhaustion")}, "runtime.checkmcount", "main.write")
	f := ruletest.Fires(t, threadexplosion.Rule, doc)
	ruletest.Is(t, f, facts.SeverityCritical, facts.ConfidenceProven)
}

func TestClear(t *testing.T) {
	ruletest.Clear(t, threadexplosion.Rule, ruletest.Healthy())
	ruletest.Clear(t, threadexplosion.Rule, threads(999))
}
