// Package goroutineexplosion is the rule goroutine-explosion: one place has started
// far more goroutines than get done.
package goroutineexplosion

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

//go:embed README.md
var doc string

const (
	// remarkable is how many waiting goroutines of one place are worth an
	// information: pools of workers and idle servers have tens to hundreds.
	remarkable = 1_000
	// many is how many are worth a warning when something else than the network
	// holds them up: 2 KiB of stack and the runtime's record make at least 25 MiB,
	// and no pool is that large.
	many = 10_000
	// connections is the same for goroutines that wait for the network: a server
	// may well have 10,000 connections, with one or two goroutines each.
	connections = 100_000
	// mostPercent is the share of the program's goroutines that they are, so that a
	// place stands out.
	mostPercent = 50
)

// Rule finds places that start too many goroutines.
var Rule = &rule.Rule{
	ID:       "goroutine-explosion",
	Title:    "One place has started far more goroutines than get done",
	Severity: facts.SeverityError,
	Needs:    []rule.Part{rule.Goroutines},
	Doc:      doc,
	Check:    check,
}

// crowd is the waiting goroutines of one place that starts them.
type crowd struct {
	site   facts.Site
	groups []*facts.Group // largest first
	count  int
	polled int // of count, wait for the network
}

func check(doc *facts.Document) []facts.Finding {
	var found []facts.Finding
	for _, c := range crowds(doc.Goroutines) {
		if c.count < remarkable || c.count*100 < doc.Goroutines.User*mostPercent {
			continue
		}
		found = append(found, finding(doc, c))
	}
	return found
}

// crowds are the waiting goroutines by who started them, largest first.
func crowds(g *facts.Goroutines) []*crowd {
	by := map[facts.Site]*crowd{}
	var all []*crowd
	for i := range g.Groups {
		group := &g.Groups[i]
		waits := group.Status == facts.StatusWaiting || group.Status == facts.StatusLeaked || group.Status == facts.StatusSyscall
		if group.System || !waits || group.CreatedBy == nil {
			continue
		}
		c := by[*group.CreatedBy]
		if c == nil {
			c = &crowd{site: *group.CreatedBy}
			by[c.site] = c
			all = append(all, c)
		}
		c.groups = append(c.groups, group)
		c.count += group.Count
		if group.Quadrant == facts.QuadrantNetpoll {
			c.polled += group.Count
		}
	}
	slices.SortStableFunc(all, func(a, b *crowd) int { return cmp.Compare(b.count, a.count) })
	return all
}

func finding(doc *facts.Document, c *crowd) facts.Finding {
	largest := c.groups[0]
	held := rule.State(largest)
	if at := rule.Where(largest); at != "" {
		held += " in " + at
	}
	f := facts.Finding{
		Severity: facts.SeverityInfo, Confidence: facts.ConfidenceProven,
		Title:      rule.Line(fmt.Sprintf("%s started by %s wait", rule.Plural(c.count, "goroutine"), rule.FuncName(c.site.Func)), rule.TitleCap),
		Summary:    fmt.Sprintf("%s of the program's %s were started by %s and wait, most of them (%s): %s.", rule.Count(c.count), rule.Plural(doc.Goroutines.User, "goroutine"), rule.AtSite(&c.site), rule.Count(largest.Count), held),
		Goroutines: rule.All(c.groups...), Groups: rule.IDs(c.groups...),
		DependsOn: []string{"channel-deadlock", "deadlock-cycle", "goroutine-leak", "lock-contention-pileup", "syscall-blocked"},
		NextSteps: []facts.NextStep{
			rule.OnCall("compare the number of goroutines with that of a replica that works; a restart helps if it only grows"),
			rule.Developer("what bounds how many " + rule.AtSite(&c.site) + " starts, and what should end their wait (" + held + ")?"),
		},
		Unknowns: []facts.Unknown{{What: "whether their number grows", WouldTell: "the goroutine profile of a live replica (goroutine?debug=1), twice"}},
	}
	for _, g := range c.groups[:min(len(c.groups), 5)] {
		text := fmt.Sprintf("%s: %s", rule.Plural(g.Count, "goroutine"), rule.State(g))
		if at := rule.Where(g); at != "" {
			text += " in " + at
		}
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "count", Text: text, Ref: rule.GroupRef(g)})
	}
	if c.count-c.polled >= many || c.count >= connections {
		f.Severity = facts.SeverityWarning
		if doc.Crash != nil && doc.Crash.Kind == facts.CrashOutOfMemory {
			f.Severity = facts.SeverityError
		}
	}
	return f
}
