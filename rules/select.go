package rules

import (
	"fmt"
	"slices"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

// Select is the set with all rules off but those of only, unless that is empty, and
// with those of disable off. The error names an id that no rule has.
func Select(set []*rule.Rule, only, disable []string) ([]*rule.Rule, error) {
	for _, flag := range []struct {
		name string
		ids  []string
	}{{"--only", only}, {"--disable", disable}} {
		for _, id := range flag.ids {
			if Find(set, id) == nil {
				return nil, fmt.Errorf("%s %s: there is no such rule: postmortem rules list names them", flag.name, id)
			}
		}
	}
	var out []*rule.Rule
	for _, r := range set {
		off := ""
		switch {
		case slices.Contains(disable, r.ID):
			off = "--disable " + r.ID
		case len(only) > 0 && !slices.Contains(only, r.ID):
			off = "it is not among --only"
		}
		if off != "" {
			without := *r
			without.Off = off
			r = &without
		}
		out = append(out, r)
	}
	return out, nil
}

// Find is the rule of that id; nil when the set has none.
func Find(set []*rule.Rule, id string) *rule.Rule {
	if i := slices.IndexFunc(set, func(r *rule.Rule) bool { return r.ID == id }); i >= 0 {
		return set[i]
	}
	return nil
}

// Reaches looks for a finding that is at least as severe and as confident; it
// returns the index of the first one, -1 for none.
func Reaches(doc *facts.Document, severity facts.Severity, confidence facts.Confidence) int {
	return slices.IndexFunc(doc.Findings, func(f facts.Finding) bool {
		return severities[f.Severity] >= severities[severity] && confidences[f.Confidence] >= confidences[confidence]
	})
}

// Valid reports whether both are values that findings have.
func Valid(severity facts.Severity, confidence facts.Confidence) bool {
	return severities[severity] > 0 && confidences[confidence] > 0
}
