// Package gcstwstalled is the rule gc-stw-stalled: a stop of the world, or the
// collector between its phases, waits for a goroutine that does not let itself be
// stopped.
package gcstwstalled

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

//go:embed README.md
var doc string

// The runtime's monitor asks a goroutine to yield that has run for a time slice of
// 10 ms (forcePreemptNS, runtime/proc.go), and a stop of the world asks at once. Code
// that can be preempted answers within microseconds. Ten slices without an answer
// are a stall; less may be a stop that has just begun.
const stalledNS = 10 * 10_000_000

// Rule finds stops of the world that do not come to their end.
var Rule = &rule.Rule{
	ID:       "gc-stw-stalled",
	Title:    "A stop of the world waits for a goroutine that does not let itself be stopped",
	Severity: facts.SeverityCritical,
	Needs:    []rule.Part{rule.GC},
	Doc:      doc,
	Check:    check,
}

// wait is what waits for goroutines to stop.
type wait struct {
	what, means, after string // in words
	ref                string // JSON Pointer
	by                 facts.Maybe[int64]
	waiting            []facts.NotStopped
	deadly             bool // the whole program waits with it
}

func check(doc *facts.Document) []facts.Finding {
	stop, barrier := &doc.GC.StopTheWorld, &doc.GC.Barrier
	switch {
	case stop.InProgress.V:
		return stalled(doc, wait{
			what:  "a stop of the world" + reason(stop),
			means: "The runtime was stopping all goroutines" + reason(stop) + ", and %s did not stop",
			after: "Goroutines that have stopped wait until it does.",
			ref:   "/gc/stop_the_world", by: stop.Goroutine, waiting: stop.WaitingFor, deadly: true,
		})
	case barrier.InProgress.V:
		return stalled(doc, wait{
			what:  "the collector",
			means: "The collector waited until every processor had passed a safe point, and %s did not get there",
			after: "The program runs on and allocates meanwhile, and nothing is freed.",
			ref:   "/gc/barrier", by: barrier.Goroutine, waiting: barrier.WaitingFor,
		})
	}
	return nil
}

// stalled finds a wait that does not come to its end.
func stalled(doc *facts.Document, w wait) []facts.Finding {
	waiting := holders(doc, w.waiting)
	if len(waiting) == 0 {
		return nil
	}
	longest := slices.MaxFunc(waiting, func(a, b holder) int { return cmp.Compare(a.ran(), b.ran()) })
	killed := doc.Crash != nil && rule.SentFromOutside(doc.Crash)
	f := facts.Finding{Severity: facts.SeverityError, Confidence: facts.ConfidenceLikely}
	switch ran := longest.ran(); {
	case ran >= stalledNS && killed && w.deadly:
		f.Severity = facts.SeverityCritical
	case ran >= stalledNS:
	case killed, doc.Crash != nil && doc.Crash.Kind == facts.CrashSnapshot:
		// Every collection stops the world, and a signal can come in that moment. But the
		// runtime's clocks stand still with it, so that a stall can look this short.
		f.Severity, f.Confidence = facts.SeverityInfo, facts.ConfidencePossible
		if killed && w.deadly {
			f.Severity = facts.SeverityWarning
		}
	default:
		return nil
	}
	f.Title = rule.Line(fmt.Sprintf("%s waits for %s", w.what, longest.name(doc)), rule.TitleCap)
	f.Summary = fmt.Sprintf(w.means, longest.place(doc))
	if longest.RunsAtLeastNS.Known {
		f.Summary += fmt.Sprintf(": it has not given up its processor for at least %s", rule.Duration(longest.RunsAtLeastNS.V))
	}
	f.Summary += ". " + w.after
	for _, h := range waiting {
		f.Evidence = append(f.Evidence, h.evidence(doc, w.ref))
		if h.Goroutine.Known {
			f.Goroutines.Count++
			f.Goroutines.GoidRanges = append(f.Goroutines.GoidRanges, [2]int64{h.Goroutine.V, h.Goroutine.V})
			if g := rule.GroupOf(doc, h.Goroutine.V); g != nil && !slices.Contains(f.Groups, g.ID) {
				f.Groups = append(f.Groups, g.ID)
			}
		}
	}
	slices.SortFunc(f.Goroutines.GoidRanges, func(a, b [2]int64) int { return cmp.Compare(a[0], b[0]) })
	slices.Sort(f.Groups)
	f.Evidence = append(f.Evidence, others(doc, w)...)
	f.NextSteps = []facts.NextStep{
		rule.OnCall("only a restart ends it; the same input leads there again. Without GODEBUG=asyncpreemptoff=1, if that is set, the runtime can stop plain loops"),
		rule.Developer(longest.place(doc) + ": a loop without calls in assembly or with preemption off, or code that runs with preemption forbidden?"),
	}
	f.Unknowns = []facts.Unknown{{What: "since when it has been waited for: the time above is how long the goroutine has run, and the wait may have begun later",
		WouldTell: "the goroutine's CPU time in a second core, or an execution trace"}}
	if !longest.Goroutine.Known {
		f.Unknowns = append(f.Unknowns, facts.Unknown{What: "which goroutine runs on the processor", WouldTell: "the stack of its thread"})
	}
	return []facts.Finding{f}
}

// holder is a processor that has not stopped, and its place in the document.
type holder struct {
	*facts.NotStopped
	at int
}

// ran is how long it has run at least, 0 when that is not known.
func (h holder) ran() int64 { return h.RunsAtLeastNS.V }

// holders are what is waited for, except for the goroutine that the process
// died on, which was stopped by its death, and for processors that no thread has:
// nothing runs there that could refuse to stop.
func holders(doc *facts.Document, waiting []facts.NotStopped) []holder {
	var out []holder
	dying := doc.Crash != nil && doc.Crash.Goroutine.Known && !rule.SentFromOutside(doc.Crash)
	for i := range waiting {
		h := holder{&waiting[i], i}
		if dying && h.Goroutine == doc.Crash.Goroutine || !h.Goroutine.Known && !h.Thread.Known {
			continue
		}
		out = append(out, h)
	}
	return out
}

// name is "g3 in main.tightLoop".
func (h holder) name(doc *facts.Document) string { return h.called(doc, rule.FuncName) }

// place is name with the line.
func (h holder) place(doc *facts.Document) string { return h.called(doc, nil) }

// called names the goroutine, or else the thread or the processor, and where it is:
// by the name of the function alone when short is not nil.
func (h holder) called(doc *facts.Document, short func(string) string) string {
	who := "a processor"
	switch {
	case h.Goroutine.Known:
		who = rule.Goid(h.Goroutine.V)
	case h.Thread.Known:
		who = fmt.Sprintf("thread %d", h.Thread.V)
	case h.P.Known:
		who = fmt.Sprintf("processor %d", h.P.V)
	}
	if h.Goroutine.Known {
		if g := rule.GroupOf(doc, h.Goroutine.V); g != nil {
			if f, _ := rule.Blame(g.Frames); f != nil && short != nil {
				return who + " in " + short(f.Func)
			} else if f != nil {
				return who + " in " + rule.At(f)
			}
		}
	}
	return who
}

func (h holder) evidence(doc *facts.Document, ref string) facts.Evidence {
	text := h.place(doc) + " has not stopped"
	if h.Doing.Known {
		text += " (" + h.Doing.V + ")"
	}
	if h.RunsAtLeastNS.Known {
		text += fmt.Sprintf("; it has run for at least %s without a pause", rule.Duration(h.RunsAtLeastNS.V))
	}
	return facts.Evidence{Kind: "scheduler", Text: text, Ref: fmt.Sprintf("%s/waiting_for/%d", ref, h.at)}
}

// others is who waits, and whether preemption was switched off.
func others(doc *facts.Document, w wait) []facts.Evidence {
	var out []facts.Evidence
	if id := w.by; id.Known {
		text := rule.Goid(id.V) + " waits for it"
		if g := rule.GroupOf(doc, id.V); g != nil && rule.Where(g) != "" {
			text += " in " + rule.Where(g)
		}
		out = append(out, facts.Evidence{Kind: "gc", Text: text, Ref: w.ref + "/goroutine"})
	}
	if v := doc.Target.BuildSettings["DefaultGODEBUG"]; strings.Contains(v, "asyncpreemptoff=1") {
		out = append(out, facts.Evidence{Kind: "scheduler", Text: "the program was built with asyncpreemptoff=1: loops without calls cannot be stopped", Ref: "/target/build_settings/DefaultGODEBUG"})
	}
	return out
}

func reason(stop *facts.StopTheWorld) string {
	if !stop.Reason.Known {
		return ""
	}
	return " (" + stop.Reason.V + ")"
}
