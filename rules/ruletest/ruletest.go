// Package ruletest asks rules of facts in tests and holds what they find against
// what every finding owes its reader. It is no rule.
package ruletest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
)

var severities = []facts.Severity{facts.SeverityInfo, facts.SeverityWarning, facts.SeverityError, facts.SeverityCritical}

// Above reports whether a severity is worse than another.
func Above(a, b facts.Severity) bool {
	return slices.Index(severities, a) > slices.Index(severities, b)
}

// Fires asks the rule, which has to find exactly one thing, and returns that.
func Fires(t testing.TB, r *rule.Rule, doc *facts.Document) *facts.Finding {
	t.Helper()
	found := Ask(t, r, doc)
	if len(found) != 1 {
		t.Fatalf("%s finds %d things, want one: %+v", r.ID, len(found), found)
	}
	return &found[0]
}

// Clear asks the rule, which has to find nothing.
func Clear(t testing.TB, r *rule.Rule, doc *facts.Document) {
	t.Helper()
	for _, f := range Ask(t, r, doc) {
		t.Errorf("%s finds %q, want nothing", r.ID, f.Title)
	}
}

// Is compares how bad and how certain a finding is.
func Is(t testing.TB, f *facts.Finding, s facts.Severity, c facts.Confidence) {
	t.Helper()
	if f.Severity != s || f.Confidence != c {
		t.Errorf("%q is %s and %s, want %s and %s", f.Title, f.Severity, f.Confidence, s, c)
	}
}

// Says wants every part in the finding's title, summary, evidence, steps or unknowns.
func Says(t testing.TB, f *facts.Finding, parts ...string) {
	t.Helper()
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var plain bytes.Buffer
	for _, p := range parts {
		plain.Reset()
		e := json.NewEncoder(&plain)
		if err := e.Encode(p); err != nil {
			t.Fatal(err)
		}
		quoted := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(plain.String()), `"`), `"`)
		if !strings.Contains(string(b), quoted) {
			t.Errorf("the finding does not say %q: %s", p, b)
		}
	}
}

// Ask runs the rule on the document and checks what it finds; a part of the document
// that the rule needs has to be there.
func Ask(t testing.TB, r *rule.Rule, doc *facts.Document) []facts.Finding {
	t.Helper()
	if part := r.Missing(doc); part != "" {
		t.Fatalf("%s needs the part %q, which the document lacks", r.ID, part)
	}
	found := r.Check(doc)
	for i := range found {
		if err := check(r, doc, &found[i]); err != nil {
			t.Errorf("%s: %v: %+v", r.ID, err, found[i])
		}
	}
	return found
}

// check holds what a finding owes its reader: a title that fits a ticket's subject,
// a reason, evidence that is in the document, steps for both readers.
func check(r *rule.Rule, doc *facts.Document, f *facts.Finding) error {
	switch {
	case f.Title == "" || utf8.RuneCountInString(f.Title) > rule.TitleCap || strings.ContainsAny(f.Title, "\n\t"):
		return fmt.Errorf("the title %q is none", f.Title)
	case f.Summary == "":
		return fmt.Errorf("no summary")
	case !slices.Contains(severities, f.Severity) || Above(f.Severity, r.Severity):
		return fmt.Errorf("severity %q of a rule that goes up to %q", f.Severity, r.Severity)
	case len(f.Evidence) == 0:
		return fmt.Errorf("no evidence")
	}
	for _, who := range []facts.Who{facts.WhoOnCall, facts.WhoDeveloper} {
		if !slices.ContainsFunc(f.NextSteps, func(s facts.NextStep) bool { return s.Who == who && s.Action != "" }) {
			return fmt.Errorf("no step for %s", who)
		}
	}
	for _, u := range f.Unknowns {
		if u.What == "" || u.WouldTell == "" {
			return fmt.Errorf("an unknown without what would tell: %+v", u)
		}
	}
	counted := 0
	for _, ids := range f.Goroutines.GoidRanges {
		counted += int(ids[1] - ids[0] + 1)
	}
	if counted != f.Goroutines.Count {
		return fmt.Errorf("%d goroutines in ranges of %d", f.Goroutines.Count, counted)
	}
	return resolve(doc, f.Evidence)
}

// resolve looks up the JSON Pointer of every piece of evidence.
func resolve(doc *facts.Document, evidence []facts.Evidence) error {
	b, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	var root any
	if err := json.Unmarshal(b, &root); err != nil {
		return err
	}
	for _, e := range evidence {
		if e.Kind == "" || e.Text == "" {
			return fmt.Errorf("evidence without kind or text: %+v", e)
		}
		if v := lookup(root, e.Ref); v == nil {
			return fmt.Errorf("evidence %q points to %q, which is nothing", e.Text, e.Ref)
		}
	}
	return nil
}

// lookup is what a JSON Pointer points to; nil for nothing and for null.
func lookup(v any, pointer string) any {
	if !strings.HasPrefix(pointer, "/") {
		return nil
	}
	for _, key := range strings.Split(pointer[1:], "/") {
		key = strings.ReplaceAll(strings.ReplaceAll(key, "~1", "/"), "~0", "~")
		switch x := v.(type) {
		case map[string]any:
			v = x[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}
