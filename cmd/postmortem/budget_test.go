package main

import (
	"context"
	"testing"

	"postmortem/analyzer/facts"
)

// TestCutReportsSaySo: what a budget cut off is told apart from what is whole and
// from what something else left out.
func TestCutReportsSaySo(t *testing.T) {
	doc := func(s facts.SectionState) *facts.Document {
		return &facts.Document{Completeness: facts.Completeness{Sections: map[string]facts.Section{facts.PartHeap: {State: s}}}}
	}
	const said = "out of --max-memory: the report has what was known by then; see its completeness"
	for _, tt := range []struct {
		cause error
		state facts.SectionState
		want  string
	}{
		{errMemory, facts.SectionPartial, said},
		{errMemory, facts.SectionComplete, ""},
		{&interrupt{}, facts.SectionPartial, ""},
		{nil, facts.SectionSkipped, ""},
	} {
		ctx, cancel := context.WithCancelCause(context.Background())
		if tt.cause != nil {
			cancel(tt.cause)
		}
		if got := new(budget).cut(ctx, doc(tt.state)); got != tt.want {
			t.Errorf("%v, %s: says %q, want %q", tt.cause, tt.state, got, tt.want)
		}
		cancel(nil)
	}
}
