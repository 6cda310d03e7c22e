package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"postmortem/analyzer/facts"
	"postmortem/rules"
)

// gates turn what the report says into the exit code.
type gates struct {
	require   []string
	failOn    string
	exitClass bool

	severity   facts.Severity   // of failOn; "" when it is not given
	confidence facts.Confidence // likewise
}

func (g *gates) flags(f *pflag.FlagSet) {
	f.StringSliceVar(&g.require, "require", nil, "exit 5 unless these `PARTS` of the report are complete: crash, gc, goroutines, heap, rules, scheduler, target, threads, waits")
	f.StringVar(&g.failOn, "fail-on", "", "exit 1 when a finding is at least `SEVERITY[:CONFIDENCE]`: info, warning, error or critical; possible, likely (default) or proven")
	f.BoolVar(&g.exitClass, "exit-class", false, "exit with the class of the death: 128 panic or fatal error, 129 out of memory, 130 interrupted, 131 deadlock, 132 fault signal, 133 aborted from outside, 0 none of these")
}

// partNames are the parts that a report of this schema can have. What is not
// built yet is never complete.
var partNames = []string{
	facts.PartTarget, facts.PartCrash, facts.PartGoroutines, facts.PartThreads, facts.PartScheduler, facts.PartGC, facts.PartHeap,
	facts.PartWaits, facts.PartRules, "evidence",
}

// validate refuses names that no part has and gates that cannot be, before any work
// is done.
func (g *gates) validate() error {
	if g.failOn != "" && g.exitClass {
		return usagef("--fail-on and --exit-class both say what the exit code means: give one of them")
	}
	if err := g.parseFailOn(); err != nil {
		return err
	}
	for _, part := range g.require {
		if !slices.Contains(partNames, part) {
			return usagef("--require %s: there is no such part; the parts are %s", part, strings.Join(partNames, ", "))
		}
	}
	return nil
}

// parseFailOn reads SEVERITY[:CONFIDENCE].
func (g *gates) parseFailOn() error {
	if g.failOn == "" {
		return nil
	}
	severity, confidence, given := strings.Cut(g.failOn, ":")
	if !given {
		confidence = string(facts.ConfidenceLikely)
	}
	g.severity, g.confidence = facts.Severity(severity), facts.Confidence(confidence)
	if rules.Valid(g.severity, g.confidence) {
		return nil
	}
	return usagef("--fail-on %s: give info, warning, error or critical, and behind a colon possible, likely or proven", g.failOn)
}

// check returns the error that ends the program, nil for exit code 0.
func (g *gates) check(doc *facts.Document) error {
	sections := doc.Completeness.Sections
	var unmet []string
	for _, part := range g.require {
		s, ok := sections[part]
		switch {
		case !ok:
			unmet = append(unmet, fmt.Sprintf("the report has no part %q (it has: %s)", part, strings.Join(slices.Sorted(maps.Keys(sections)), ", ")))
		case s.State != facts.SectionComplete && s.Why.Known:
			unmet = append(unmet, fmt.Sprintf("%s is %s: %s", part, s.State, s.Why.V))
		case s.State != facts.SectionComplete:
			unmet = append(unmet, fmt.Sprintf("%s is %s", part, s.State))
		}
	}
	if len(unmet) > 0 {
		return &exitError{exitRequire, fmt.Errorf("--require is not met: %s; the report was written, see its completeness", strings.Join(unmet, "; "))}
	}
	if g.severity != "" {
		if doc.Findings == nil {
			return &exitError{exitInput, errors.New("the report holds no findings, so --fail-on cannot be decided: make it anew from the core")}
		}
		if i := rules.Reaches(doc, g.severity, g.confidence); i >= 0 {
			f := &doc.Findings[i]
			return &exitError{exitFailOn, fmt.Errorf("--fail-on %s is reached by %s (%s, %s): %s", g.failOn, f.Rule, f.Severity, f.Confidence, f.Title)}
		}
	}
	if class := facts.ExitClasses[doc.Verdict.Class]; g.exitClass && class != 0 {
		return &exitError{code: class}
	}
	return nil
}
