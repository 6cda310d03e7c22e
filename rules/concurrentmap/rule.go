// Package concurrentmap is the rule concurrent-map: goroutines used one map at the
// same time without a lock, at least one of them writing.
package concurrentmap

import (
	_ "embed"
	"fmt"
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

//go:embed README.md
var doc string

// Rule finds maps that were used by several goroutines at once.
var Rule = &rule.Rule{
	ID:       "concurrent-map",
	Title:    "Goroutines used one map at the same time without a lock",
	Severity: facts.SeverityCritical,
	Needs:    []rule.Part{rule.Crash},
	Doc:      doc,
	Check:    check,
}

func check(doc *facts.Document) []facts.Finding {
	c := doc.Crash
	if c.Kind != facts.CrashFatal || !rule.MessageHas(c, "concurrent map") {
		return nil
	}
	f := rule.Death(doc, rule.FatalBrief(c))
	where := ""
	if at := rule.Stood(c); at != "" {
		where = " in " + at
	}
	f.Summary = "Two goroutines used one map at the same time without a lock, at least one of them writing. " +
		rule.Subject(c) + " noticed" + where + "; the other had gone on and can be anywhere."
	if others := inMaps(doc); len(others) > 0 {
		for _, g := range others[:min(len(others), 3)] {
			f.Evidence = append(f.Evidence, facts.Evidence{Kind: "stack",
				Text: fmt.Sprintf("%s at work on a map or ready to go on with it in %s: the other side may be among them", rule.Plural(g.Count, "goroutine"), rule.Where(g)),
				Ref:  rule.GroupRef(g)})
		}
	}
	f.NextSteps = []facts.NextStep{
		rule.OnCall("a restart helps until the two meet again, which load makes likelier; " + rule.Rollback(doc)),
		rule.Developer("which lock guards the map used" + where + "? Run the tests with -race, which names both sides"),
	}
	f.Unknowns = []facts.Unknown{{What: "who used the map at the same time: it had gone on", WouldTell: "-race, or every use of this map in the source"}}
	return []facts.Finding{f}
}

// inMaps are the groups besides the crash's own that are running, or ready to run,
// in an operation on a map or in the function that the crash happened in.
func inMaps(doc *facts.Document) []*facts.Group {
	if doc.Goroutines == nil {
		return nil
	}
	own := ""
	if at, _ := rule.Blame(doc.Crash.Frames); at != nil && at.InApp {
		own = at.Func
	}
	var out []*facts.Group
	for i := range doc.Goroutines.Groups {
		g := &doc.Goroutines.Groups[i]
		if g.System || g.Quadrant != facts.QuadrantRunning && g.Quadrant != facts.QuadrantRunnable || isCrash(doc, g) {
			continue
		}
		if at, _ := rule.Blame(g.Frames); at != nil && at.InApp && at.Func == own || usesMap(g.Frames) {
			out = append(out, g)
		}
	}
	return out
}

// isCrash reports whether a group is the crash's goroutine alone.
func isCrash(doc *facts.Document, g *facts.Group) bool {
	id := doc.Crash.Goroutine
	return id.Known && g.Count == 1 && len(g.GoidRanges) == 1 && g.GoidRanges[0][0] == id.V
}

// usesMap reports whether the innermost of a stack's frames are the runtime's
// operations on maps.
func usesMap(frames []*facts.Frame) bool {
	for _, f := range frames {
		if f == nil || !rule.IsRuntime(f.Func) {
			return false
		}
		for _, prefix := range []string{"runtime.mapassign", "runtime.mapaccess", "runtime.mapdelete", "runtime.mapiter", "runtime.mapclear", "internal/runtime/maps."} {
			if strings.HasPrefix(f.Func, prefix) {
				return true
			}
		}
	}
	return false
}
