package analyzer_test

import (
	"strings"
	"testing"

	"postmortem/analyzer"
	"postmortem/analyzer/facts"
	"postmortem/internal/testcores"
)

// TestValues reads variables only when asked, and only of frames on the stack.
func TestValues(t *testing.T) {
	c := testcores.Get(t, "dies-panicstruct-1.27.3-plain")
	if hidden := analyze(t, c, analyzer.Config{}).Crash.Values; hidden != nil {
		t.Errorf("values %v without being asked for", hidden)
	}
	doc := analyze(t, c, analyzer.Config{ShowValues: true})
	if len(doc.Crash.Values) == 0 {
		t.Fatalf("no values; gaps %v", doc.Completeness.Gaps)
	}
	on := make(map[facts.Word]bool)
	for _, g := range doc.Goroutines.Groups {
		for _, f := range g.Frames {
			on[f.PC.V] = true
		}
	}
	for _, f := range doc.Crash.Values {
		if !on[f.PC] {
			t.Errorf("values of %s at %#x, which is on no stack", f.Func, uint64(f.PC))
		}
		for _, v := range append(f.Arguments, f.Locals...) {
			if v.Value.Known == v.Unreadable.Known {
				t.Errorf("%s of %s is %+v, want a value or why there is none", v.Name, f.Func, v)
			}
		}
	}
}

// TestValuesOfOldGo says that they cannot be read, and reports the rest.
func TestValuesOfOldGo(t *testing.T) {
	doc := analyze(t, testcores.Get(t, "small-nil-1.22.12-plain"), analyzer.Config{ShowValues: true})
	told := false
	for _, g := range doc.Completeness.Gaps {
		told = told || strings.Contains(g.What, "values need Go 1.25 or newer")
	}
	if !told || doc.Crash.Values != nil || doc.Crash.Kind != facts.CrashPanic {
		t.Errorf("gaps %v, values %v, kind %s", doc.Completeness.Gaps, doc.Crash.Values, doc.Crash.Kind)
	}
}
