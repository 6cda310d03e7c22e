package rules

import (
	"cmp"
	"slices"

	"postmortem/analyzer/facts"
)

// severities and confidences rank the values, from 1 on.
var (
	severities = map[facts.Severity]int{
		facts.SeverityInfo: 1, facts.SeverityWarning: 2, facts.SeverityError: 3, facts.SeverityCritical: 4,
	}
	confidences = map[facts.Confidence]int{
		facts.ConfidencePossible: 1, facts.ConfidenceLikely: 2, facts.ConfidenceProven: 3,
	}
)

// worse compares findings: the worse comes first. death says which of them are about
// how the process died: among equals that is what counts.
func worse(a, b *facts.Finding, death func(*facts.Finding) bool) int {
	first := func(f *facts.Finding) int {
		if death(f) {
			return 0
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(severities[b.Severity], severities[a.Severity]),
		cmp.Compare(confidences[b.Confidence], confidences[a.Confidence]),
		cmp.Compare(first(a), first(b)),
		cmp.Compare(b.Goroutines.Count, a.Goroutines.Count),
		cmp.Compare(a.Rule, b.Rule),
		cmp.Compare(a.Fingerprint, b.Fingerprint),
	)
}

// order sorts findings, worst first, but puts what explains a finding before it:
// a cause takes the place of its worst consequence. DependsOn keeps only rules that
// found something.
func order(doc *facts.Document, findings []facts.Finding) {
	death := func(f *facts.Finding) bool { return explains(doc, f) }
	slices.SortStableFunc(findings, func(a, b facts.Finding) int { return worse(&a, &b, death) })
	byRule := map[string][]int{}
	for i := range findings {
		byRule[findings[i].Rule] = append(byRule[findings[i].Rule], i)
	}
	for i := range findings {
		f := &findings[i]
		f.DependsOn = slices.DeleteFunc(slices.Clone(f.DependsOn), func(id string) bool { return id == f.Rule || byRule[id] == nil })
	}
	placed := make([]facts.Finding, 0, len(findings))
	seen := make([]bool, len(findings))
	var place func(i int)
	place = func(i int) {
		if seen[i] { // also when rules name each other in a circle
			return
		}
		seen[i] = true
		for _, cause := range findings[i].DependsOn {
			for _, j := range byRule[cause] {
				place(j)
			}
		}
		placed = append(placed, findings[i])
	}
	for i := range findings {
		place(i)
	}
	copy(findings, placed)
}
