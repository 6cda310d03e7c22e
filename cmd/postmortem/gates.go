package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"postmortem/analyzer/facts"
)

// gates turn what the report says into the exit code.
type gates struct {
	require   []string
	exitClass bool
}

func (g *gates) flags(f *pflag.FlagSet) {
	f.StringSliceVar(&g.require, "require", nil, "exit 5 unless these `PARTS` of the report are complete: crash, gc, goroutines, heap, scheduler, target, threads, waits")
	f.BoolVar(&g.exitClass, "exit-class", false, "exit with the class of the death: 128 panic or fatal error, 129 out of memory, 130 interrupted, 131 deadlock, 132 fault signal, 133 aborted from outside, 0 none of these")
}

// partNames are the parts that a report of this schema can have. What is not
// built yet is never complete.
var partNames = []string{
	facts.PartTarget, facts.PartCrash, facts.PartGoroutines, facts.PartThreads, facts.PartScheduler, facts.PartGC, facts.PartHeap,
	facts.PartWaits, "evidence", "rules", "findings",
}

// validate refuses names that no part has, before any work is done.
func (g *gates) validate() error {
	for _, part := range g.require {
		if !slices.Contains(partNames, part) {
			return usagef("--require %s: there is no such part; the parts are %s", part, strings.Join(partNames, ", "))
		}
	}
	return nil
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
	if class := facts.ExitClasses[doc.Verdict.Class]; g.exitClass && class != 0 {
		return &exitError{code: class}
	}
	return nil
}
