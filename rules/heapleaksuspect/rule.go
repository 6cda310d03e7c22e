// Package heapleaksuspect is the rule heap-leak-suspect: one object, or many of one
// type below one object, hold a large part of the live heap. One core cannot tell a
// leak from a cache; it tells where to look.
package heapleaksuspect

import (
	_ "embed"
	"fmt"
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

//go:embed README.md
var doc string

const (
	// worthBytes is the live heap below which no suspect is worth a look: the
	// tables of the standard library alone come near it.
	worthBytes = 1 << 20
	// worthShare is the share of the live heap that a suspect holds.
	worthShare = 0.25
	// shortPercent of GOMEMLIMIT in use is when memory is short.
	shortPercent = 90
)

// Rule finds what holds most of the heap.
var Rule = &rule.Rule{
	ID:       "heap-leak-suspect",
	Title:    "One place holds a large part of the live heap",
	Severity: facts.SeverityError,
	Needs:    []rule.Part{rule.Heap},
	Doc:      doc,
	Check:    check,
}

func check(doc *facts.Document) []facts.Finding {
	h := doc.Heap
	if !h.ReachableBytes.Known || h.ReachableBytes.V < worthBytes {
		return nil
	}
	var found []int
	for i := range h.Suspects {
		// Goroutines have a rule of their own: retained-by-goroutines.
		if s := &h.Suspects[i]; !s.Group.Known && s.Share >= worthShare {
			found = append(found, i)
		}
	}
	if len(found) == 0 {
		return nil
	}
	worst := &h.Suspects[found[0]]
	f := facts.Finding{
		Severity: facts.SeverityInfo, Confidence: facts.ConfidencePossible,
		Title: rule.Line(fmt.Sprintf("%s hold%s %s, %.0f%% of the live heap", objects(worst), third(worst), rule.Size(worst.RetainedBytes), 100*worst.Share), rule.TitleCap),
		Summary: fmt.Sprintf("Of %[4]s that are live, %[1]s hold%[2]s %[3]s%[5]s. Whether that is a leak or what the program is for, one core cannot tell.",
			objects(worst), third(worst), rule.Size(worst.RetainedBytes), rule.Size(h.ReachableBytes.V), reachedBy(worst)),
		NextSteps: []facts.NextStep{
			rule.OnCall("compare with the memory of a replica that started lately: a restart helps if this grows without an end"),
			rule.Developer(ask(worst)),
		},
		Unknowns: []facts.Unknown{{What: "whether it grows", WouldTell: "a second core or heap profile of the same process, taken later"}},
	}
	for _, i := range found[:min(len(found), 3)] {
		s := &h.Suspects[i]
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "heap", Text: fmt.Sprintf("%s hold%s %s%s", objects(s), third(s), rule.Size(s.RetainedBytes), reachedBy(s)), Ref: fmt.Sprintf("/heap/suspects/%d", i)})
		if at := s.AccumulationPoint; at != nil {
			f.Addresses = append(f.Addresses, at.Address)
		}
	}
	switch {
	case doc.Crash != nil && doc.Crash.Kind == facts.CrashOutOfMemory:
		f.Severity, f.Confidence = facts.SeverityError, facts.ConfidenceLikely
		f.Summary += " The process died of memory."
	case short(doc.GC):
		f.Severity, f.Confidence = facts.SeverityWarning, facts.ConfidenceLikely
		f.Summary += " Memory was short."
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "gc", Text: fmt.Sprintf("%s of GOMEMLIMIT were in use",
			rule.Percent(doc.GC.MemoryLimit.UsedBytes.V, doc.GC.MemoryLimit.Bytes.V)), Ref: "/gc/memory_limit/used_bytes"})
	}
	return []facts.Finding{f}
}

// short reports whether the memory limit was nearly reached and live memory, not
// garbage, is what fills it.
func short(gc *facts.GC) bool {
	if gc == nil {
		return false
	}
	m := gc.MemoryLimit
	return m.Set.V && m.Bytes.Known && m.UsedBytes.Known && m.UsedBytes.V >= m.Bytes.V/100*shortPercent &&
		gc.HeapMarkedBytes.Known && gc.HeapMarkedBytes.V >= m.Bytes.V/2
}

// objects is "a main.Cache", "900,000 main.Item".
func objects(s *facts.Suspect) string {
	typ := "object of unknown type"
	if s.Type.Known {
		typ = rule.TypeName(s.Type.V)
	}
	if s.Kind == facts.SuspectDominator || s.Objects == 1 {
		return "one " + typ
	}
	if !s.Type.Known {
		typ = "objects of unknown type"
	}
	return rule.Count(s.Objects) + " " + typ
}

// third is the ending of the verb.
func third(s *facts.Suspect) string {
	if s.Kind == facts.SuspectDominator || s.Objects == 1 {
		return "s"
	}
	return ""
}

// reachedBy is ", reached by main.cache → main.Cache.items".
func reachedBy(s *facts.Suspect) string {
	if len(s.Path) == 0 {
		return ""
	}
	path := s.Path
	if len(path) > 4 {
		path = append(append([]string{}, path[:2]...), append([]string{"…"}, path[len(path)-2:]...)...)
	}
	return ", reached by " + rule.TypeName(strings.Join(path, " → "))
}

// place is what the objects pile up in: a variable, or the last field or type with a
// name on the way there. What is no variable at the start of it only happens to lead there.
func place(s *facts.Suspect) string {
	if first := s.Path[0]; !strings.HasPrefix(first, "goroutine ") && !strings.HasPrefix(first, "goroutines ") &&
		first != "finalizers and cleanups" && first != "the runtime" && first != "several roots" {
		return first
	}
	for i := len(s.Path) - 1; i > 0; i-- {
		if step := s.Path[i]; !strings.HasPrefix(step, "[") && !strings.HasPrefix(step, "map[") && step != "?" {
			return step
		}
	}
	return s.Path[0]
}

func ask(s *facts.Suspect) string {
	if len(s.Path) > 0 {
		return "what removes entries from " + rule.TypeName(place(s)) + ", and is there a bound?"
	}
	return "what lets go of these objects, and is there a bound?"
}
