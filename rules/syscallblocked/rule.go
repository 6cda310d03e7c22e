// Package syscallblocked is the rule syscall-blocked: goroutines are held up in
// system calls or C code, and hold a thread each.
package syscallblocked

import (
	_ "embed"
	"fmt"
	"slices"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

//go:embed README.md
var doc string

const (
	// longNS is from when on a call is long: disks and local services answer within
	// seconds, a call of a minute waits for somebody.
	longNS = 60_000_000_000
	// pile is how many goroutines in one call are a pile, each with a thread: a
	// hundredth of the runtime's limit of 10,000 threads, and more than what pools
	// for files and name lookups usually are.
	pile = 100
)

// idle are calls that are meant to wait for good.
var idle = []string{"os/signal.signal_recv", "os/signal.loop"}

// Rule finds goroutines that are held up in system calls.
var Rule = &rule.Rule{
	ID:       "syscall-blocked",
	Title:    "Goroutines are held up in system calls or C code, with a thread each",
	Severity: facts.SeverityWarning,
	Needs:    []rule.Part{rule.Goroutines},
	Doc:      doc,
	Check:    check,
}

func check(doc *facts.Document) []facts.Finding {
	var found []facts.Finding
	for i := range doc.Goroutines.Groups {
		g := &doc.Goroutines.Groups[i]
		if g.System || g.Status != facts.StatusSyscall || isDeath(doc, g) {
			continue
		}
		if _, ok := rule.Has(g.Frames, idle...); ok {
			continue
		}
		long := g.WaitedAtLeastNS.Max
		isLong := long.Known && long.V >= longNS
		// A process that hung or lives is asked of every call; one that died by
		// itself only of what is remarkable.
		if !isLong && g.Count < pile && !hung(doc) {
			continue
		}
		found = append(found, finding(doc, g))
	}
	return found
}

func finding(doc *facts.Document, g *facts.Group) facts.Finding {
	who, verb := rule.Plural(g.Count, "goroutine"), "are"
	if g.Count == 1 {
		verb = "is"
		if len(g.GoidRanges) == 1 {
			who = rule.Goid(g.GoidRanges[0][0])
		}
	}
	call := "a system call"
	if _, c := rule.Has(g.Frames, "runtime.cgocall", "runtime.cgocallbackg"); c {
		call = "C code"
	}
	where := rule.Where(g)
	f := facts.Finding{
		Severity: facts.SeverityInfo, Confidence: facts.ConfidenceLikely,
		Title:      rule.Line(fmt.Sprintf("%s %s in %s%s", who, verb, call, in(g)), rule.TitleCap),
		Summary:    fmt.Sprintf("%s %s in %s, and %s", who, verb, call, holds(g)),
		Goroutines: rule.All(g), Groups: rule.IDs(g),
		Evidence: []facts.Evidence{{Kind: "stack", Text: fmt.Sprintf("%s in %s: %s", who, call, where), Ref: rule.GroupRef(g)}},
		NextSteps: []facts.NextStep{
			rule.OnCall("see what the call waits for: a disk or network mount, a pipe or terminal that nobody serves, a lock on a file, a child process"),
			rule.Developer("in " + where + ": can the call be given a deadline or be interrupted, and what bounds how many run at once?"),
		},
	}
	if where != "" {
		f.Summary += ", in " + where
	}
	f.Summary += "."
	f.Evidence = append(f.Evidence, descriptor(doc, g)...)
	if long := g.WaitedAtLeastNS.Max; long.Known {
		f.Summary += " The longest has lasted for at least " + rule.Duration(long.V) + "."
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "time", Text: "the longest has lasted for at least " + rule.Duration(long.V), Ref: rule.GroupRef(g) + "/waited_at_least_ns/max"})
	} else {
		f.Confidence = facts.ConfidencePossible
		f.Unknowns = append(f.Unknowns, facts.Unknown{What: "how long it has been there: no collection has seen it", WouldTell: "a second core, or a goroutine profile of a live replica"})
	}
	if g.Count >= pile {
		f.Severity, f.Confidence = facts.SeverityWarning, facts.ConfidenceLikely
	}
	return f
}

func holds(g *facts.Group) string {
	if g.Count == 1 {
		return "holds a thread"
	}
	return "hold a thread each"
}

// in is " in os.(*File).Read", "" where the stack is not known.
func in(g *facts.Group) string {
	f, _ := rule.Blame(g.Frames)
	if f == nil {
		return ""
	}
	return ", in " + rule.FuncName(f.Func)
}

// descriptor says what the first of the group's goroutines is in, where the wait-for
// graph knows it.
func descriptor(doc *facts.Document, g *facts.Group) []facts.Evidence {
	if doc.Waits == nil || len(g.GoidRanges) == 0 {
		return nil
	}
	first := g.GoidRanges[0][0]
	for i := range doc.Waits.Edges {
		e := &doc.Waits.Edges[i]
		if e.Goroutine != first {
			continue
		}
		at := slices.IndexFunc(doc.Waits.Resources, func(r facts.Resource) bool { return r.ID == e.Resource })
		if at < 0 || doc.Waits.Resources[at].Syscall == nil || !doc.Waits.Resources[at].Syscall.Name.Known {
			continue
		}
		s := doc.Waits.Resources[at].Syscall
		text := rule.Goid(first) + " is in " + s.Name.V
		if s.FD.Known {
			text += fmt.Sprintf(" of descriptor %d", s.FD.V)
		}
		if t := s.Target; t != nil && t.Remote.Known {
			text += ", a connection to " + t.Remote.V
		}
		return []facts.Evidence{{Kind: "wait", Text: text, Ref: fmt.Sprintf("/waits/resources/%d", at)}}
	}
	return nil
}

// hung reports whether the process did not die of anything that its own goroutines did.
func hung(doc *facts.Document) bool {
	return doc.Crash != nil && (doc.Crash.Kind == facts.CrashSnapshot || rule.SentFromOutside(doc.Crash))
}

// isDeath reports whether a group is what the process died on.
func isDeath(doc *facts.Document, g *facts.Group) bool {
	c := doc.Crash
	return c != nil && c.Goroutine.Known && !rule.SentFromOutside(c) && g.Count == 1 && len(g.GoidRanges) == 1 && g.GoidRanges[0][0] == c.Goroutine.V
}
