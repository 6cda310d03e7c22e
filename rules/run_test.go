package rules_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postmortem/analyzer/facts"
	"postmortem/rules"
	"postmortem/rules/rule"
)

// fake is a rule that finds the same whatever it is asked of.
func fake(id string, found ...facts.Finding) *rule.Rule {
	return &rule.Rule{
		ID: id, Title: id, Severity: facts.SeverityCritical,
		Check: func(*facts.Document) []facts.Finding { return found },
	}
}

func finding(s facts.Severity, c facts.Confidence, goroutines int, dependsOn ...string) facts.Finding {
	return facts.Finding{Severity: s, Confidence: c, Title: "title", Goroutines: facts.FindingGoroutines{Count: goroutines}, DependsOn: dependsOn}
}

const (
	critical, severe, warning = facts.SeverityCritical, facts.SeverityError, facts.SeverityWarning
	proven, likely, possible  = facts.ConfidenceProven, facts.ConfidenceLikely, facts.ConfidencePossible
)

func foundBy(doc *facts.Document) string {
	var ids []string
	for _, f := range doc.Findings {
		ids = append(ids, f.Rule)
	}
	return strings.Join(ids, " ")
}

func TestWhatBecomesOfRules(t *testing.T) {
	panics := fake("panics")
	panics.Check = func(*facts.Document) []facts.Finding { panic("out of range") }
	lacks := fake("lacks", finding(severe, likely, 1))
	lacks.Needs = []rule.Part{rule.Crash, rule.Waits}
	fails := fake("fails")
	fails.Evaluate = func(context.Context, *facts.Document) ([]facts.Finding, error) { return nil, errors.New("too dear") }
	exceeds := fake("exceeds", finding(critical, likely, 1))
	exceeds.Severity = warning
	doc := &facts.Document{Crash: &facts.Crash{}}
	rules.Run(t.Context(), doc, []*rule.Rule{panics, lacks, fails, exceeds, fake("quiet"), fake("loud", finding(warning, likely, 1))})
	want := []facts.RuleStatus{
		{ID: "exceeds", Status: facts.RuleFailed, Why: `a bug in the rule: it found something of severity "critical" and may say "warning" at most`},
		{ID: "fails", Status: facts.RuleFailed, Why: "too dear"},
		{ID: "lacks", Status: facts.RuleSkipped, Why: `the report has no part "waits"`},
		{ID: "loud", Status: facts.RuleFired},
		{ID: "panics", Status: facts.RuleFailed, Why: "a bug in the rule: out of range"},
		{ID: "quiet", Status: facts.RuleClear},
	}
	if diff := cmp.Diff(want, doc.Rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if got := foundBy(doc); got != "loud" {
		t.Errorf("findings of %q, want those of loud", got)
	}
}

func TestWorstFindingIsFirst(t *testing.T) {
	set := []*rule.Rule{
		fake("a", finding(warning, proven, 900)),
		fake("b", finding(critical, possible, 1)),
		fake("c", finding(critical, likely, 2)),
		fake("d", finding(critical, likely, 3)),
		fake("e", finding(critical, likely, 2)),
	}
	doc := new(facts.Document)
	rules.Run(t.Context(), doc, set)
	if got, want := foundBy(doc), "d c e b a"; got != want {
		t.Errorf("findings of %s, want %s", got, want)
	}
}

// TestCauseIsBeforeConsequence: also when the consequence is the worse one, and when
// rules name each other in a circle or name what found nothing.
func TestCauseIsBeforeConsequence(t *testing.T) {
	set := []*rule.Rule{
		fake("cause", finding(warning, likely, 1)),
		fake("consequence", finding(critical, proven, 9, "cause", "silent")),
		fake("hen", finding(severe, likely, 2, "egg")),
		fake("egg", finding(severe, likely, 1, "hen")),
		fake("silent"),
	}
	doc := new(facts.Document)
	rules.Run(t.Context(), doc, set)
	if got, want := foundBy(doc), "cause consequence egg hen"; got != want {
		t.Errorf("findings of %s, want %s", got, want)
	}
	if diff := cmp.Diff([]string{"cause"}, doc.Findings[1].DependsOn); diff != "" {
		t.Errorf("depends_on (-want +got):\n%s", diff)
	}
}

func TestConfidenceFollowsIdentity(t *testing.T) {
	for id, want := range map[facts.IdentityState]facts.Confidence{
		facts.IdentityVerified: proven, facts.IdentityUnverifiable: likely, facts.IdentityMismatchForced: possible,
	} {
		doc := &facts.Document{Completeness: facts.Completeness{Identity: id}}
		rules.Run(t.Context(), doc, []*rule.Rule{fake("a", finding(severe, proven, 1))})
		if got := doc.Findings[0].Confidence; got != want {
			t.Errorf("identity %s: confidence %s, want %s", id, got, want)
		}
	}
}
