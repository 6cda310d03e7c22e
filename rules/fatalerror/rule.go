// Package fatalerror is the rule fatal-error: the runtime gave up, or a fault or an
// abort ended the process outside of Go's panics. Overflown stacks, maps used by
// several goroutines, deadlocks and memory that ran out have rules of their own.
package fatalerror

import (
	_ "embed"
	"fmt"
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

//go:embed README.md
var doc string

// Rule finds fatal errors, faults and aborts.
var Rule = &rule.Rule{
	ID:       "fatal-error",
	Title:    "The runtime, a fault or an abort ended the process, which no recover can stop",
	Severity: facts.SeverityCritical,
	Needs:    []rule.Part{rule.Crash},
	Doc:      doc,
	Check:    check,
}

// elsewhere are the messages that other rules report.
var elsewhere = []string{"concurrent map", "stack overflow", "stack exceeds"}

func check(doc *facts.Document) []facts.Finding {
	c := doc.Crash
	var f facts.Finding
	switch {
	case c.Kind == facts.CrashFatal && !rule.MessageHas(c, elsewhere...):
		f = fatal(doc)
	case (c.Kind == facts.CrashSignal || c.Kind == facts.CrashAbortSelf) && !rule.HitByChance(c.Signal):
		f = fault(doc)
	case c.Kind == facts.CrashAbortSelf:
		f = sentToItself(doc)
	default:
		return nil
	}
	return []facts.Finding{f}
}

// meanings explain what the runtime's messages state, and what to ask. Causes are
// named as causes to look for, since the message proves none.
var meanings = []struct{ has, means, ask string }{
	{"unlock of unlocked", "A mutex was unlocked that nobody held.",
		"which path unlocks twice, or without a lock? A defer right after the lock avoids both"},
	{"Unlock of unlocked", "A mutex was unlocked that nobody held.",
		"which path unlocks twice, or without a lock? A defer right after the lock avoids both"},
	{"thread exhaustion", "The process reached its limit of threads: goroutines in C code or blocking system calls hold one each.",
		"which blocking calls have no bound on how many run at once? The largest groups show them"},
	{"unexpected signal during runtime execution", "A memory access failed inside the runtime itself.", memory},
	{"found bad pointer", "The collector met a pointer that cannot be one.", memory},
	{"invalid pointer found on stack", "The collector met a pointer that cannot be one.", memory},
	{"checkptr", "The compiler's check of unsafe pointers (-d=checkptr, on with -race) found a wrong conversion.",
		"which conversion there breaks the rules of package unsafe?"},
}

const memory = "look for memory damaged by unsafe code, C code or a data race first: run the tests with -race and with -gcflags=all=-d=checkptr"

func fatal(doc *facts.Document) facts.Finding {
	c := doc.Crash
	f := rule.Death(doc, rule.FatalBrief(c))
	f.Summary = "The runtime stopped the process with a fatal error, which no recover can catch."
	if at := rule.Stood(c); at != "" {
		f.Summary += " " + rule.Subject(c) + " was in " + at + "."
	}
	ask := "run the tests with -race and, if there is unsafe or C code, with -gcflags=all=-d=checkptr; then look for the message among the issues of this Go version"
	if c.Message.V == "fault" {
		f.Summary += " A memory access failed at an address that is not the nil pointer's; unsafe code, mmap and C code make such addresses."
		ask = "where does the address come from: unsafe, a mapped file that is gone, or C code? -gcflags=all=-d=checkptr in the tests finds wrong conversions"
		f.Evidence = append(f.Evidence, address(c)...)
	}
	for _, m := range meanings {
		if strings.Contains(c.Message.V, m.has) {
			f.Summary += " " + m.means
			ask = m.ask
			break
		}
	}
	if at := rule.Stood(c); at != "" {
		ask = "in " + at + ": " + ask
	}
	f.NextSteps = []facts.NextStep{
		rule.OnCall(rule.Rollback(doc) + "; whether a restart helps depends on what led there"),
		rule.Developer(ask),
	}
	if rule.MessageHas(c, "thread exhaustion") {
		f.DependsOn = []string{"thread-explosion"}
	}
	if !c.Message.Known {
		f.Unknowns = append(f.Unknowns, facts.Unknown{What: "the message: it is not in the core, or redacted", WouldTell: "the process's own output"})
	}
	if len(f.Evidence) == 0 {
		f.Evidence = []facts.Evidence{{Kind: "crash", Text: "the runtime's own record says that it gave up", Ref: "/crash/kind"}}
	}
	return f
}

// address is the evidence of a fault.
func address(c *facts.Crash) []facts.Evidence {
	if c.Signal == nil || !c.Signal.FaultAddress.Known {
		return nil
	}
	return []facts.Evidence{{Kind: "crash", Text: fmt.Sprintf("%s: the address %#x was accessed", rule.SignalName(c.Signal), uint64(c.Signal.FaultAddress.V)),
		Ref: "/crash/signal/fault_address"}}
}

// fault is a fault signal outside of Go's panics, or abort(3).
func fault(doc *facts.Document) facts.Finding {
	c := doc.Crash
	f := rule.Death(doc, rule.SignalName(c.Signal))
	f.Summary = fmt.Sprintf("%s outside of Go's panics ended the process; C code, unsafe code and mmap are what leads to it.", rule.SignalName(c.Signal))
	onCall := "; look whether other hosts show it too: on one host only, the machine itself is to be looked at, or a library that is different there"
	if c.Kind == facts.CrashAbortSelf {
		f.Title = rule.Line(fmt.Sprintf("%s aborted itself: %s%s", rule.Program(doc), rule.SignalName(c.Signal), rule.In(c)), rule.TitleCap)
		f.Summary = "The process aborted itself: C code's abort, a failed assertion or a raised signal, not Go's panic."
		onCall = "; the process's own output just before the end usually says why it aborted"
	}
	if at := rule.Stood(c); at != "" {
		f.Summary += " " + rule.Subject(c) + " was in " + at + "."
	}
	f.Evidence = append(f.Evidence, address(c)...)
	if len(f.Evidence) == 0 {
		f.Evidence = []facts.Evidence{{Kind: "crash", Text: "the signal that ended it", Ref: "/crash/kind"}}
	}
	f.NextSteps = []facts.NextStep{
		rule.OnCall(rule.Rollback(doc) + onCall),
		rule.Developer("C frames are given as file and offset: addr2line with the debug information of exactly that file names the line; the Go code that called it stands on the stack above"),
	}
	if s := c.Signal; s != nil && c.Kind == facts.CrashSignal && !s.FaultAddress.Known {
		f.Unknowns = []facts.Unknown{{What: "the address that was accessed", WouldTell: "the registers and the instruction of the thread"}}
	}
	return f
}

// sentToItself is a process that sent itself a signal with kill.
func sentToItself(doc *facts.Document) facts.Finding {
	c := doc.Crash
	name := rule.SignalName(c.Signal)
	f := rule.Death(doc, name)
	f.Title = rule.Line(rule.Program(doc)+" sent itself "+name, rule.TitleCap)
	f.Summary = fmt.Sprintf("The process sent %s to itself and ended; any of its threads may have got it, so that the stack that it hit means nothing.", name)
	f.Goroutines, f.Groups = facts.FindingGoroutines{}, nil
	f.Evidence = []facts.Evidence{{Kind: "crash", Text: "the sender of " + name + " was the process itself", Ref: "/crash/signal/sender/who"}}
	f.NextSteps = []facts.NextStep{
		rule.OnCall("the program's own output just before the end may say why it killed itself; " + rule.Rollback(doc)),
		rule.Developer("who sends " + name + " to the own process: syscall.Kill, os.Process.Signal or kill in C code?"),
	}
	f.Unknowns = []facts.Unknown{{What: "which goroutine sent the signal: it may have gone on before the signal came", WouldTell: "the program's own output just before the end"}}
	return f
}
