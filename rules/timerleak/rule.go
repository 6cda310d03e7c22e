// Package timerleak is the rule timer-leak: far more timers than a program of that
// size can use.
package timerleak

import (
	_ "embed"
	"fmt"
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

//go:embed README.md
var doc string

// Rule finds timers and tickers that pile up.
var Rule = &rule.Rule{
	ID:       "timer-leak",
	Title:    "Timers or tickers pile up on the heap",
	Severity: facts.SeverityWarning,
	Needs:    []rule.Part{rule.Heap, rule.Goroutines},
	Doc:      doc,
	Check:    check,
}

const (
	// manyTimers take some 2 MB and up, and each costs when it fires.
	manyTimers = 10_000
	// perGoroutine is how many a goroutine has in use at most: one to wait for, one for
	// a deadline that was set for it, and some for connections.
	perGoroutine = 10
)

// timers are the types that timers have on the heap, and what people call them.
var timers = []struct{ typ, called string }{
	{"time.Ticker", "tickers"}, {"time.Timer", "timers"},
	{"runtime.timeTimer", "timers or tickers"}, // of both since 1.23 (time/sleep.go, newTimer)
	{"context.timerCtx", "contexts with a deadline"},
}

func check(doc *facts.Document) []facts.Finding {
	var most *facts.TypeTotal
	at, called := 0, ""
	for i := range doc.Heap.Types {
		t := &doc.Heap.Types[i]
		for _, timer := range timers {
			if t.Name.Known && t.Name.V == timer.typ && (most == nil || t.Count > most.Count) {
				most, at, called = t, i, timer.called
			}
		}
	}
	if most == nil || most.Count < manyTimers || most.Count < perGoroutine*uint64(max(doc.Goroutines.Total, 0)) {
		return nil
	}
	return []facts.Finding{finding(doc, most, at, called)}
}

func finding(doc *facts.Document, t *facts.TypeTotal, at int, called string) facts.Finding {
	f := facts.Finding{Severity: facts.SeverityWarning, Confidence: facts.ConfidenceLikely}
	f.Title = fmt.Sprintf("%s %s for %s", rule.Count(t.Count), called, rule.Plural(doc.Goroutines.Total, "goroutine"))
	ref := fmt.Sprintf("/heap/types/%d", at)
	f.Evidence = []facts.Evidence{{Kind: "heap", Text: fmt.Sprintf("%s × %s that can be reached, %s", rule.Count(t.Count), t.Name.V, rule.Size(t.Bytes)), Ref: ref}}
	f.Summary = fmt.Sprintf("%s %s can be reached, far more than %s can use.", rule.Count(t.Count), called, rule.Plural(doc.Goroutines.Total, "goroutine"))
	if old(doc) {
		f.Summary += " Before Go 1.23 the runtime keeps a ticker until Stop is called, and a timer until it has fired."
	}
	f.NextSteps = []facts.NextStep{
		rule.OnCall("a restart frees them; watch the memory and the CPU time of an idle replica, which both grow with them"),
		rule.Developer("which time.NewTicker has no Stop, which time.After stands in a loop, which context.WithTimeout is never cancelled?"),
	}
	f.Unknowns = []facts.Unknown{{What: "where they were made", WouldTell: "a heap profile (/debug/pprof/heap) of a replica"}}
	return f
}

// old reports whether the program was built with a Go version before 1.23.
func old(doc *facts.Document) bool {
	v := doc.Target.GoVersion
	if !v.Known {
		return false
	}
	for _, minor := range []string{"18", "19", "20", "21", "22"} {
		if v.V == "go1."+minor || strings.HasPrefix(v.V, "go1."+minor+".") {
			return true
		}
	}
	return false
}
