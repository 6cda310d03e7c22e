// Package memorylimitthrash is the rule memory-limit-thrash: live memory is so close
// to GOMEMLIMIT that the collector runs again and again and frees next to nothing.
package memorylimitthrash

import (
	_ "embed"
	"fmt"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

//go:embed README.md
var doc string

const (
	// roomPercent is how much the heap may grow between collections, by what is
	// live, without being called tight. A collection costs in proportion to what is
	// live; with GOGC=100 the program allocates as much between two, with a tenth of
	// that the collector has ten times as much to do for what is allocated.
	roomPercent = 10
	// nearPercent of the limit have to be in use: less, and something else than the
	// limit sets the goal. The pacer itself stays 3% below (mgcpacer.go, since 1.21).
	nearPercent = 90
)

// Rule finds collectors that work against the memory limit.
var Rule = &rule.Rule{
	ID:       "memory-limit-thrash",
	Title:    "Live memory is so close to GOMEMLIMIT that collections free next to nothing",
	Severity: facts.SeverityError,
	Needs:    []rule.Part{rule.GC},
	Doc:      doc,
	Check:    check,
}

func check(doc *facts.Document) []facts.Finding {
	gc := doc.GC
	limit := gc.MemoryLimit
	if !limit.Set.Known || !limit.Set.V || !limit.Bytes.Known || !limit.UsedBytes.Known || limit.Bytes.V == 0 {
		return nil
	}
	near := limit.UsedBytes.V >= limit.Bytes.V/100*nearPercent
	room, tight := roomLeft(gc)
	if !near || !tight {
		return nil
	}
	f := facts.Finding{
		Severity: facts.SeverityWarning, Confidence: facts.ConfidenceLikely,
		Title: rule.Line(fmt.Sprintf("memory limit reached: %s of %s in use, collections free next to nothing",
			rule.Size(limit.UsedBytes.V), rule.Size(limit.Bytes.V)), rule.TitleCap),
		Summary: fmt.Sprintf("The runtime holds %s of the %s that GOMEMLIMIT allows, and %s of heap were live after the last collection: the program may allocate %s before the next one.",
			rule.Size(limit.UsedBytes.V), rule.Size(limit.Bytes.V), rule.Size(gc.HeapMarkedBytes.V), rule.Size(room)),
		Evidence: []facts.Evidence{
			{Kind: "gc", Text: fmt.Sprintf("%s of the memory limit are in use", rule.Percent(limit.UsedBytes.V, limit.Bytes.V)), Ref: "/gc/memory_limit/used_bytes"},
			{Kind: "gc", Text: fmt.Sprintf("%s were live after the last collection", rule.Size(gc.HeapMarkedBytes.V)), Ref: "/gc/heap_marked_bytes"},
			{Kind: "gc", Text: fmt.Sprintf("the next collection is due at %s", rule.Size(gc.HeapGoalBytes.V)), Ref: "/gc/heap_goal_bytes"},
		},
		DependsOn: []string{"goroutine-leak", "heap-leak-suspect", "retained-by-goroutines"},
		NextSteps: []facts.NextStep{
			rule.OnCall("a restart buys time if the memory is leaked; a higher GOMEMLIMIT helps only where the container has room, and for a leak not for long"),
			rule.Developer("what holds the live heap (the heap part of the report), and can it be bounded?"),
		},
		Unknowns: []facts.Unknown{{What: "the container's own limit: it is not in a core", WouldTell: "the orchestrator, or memory.max of its cgroup"}},
	}
	if on := gc.CPULimiter; on.Known && on.V {
		f.Severity, f.Confidence = facts.SeverityError, facts.ConfidenceProven
		f.Summary += " The runtime had begun to hold the collector back, since that took half of the CPU time: memory grows beyond the limit from there."
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "gc", Text: "the collector's CPU limiter was on", Ref: "/gc/cpu_limiter"})
	}
	return []facts.Finding{f}
}

// roomLeft is how much the program may allocate between two collections, and whether
// that is little. It is not when no collection has looked what is live.
func roomLeft(gc *facts.GC) (room uint64, tight bool) {
	live, goal := gc.HeapMarkedBytes, gc.HeapGoalBytes
	if !live.Known || !goal.Known || live.V == 0 {
		return 0, false
	}
	if goal.V > live.V {
		room = goal.V - live.V
	}
	return room, room < live.V/100*roomPercent
}
