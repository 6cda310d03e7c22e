// Package threadexplosion is the rule thread-explosion: the process has far more
// threads than it has work for processors.
package threadexplosion

import (
	_ "embed"
	"fmt"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

//go:embed README.md
var doc string

const (
	// limit is how many threads the runtime allows before it ends the process:
	// sched.maxmcount, 10,000 unless debug.SetMaxThreads says otherwise
	// (runtime/proc.go, schedinit).
	limit = 10_000
	// many is a tenth of that. The runtime itself needs GOMAXPROCS and a handful; the
	// rest is goroutines in system calls and C code, which hold a thread each.
	many = limit / 10
	// nearly is where the limit is close.
	nearly = limit * 8 / 10
)

// Rule finds processes with too many threads.
var Rule = &rule.Rule{
	ID:       "thread-explosion",
	Title:    "The process has far more threads than processors to run them",
	Severity: facts.SeverityCritical,
	Needs:    []rule.Part{rule.Scheduler},
	Doc:      doc,
	Check:    check,
}

func check(doc *facts.Document) []facts.Finding {
	threads, ref := count(doc)
	died := doc.Crash != nil && doc.Crash.Kind == facts.CrashFatal && rule.MessageHas(doc.Crash, "thread exhaustion")
	if !died && threads < many {
		return nil
	}
	f := facts.Finding{
		Severity: facts.SeverityWarning, Confidence: facts.ConfidenceProven,
		Title:   rule.Plural(threads, "thread"),
		Summary: fmt.Sprintf("The process had %s", rule.Plural(threads, "thread")),
		NextSteps: []facts.NextStep{
			rule.OnCall("compare the limits on threads (ulimit -u, pids.max of the cgroup) and look at what the system calls wait for: a disk, a mount, a name server"),
		},
	}
	if p := doc.Scheduler.GOMAXPROCS; p.Known {
		f.Summary += fmt.Sprintf(" for %s", rule.Plural(p.V, "processor"))
		f.Title += fmt.Sprintf(" for %s", rule.Plural(p.V, "processor"))
	}
	f.Summary += fmt.Sprintf("; the runtime ends it at %s unless it is told otherwise.", rule.Count(limit))
	switch {
	case died:
		f.Severity = facts.SeverityCritical
		f.Title = "the limit of threads was reached: " + rule.Plural(threads, "thread")
		f.Summary = "The process reached its limit of threads, and the runtime ended it."
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "crash", Text: "the runtime's message: " + rule.Message(doc.Crash), Ref: "/crash/message"})
	case threads >= nearly:
		f.Severity = facts.SeverityError
	}
	if ref != "" {
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "scheduler", Text: rule.Plural(threads, "thread"), Ref: ref})
	}
	if idle := doc.Scheduler.IdleMs; idle.Known {
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "scheduler", Text: rule.Plural(idle.V, "thread") + " slept for want of work", Ref: "/scheduler/idle_ms"})
		if 2*idle.V > threads {
			f.Unknowns = append(f.Unknowns, facts.Unknown{What: "what needed the threads: most sleep by now, the runtime does not end them", WouldTell: "a core or goroutine profile from the time of the load"})
		}
	}
	f.NextSteps = append(f.NextSteps, rule.Developer(cause(doc, &f)))
	return []facts.Finding{f}
}

// cause names the largest group that holds threads, as evidence, and asks for its bound.
func cause(doc *facts.Document, f *facts.Finding) string {
	if doc.Goroutines != nil {
		for i := range doc.Goroutines.Groups {
			g := &doc.Goroutines.Groups[i]
			if g.System || g.Status != facts.StatusSyscall || g.Count < 2 {
				continue
			}
			f.Goroutines, f.Groups = rule.All(g), rule.IDs(g)
			f.DependsOn = []string{"syscall-blocked"}
			f.Evidence = append(f.Evidence, facts.Evidence{Kind: "stack", Text: fmt.Sprintf("%s in system calls or C code in %s hold a thread each", rule.Plural(g.Count, "goroutine"), rule.Where(g)), Ref: rule.GroupRef(g)})
			return "what bounds how many of these run at once: " + rule.Where(g) + "?"
		}
	}
	return "which blocking system calls or calls of C code have no bound on how many run at once? runtime.LockOSThread takes a thread each, too"
}

// count is how many threads there were: by the core, and by the scheduler where that
// says more (a core can be cut).
func count(doc *facts.Document) (n int, ref string) {
	n, ref = len(doc.Threads), "/threads"
	if n == 0 {
		ref = ""
	}
	if ms := doc.Scheduler.Ms; ms.Known && ms.V > n {
		return ms.V, "/scheduler/ms"
	}
	return n, ref
}
