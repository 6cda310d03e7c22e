package rules

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

// FindingsCap is how many findings of one rule a document lists.
const FindingsCap = 100

// Run asks every rule of the set and writes the document's Rules, by id, its
// Findings, worst first, and what the verdict and the signature owe them. A rule
// that lacks a part of the document is skipped, one that panics or returns an error
// has failed; neither hinders the others. When ctx ends, what can take long is skipped.
func Run(ctx context.Context, doc *facts.Document, set []*rule.Rule) {
	doc.Rules, doc.Findings = []facts.RuleStatus{}, []facts.Finding{}
	for _, r := range set {
		found, status := run(ctx, doc, r)
		doc.Rules = append(doc.Rules, status)
		doc.Findings = append(doc.Findings, found...)
	}
	slices.SortStableFunc(doc.Rules, func(a, b facts.RuleStatus) int { return strings.Compare(a.ID, b.ID) })
	order(doc, doc.Findings)
	judge(doc)
	if doc.Completeness.Sections == nil {
		doc.Completeness.Sections = map[string]facts.Section{}
	}
	doc.Completeness.Sections[facts.PartRules] = section(set, doc.Rules)
}

// section says whether all rules that were wanted have answered.
func section(set []*rule.Rule, statuses []facts.RuleStatus) facts.Section {
	var lost []string
	for _, s := range statuses {
		if r := Find(set, s.ID); s.Status == facts.RuleFailed || s.Status == facts.RuleSkipped && r.Off == "" {
			lost = append(lost, s.ID)
		}
	}
	if len(lost) == 0 {
		return facts.Section{State: facts.SectionComplete}
	}
	return facts.Section{State: facts.SectionPartial, Why: facts.Some(fmt.Sprintf("%d of %d rules have no answer: %s", len(lost), len(statuses), strings.Join(lost, ", ")))}
}

// run asks one rule.
func run(ctx context.Context, doc *facts.Document, r *rule.Rule) (found []facts.Finding, status facts.RuleStatus) {
	status = facts.RuleStatus{ID: r.ID, Status: facts.RuleClear}
	if r.Off != "" {
		status.Status, status.Why = facts.RuleSkipped, r.Off
		return nil, status
	}
	if err := context.Cause(ctx); err != nil && r.Evaluate != nil {
		status.Status, status.Why = facts.RuleSkipped, err.Error()
		return nil, status
	}
	if part := r.Missing(doc); part != "" {
		status.Status, status.Why = facts.RuleSkipped, fmt.Sprintf("the report has no part %q", part)
		return nil, status
	}
	found, err := check(ctx, doc, r)
	for i := range found {
		if err == nil {
			err = complete(doc, r, &found[i])
		}
	}
	var unknown *rule.UnknownError
	switch {
	case errors.As(err, &unknown):
		status.Status, status.Why = facts.RuleSkipped, unknown.Why
		return nil, status
	case err != nil:
		status.Status, status.Why = facts.RuleFailed, err.Error()
		return nil, status
	case len(found) > FindingsCap:
		status.Why = fmt.Sprintf("it found %d, of which %d are listed", len(found), FindingsCap)
		order(doc, found)
		found = found[:FindingsCap]
		fallthrough
	case len(found) > 0:
		status.Status = facts.RuleFired
	}
	return found, status
}

// check calls the rule; what it panics with is an error.
func check(ctx context.Context, doc *facts.Document, r *rule.Rule) (found []facts.Finding, err error) {
	defer func() {
		if p := recover(); p != nil {
			found, err = nil, fmt.Errorf("a bug in the rule: %v", p)
		}
	}()
	if r.Evaluate != nil {
		return r.Evaluate(ctx, doc)
	}
	return r.Check(doc), nil
}

// complete fills what a rule leaves to whoever runs it, and refuses what no rule
// may say.
func complete(doc *facts.Document, r *rule.Rule, f *facts.Finding) error {
	switch {
	case severities[f.Severity] == 0:
		return fmt.Errorf("a bug in the rule: it found something of severity %q", f.Severity)
	case severities[f.Severity] > severities[r.Severity]:
		return fmt.Errorf("a bug in the rule: it found something of severity %q and may say %q at most", f.Severity, r.Severity)
	case confidences[f.Confidence] == 0:
		return fmt.Errorf("a bug in the rule: it found something with confidence %q", f.Confidence)
	case f.Title == "":
		return fmt.Errorf("a bug in the rule: it found something without a title")
	}
	f.Rule = r.ID
	if f.Docs == "" {
		f.Docs = "postmortem rules show " + r.ID
	}
	f.Confidence = capped(f.Confidence, doc.Completeness.Identity)
	notNil(&f.Goroutines.GoidRanges)
	notNil(&f.Groups)
	notNil(&f.Addresses)
	notNil(&f.Evidence)
	notNil(&f.DependsOn)
	notNil(&f.NextSteps)
	notNil(&f.Unknowns)
	f.Fingerprint = fingerprint(doc, f)
	return nil
}

// capped is a confidence that does not exceed what the binary's identity allows.
func capped(c facts.Confidence, id facts.IdentityState) facts.Confidence {
	limit := facts.ConfidenceProven
	switch id {
	case facts.IdentityMismatchForced:
		limit = facts.ConfidencePossible
	case facts.IdentityUnverifiable:
		limit = facts.ConfidenceLikely
	}
	if confidences[c] > confidences[limit] {
		return limit
	}
	return c
}

// notNil makes a slice that is known to be empty say so.
func notNil[T any](s *[]T) {
	if *s == nil {
		*s = []T{}
	}
}
