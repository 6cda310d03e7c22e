// Package goroutineleak is the rule goroutine-leak: blocked goroutines that nothing
// will ever wake.
package goroutineleak

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

// Rule finds leaked goroutines.
var Rule = &rule.Rule{
	ID:       "goroutine-leak",
	Title:    "Blocked goroutines that nothing will ever wake",
	Severity: facts.SeverityError,
	Needs:    []rule.Part{rule.Waits, rule.Goroutines},
	Doc:      doc,
	Check:    check,
}

const (
	// manyLeaked are enough to say that it goes on and on, at a stack of 2 KiB each at
	// the least, whatever they hold.
	manyLeaked = 1000
	// growthUptime is how long, in ns, a process must have run for an average of its
	// growth to say something: in its first minutes a program is still starting.
	growthUptime = 600e9
	// largePart of what can be reached is what matters for the process's memory.
	largePart = 0.10
)

// leak is what leaked at one place, with one verdict.
type leak struct {
	verdict  facts.Confidence
	where    string
	groups   []*facts.LeakGroup
	count    int
	retained uint64
	stacks   uint64
	first    int // index in Leaks.Groups
}

func check(doc *facts.Document) []facts.Finding {
	if doc.Waits.Leaks == nil {
		return nil
	}
	var found []facts.Finding
	for _, l := range byPlace(doc) {
		if l.verdict != facts.ConfidencePossible || l.count >= rule.Pile {
			found = append(found, l.finding(doc))
		}
	}
	return found
}

// byPlace joins the groups that stand at one place for one reason.
func byPlace(doc *facts.Document) []*leak {
	type key struct {
		verdict       facts.Confidence
		where, reason string
	}
	known := make(map[key]*leak)
	var list []*leak
	for i := range doc.Waits.Leaks.Groups {
		g := &doc.Waits.Leaks.Groups[i]
		k := key{g.Verdict, "", g.Reason}
		if of := rule.Group(doc, g.Group); of != nil {
			k.where = rule.Where(of)
		}
		l := known[k]
		if l == nil {
			l = &leak{verdict: g.Verdict, where: k.where, first: i}
			known[k] = l
			list = append(list, l)
		}
		l.groups = append(l.groups, g)
		l.count += g.Count
		l.retained += g.RetainedBytes.V
		l.stacks += g.StackBytes
	}
	return list
}

func (l *leak) finding(doc *facts.Document) facts.Finding {
	f := facts.Finding{Severity: l.severity(doc), Confidence: l.verdict}
	for _, g := range l.groups {
		f.Goroutines.Count += g.Count
		f.Goroutines.GoidRanges = append(f.Goroutines.GoidRanges, g.GoidRanges...)
		f.Groups = append(f.Groups, g.Group)
	}
	slices.SortFunc(f.Goroutines.GoidRanges, func(a, b [2]int64) int { return cmp.Compare(a[0], b[0]) })
	slices.Sort(f.Groups)
	f.Groups = slices.Compact(f.Groups)
	first := l.groups[0]
	f.Title = fmt.Sprintf("%s leaked", rule.Plural(l.count, "goroutine"))
	if l.where != "" {
		f.Title += " in " + l.where
	}
	f.Title = rule.Line(f.Title, rule.TitleCap)
	f.Summary = fmt.Sprintf("%s blocked and nothing will wake %s: %s.", are(l.count), them(l.count), first.Reason)
	if l.verdict != facts.ConfidenceProven {
		f.Summary = fmt.Sprintf("%s blocked and probably nothing will wake %s: %s.", are(l.count), them(l.count), first.Reason)
	}
	ref := fmt.Sprintf("/waits/leaks/groups/%d", l.first)
	f.Evidence = []facts.Evidence{{Kind: "leak", Text: first.Reason, Ref: ref}}
	if len(first.Path) > 0 {
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "heap", Text: "reached only from " + rule.Line(first.Path[0], 200), Ref: ref + "/path"})
	}
	if of := rule.Group(doc, first.Group); of != nil {
		switch {
		case strings.Contains(of.WaitReason.V, "(nil chan)"):
			f.DependsOn = []string{"nil-channel"}
		case inCycle(doc, first):
			f.DependsOn = []string{"deadlock-cycle"}
		}
		text := rule.State(of)
		if l.where != "" {
			text += " in " + l.where
		}
		if of.CreatedBy != nil {
			text += ", started by " + rule.AtSite(of.CreatedBy)
		}
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "stack", Text: text, Ref: rule.GroupRef(of)})
	}
	if l.retained+l.stacks > 0 {
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "heap", Ref: ref,
			Text: fmt.Sprintf("they keep %s of the heap and %s of stacks", rule.Size(l.retained), rule.Size(l.stacks))})
	}
	f.NextSteps = l.steps(doc)
	f.Unknowns = l.unknowns(doc)
	return f
}

// inCycle reports whether the first goroutine of a leak waits in a deadlock.
func inCycle(doc *facts.Document, g *facts.LeakGroup) bool {
	return len(g.GoidRanges) > 0 && slices.ContainsFunc(doc.Waits.Cycles, func(c facts.WaitCycle) bool {
		return slices.ContainsFunc(c.Knot, func(r [2]int64) bool { return r[0] <= g.GoidRanges[0][0] && g.GoidRanges[0][0] <= r[1] })
	})
}

func are(n int) string {
	if n == 1 {
		return "1 goroutine is"
	}
	return rule.Count(n) + " goroutines are"
}

func them(n int) string {
	if n == 1 {
		return "it"
	}
	return "them"
}

func (l *leak) severity(doc *facts.Document) facts.Severity {
	large := false
	if doc.Heap != nil && doc.Heap.ReachableBytes.Known {
		large = float64(l.retained) >= largePart*float64(doc.Heap.ReachableBytes.V) && l.retained >= 1<<20
	}
	switch {
	case l.verdict == facts.ConfidenceProven && (large || l.count >= manyLeaked):
		return facts.SeverityError
	case l.verdict == facts.ConfidenceProven, l.verdict == facts.ConfidenceLikely && l.count >= rule.Pile:
		return facts.SeverityWarning
	}
	return facts.SeverityInfo
}

func (l *leak) steps(doc *facts.Document) []facts.NextStep {
	onCall := "a restart frees what they keep; until then memory grows with each of them"
	if up := doc.Target.Time.UptimeNS; up.Known && up.V >= growthUptime && l.count >= rule.Pile {
		perHour := float64(l.count) / (float64(up.V) / 3600e9)
		onCall = fmt.Sprintf("a restart frees what they keep; on average %s more leaked each hour", rule.Count(int64(perHour)))
	}
	return []facts.NextStep{rule.OnCall(onCall), rule.Developer(l.ask(doc))}
}

// timer is the timer that the first of the goroutines waits for; nil when none is known.
func (l *leak) timer(doc *facts.Document) *facts.TimerState {
	if len(l.groups[0].GoidRanges) == 0 {
		return nil
	}
	return rule.Timer(doc, l.groups[0].GoidRanges[0][0])
}

// ask is what the other side of the wait should have done.
func (l *leak) ask(doc *facts.Document) string {
	of := rule.Group(doc, l.groups[0].Group)
	if of == nil {
		return "who should have ended this wait, and on which path did it return without?"
	}
	what := "this goroutine"
	if of.CreatedBy != nil {
		what = "the goroutine that " + rule.AtSite(of.CreatedBy) + " starts"
	}
	if t := l.timer(doc); t != nil && t.Stopped {
		return "what ends " + what + " when its timer is stopped? Stop does not close the channel: wait in a select that also ends with a context"
	}
	switch reason := of.WaitReason.V; {
	case strings.HasPrefix(reason, "select (no cases)"):
		return "should " + what + " ever end? select {} never does"
	case strings.HasPrefix(reason, "chan send"):
		return "what ends " + what + " when the receiver returns early? A select with ctx.Done(), or room for one value in the channel, lets it go"
	case strings.HasPrefix(reason, "chan receive"):
		return "what ends " + what + " when the sender returns early? Close the channel with defer where values are sent, or wait in a select with ctx.Done()"
	case strings.HasPrefix(reason, "select"):
		return "what ends " + what + " when the others return early? One case should be ctx.Done()"
	case strings.HasPrefix(reason, "sync."), strings.HasPrefix(reason, "semacquire"):
		return "on which path does the other side return without Unlock, Done or Signal, before " + what + " is woken? defer covers all of them"
	}
	return "who should have ended the wait of " + what + ", and on which path did it return without?"
}

func (l *leak) unknowns(doc *facts.Document) []facts.Unknown {
	var out []facts.Unknown
	if n := doc.Waits.Leaks.NotProven; n.Known {
		out = append(out, facts.Unknown{What: "whether it is proven: " + n.V, WouldTell: "a core that holds all memory, with the binary's own types"})
	} else if l.verdict != facts.ConfidenceProven {
		out = append(out, facts.Unknown{What: "whether anybody still uses what leads to it", WouldTell: "the code that writes the variable named above, or a second core some time later"})
	}
	return append(out, facts.Unknown{What: "why the other side left: it has returned", WouldTell: "the code behind the go statement: look for a timeout or an error return"})
}
