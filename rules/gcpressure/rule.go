// Package gcpressure is the rule gc-pressure: the collector took more of the
// program's time than it should. A core has no count of the collector's CPU time;
// what is left of it in memory is asked instead.
package gcpressure

import (
	_ "embed"
	"fmt"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

//go:embed README.md
var doc string

const (
	// pauseShare is the share of all time that pauses may take. The collector is
	// built to pause for well below a millisecond, some times a second.
	pauseShare = 0.05
	// forcedPerSecond is how often a program may call runtime.GC: each call is a
	// whole collection and keeps its caller waiting.
	forcedPerSecond = 1.0
	// enoughCycles is from when on a rate is more than the noise of a start.
	enoughCycles = 100
	// fewCycles is below what nothing is said at all.
	fewCycles = 5
	// assistShare is the share of the program's goroutines that helps the collector
	// instead of working, and assisting how many these are at least: more than the
	// processors of most machines.
	assistShare, assisting = 0.25, 32
)

// Rule finds collectors that take too much time.
var Rule = &rule.Rule{
	ID:       "gc-pressure",
	Title:    "The collector took more of the program's time than it should",
	Severity: facts.SeverityWarning,
	Needs:    []rule.Part{rule.GC},
	Doc:      doc,
	Check:    check,
}

// sign is one reason to say so.
type sign struct {
	severity   facts.Severity
	confidence facts.Confidence
	title, why string
	ref, ask   string
}

// signs are the reasons there can be, the strongest first.
var signs = []func(*facts.Document) *sign{limiter, pauses, assists, forced}

func check(doc *facts.Document) []facts.Finding {
	var first *sign
	var evidence []facts.Evidence
	for _, look := range signs {
		s := look(doc)
		if s == nil {
			continue
		}
		if first == nil {
			first = s
		}
		evidence = append(evidence, facts.Evidence{Kind: "gc", Text: s.why, Ref: s.ref})
	}
	if first == nil {
		return nil
	}
	f := facts.Finding{
		Severity: first.severity, Confidence: first.confidence,
		Title:    rule.Line(first.title, rule.TitleCap),
		Summary:  "The collector worked more than a healthy heap needs: " + first.why + ".",
		Evidence: append(evidence, heap(doc.GC)...),
		NextSteps: []facts.NextStep{
			rule.OnCall("compare CPU load and latency with a replica that works; more memory (a larger container, a higher GOGC or GOMEMLIMIT) buys time"),
			rule.Developer(first.ask),
		},
		Unknowns: []facts.Unknown{{What: "how much CPU time the collector took: a core has no count of it",
			WouldTell: "GODEBUG=gctrace=1, runtime/metrics (/cpu/classes/gc/total:cpu-seconds) or a CPU profile of a live replica"}},
	}
	return []facts.Finding{f}
}

const allocates = "take an allocation profile (/debug/pprof/allocs): what allocates most, and can it be kept or reused?"

// limiter is on when the collector has taken half of all CPU time, where it is held
// back (gcCPULimiter, runtime/mgclimit.go, since 1.19).
func limiter(doc *facts.Document) *sign {
	if on := doc.GC.CPULimiter; !on.Known || !on.V {
		return nil
	}
	return &sign{facts.SeverityWarning, facts.ConfidenceProven, "half of the CPU time went to the collector",
		"the runtime had begun to hold the collector back, which it does when that takes half of the CPU time", "/gc/cpu_limiter", allocates}
}

// pauses is the time in which the collector stopped everything.
func pauses(doc *facts.Document) *sign {
	p, up := doc.GC.Pauses, doc.Target.Time.UptimeNS
	if !p.Count.Known || !p.P50NS.Known || !up.Known || up.V <= 0 || p.Count.V < enoughCycles {
		return nil
	}
	share := float64(p.P50NS.V) * float64(p.Count.V) / float64(up.V)
	if share < pauseShare {
		return nil
	}
	return &sign{facts.SeverityWarning, facts.ConfidenceLikely, fmt.Sprintf("the collector stopped the program for some %.0f%% of its time", 100*min(share, 1)),
		fmt.Sprintf("%s of %s each stopped the program for some %.0f%% of its time", rule.Plural(p.Count.V, "collection"), rule.Duration(p.P50NS.V), 100*min(share, 1)),
		"/gc/pauses", "what keeps collections from stopping the world quickly: too few processors for the load, or code that cannot be preempted? " + allocates}
}

// assists are goroutines that have to help the collector before they may allocate.
func assists(doc *facts.Document) *sign {
	g := doc.Goroutines
	if g == nil || g.User == 0 {
		return nil
	}
	n := g.ByWaitReason["GC assist wait"] + g.ByWaitReason["GC assist marking"]
	if n < assisting || float64(n) < assistShare*float64(g.User) {
		return nil
	}
	return &sign{facts.SeverityWarning, facts.ConfidenceLikely, fmt.Sprintf("%d goroutines waited for the collector before they could allocate", n),
		fmt.Sprintf("%d of %d goroutines could not allocate before they had helped the collector: it does not keep up with the program", n, g.User),
		"/goroutines/by_wait_reason", allocates}
}

// forced are collections that the program asked for.
func forced(doc *facts.Document) *sign {
	n, up := doc.GC.ForcedCycles, doc.Target.Time.UptimeNS
	if !n.Known || !up.Known || up.V <= 0 || n.V < fewCycles {
		return nil
	}
	rate := float64(n.V) / (float64(up.V) / 1e9)
	if rate < forcedPerSecond {
		return nil
	}
	s := &sign{facts.SeverityInfo, facts.ConfidenceLikely, fmt.Sprintf("runtime.GC was called some %.3g times a second", rate),
		fmt.Sprintf("%s in %s were asked for by the program, some %.3g a second", rule.Plural(n.V, "collection"), rule.Duration(up.V), rate),
		"/gc/forced_cycles", "who calls runtime.GC or debug.FreeOSMemory again and again? The collector starts by itself when it is time"}
	if n.V >= enoughCycles {
		s.severity = facts.SeverityWarning
	}
	return s
}

// heap is how much room the collector had.
func heap(gc *facts.GC) []facts.Evidence {
	if !gc.HeapMarkedBytes.Known || !gc.HeapGoalBytes.Known {
		return nil
	}
	return []facts.Evidence{{Kind: "gc", Text: fmt.Sprintf("%s were live after the last collection, the next one is due at %s",
		rule.Size(gc.HeapMarkedBytes.V), rule.Size(gc.HeapGoalBytes.V)), Ref: "/gc/heap_goal_bytes"}}
}
