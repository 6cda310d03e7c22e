// Package nilchannel is the rule nil-channel: goroutines send to or receive from a
// channel that was never made, which takes for ever.
package nilchannel

import (
	_ "embed"
	"fmt"
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

//go:embed README.md
var doc string

// Rule finds waits on nil channels.
var Rule = &rule.Rule{
	ID:       "nil-channel",
	Title:    "Goroutines wait on a nil channel, for ever",
	Severity: facts.SeverityCritical,
	Needs:    []rule.Part{rule.Goroutines},
	Doc:      doc,
	Check:    check,
}

func check(doc *facts.Document) []facts.Finding {
	var found []facts.Finding
	for i := range doc.Goroutines.Groups {
		if g := &doc.Goroutines.Groups[i]; !g.System && strings.Contains(g.WaitReason.V, "(nil chan)") {
			found = append(found, wait(doc, g))
		}
	}
	return found
}

func wait(doc *facts.Document, g *facts.Group) facts.Finding {
	f := facts.Finding{Severity: facts.SeverityWarning, Confidence: facts.ConfidenceProven, Goroutines: rule.All(g), Groups: rule.IDs(g)}
	switch {
	case doc.Crash != nil && doc.Crash.Kind == facts.CrashDeadlock:
		f.Severity = facts.SeverityCritical
	case g.Count >= rule.Pile:
		f.Severity = facts.SeverityError
	}
	does := "receive from"
	if strings.Contains(g.WaitReason.V, "send") {
		does = "send to"
	}
	if g.Count == 1 {
		does = strings.Replace(strings.Replace(does, "receive", "receives", 1), "send", "sends", 1)
	}
	f.Title = fmt.Sprintf("%s %s a nil channel", rule.Plural(g.Count, "goroutine"), does)
	at := rule.Where(g)
	if at != "" {
		f.Title = rule.Line(f.Title+" in "+at, rule.TitleCap)
	}
	f.Summary = fmt.Sprintf("%s %s a channel that is nil. Nobody can ever wake them: the language says that this blocks for ever.", rule.Plural(g.Count, "goroutine"), does)
	f.Evidence = []facts.Evidence{{Kind: "wait", Text: "the runtime's wait reason: " + g.WaitReason.V, Ref: rule.GroupRef(g) + "/wait_reason"}}
	if g.CreatedBy != nil {
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "stack", Text: "started by " + rule.AtSite(g.CreatedBy), Ref: rule.GroupRef(g) + "/created_by"})
	}
	where := "there"
	if at != "" {
		where = "in " + at
	}
	f.NextSteps = []facts.NextStep{
		rule.OnCall("each of them keeps its memory until a restart; nothing else depends on it unless others wait for them"),
		rule.Developer("which make(chan …) is missing for the channel used " + where + "? A field of a struct that was not initialised is the usual reason"),
	}
	return f
}
