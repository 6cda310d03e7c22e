package user_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postmortem/analyzer/facts"
	"postmortem/rules/rule"
	"postmortem/rules/user"
)

// write makes a rule file of a text.
func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

// load reads a text that holds one good rule.
func load(t *testing.T, text string) *user.Rule {
	t.Helper()
	rules, err := user.Load(write(t, text))
	if err != nil {
		t.Fatal(err)
	}
	if len(rules) != 1 {
		t.Fatalf("%d rules, want 1", len(rules))
	}
	return rules[0]
}

// asking is a rule with this question.
func asking(when string) string {
	return "id: asks\ntitle: It asks\nseverity: warning\nwhen: " + when + "\n"
}

const pileUp = `
id: too-many-at-one-lock
title: Too many goroutines wait for one lock
severity: error
confidence: proven
needs: [waits, goroutines]
docs: https://example.com/runbook#locks
for_each: waits.resources.filter(r, r.kind == "mutex")
when: each.waiter_count > 100 && each.name != "main.quiet"
message: "{count_text(each.waiter_count)} goroutines wait for {each.name}"
summary: |
  They wait for {each.name} at {each.address}, which {size(each.holders)} hold
  {{in braces}}.
groups: '[1]'
addresses: "[each.address]"
evidence:
  - kind: lock
    text: resource {each.id}
    ref: /waits/resources/{each.id - 1}
depends_on: [deadlock-cycle]
next_steps:
  - restart {each.name}
  - {who: on-call, action: "look at {bytes_text(2048)} for {ns_text(61000000000)}"}
`

func TestFinding(t *testing.T) {
	r := load(t, pileUp)
	doc := &facts.Document{
		Goroutines: &facts.Goroutines{Groups: []facts.Group{{ID: 1, GoidRanges: [][2]int64{{20, 29}, {5, 5}}}}},
		Waits: &facts.Waits{Resources: []facts.Resource{
			{ID: 1, Kind: facts.ResourceMutex, WaiterCount: 1204, Name: facts.Some("main.Store.mu"), Address: facts.Some[facts.Word](0xc000012345), Holders: []facts.Holder{{}}},
			{ID: 2, Kind: facts.ResourceMutex, WaiterCount: 3},
			{ID: 3, Kind: facts.ResourceChannel, WaiterCount: 9999},
			{ID: 4, Kind: facts.ResourceMutex, WaiterCount: 101, Name: facts.Some("main.quiet"), Holders: []facts.Holder{}},
			{ID: 5, Kind: facts.ResourceMutex, WaiterCount: 101},
		}},
	}
	got, err := r.Evaluate(t.Context(), doc)
	if err != nil {
		t.Fatal(err)
	}
	goroutines := facts.FindingGoroutines{Count: 11, GoidRanges: [][2]int64{{5, 5}, {20, 29}}}
	finding := func(title, summary, name string, id int, addresses ...facts.Word) facts.Finding {
		return facts.Finding{
			Severity: facts.SeverityError, Confidence: facts.ConfidenceProven, Title: title, Summary: summary,
			Goroutines: goroutines, Groups: []int{1}, Addresses: addresses,
			Evidence:  []facts.Evidence{{Kind: "lock", Text: fmt.Sprint("resource ", id), Ref: fmt.Sprint("/waits/resources/", id-1)}},
			DependsOn: []string{"deadlock-cycle"},
			NextSteps: []facts.NextStep{{Who: facts.WhoDeveloper, Action: "restart " + name}, {Who: facts.WhoOnCall, Action: "look at 2 KiB for 1m1s"}},
			Docs:      "https://example.com/runbook#locks",
		}
	}
	want := []facts.Finding{
		finding("1,204 goroutines wait for main.Store.mu", "They wait for main.Store.mu at 0xc000012345, which 1 hold\n{in braces}.", "main.Store.mu", 1, 0xc000012345),
		// Its name, address and holders are unknown.
		finding("101 goroutines wait for unknown", "They wait for unknown at unknown, which unknown hold\n{in braces}.", "unknown", 5),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if r.ID != "too-many-at-one-lock" || r.Severity != facts.SeverityError || r.Missing(&facts.Document{}) != rule.Waits {
		t.Errorf("rule %+v", r.Rule)
	}
}

// TestVocabulary asks of every kind of value that the document holds.
func TestVocabulary(t *testing.T) {
	hidden := "x"
	doc := &facts.Document{
		Schema:  facts.Schema,
		Context: map[string]string{"incident": "INC-42"},
		Target:  facts.Target{GoVersion: facts.Some("go1.27.3"), Deps: []facts.Module{}},
		Completeness: facts.Completeness{MissingBytes: facts.Some[uint64](0), Sections: map[string]facts.Section{
			"heap": {State: facts.SectionSkipped, Why: facts.Some("--no-heap")}}},
		Crash: &facts.Crash{Kind: facts.CrashPanic, Frames: []*facts.Frame{{Func: "main.main", PC: facts.Some[facts.Word](0x401000), InApp: true}}},
		Goroutines: &facts.Goroutines{Total: 12, ByStatus: map[facts.Status]int{facts.StatusWaiting: 11},
			Groups: []facts.Group{{ID: 1, GoidRanges: [][2]int64{{3, 9}}}, {ID: 2, Count: 4, WaitedAtLeastNS: facts.WaitSpread{Max: facts.Some[int64](7e9)}}},
			List:   []facts.Goroutine{{ID: 3, Labels: map[string]*string{"shown": &hidden, "hidden": nil}}}},
		Heap: &facts.Heap{ReachableBytes: facts.Some[uint64](1 << 40), Suspects: []facts.Suspect{{Share: 0.75}}},
	}
	for when, want := range map[string]string{
		`schema == "postmortem/1" && context.incident == "INC-42"`:                                           "fires",
		`context["incident"].startsWith("INC") && !("host" in context)`:                                      "fires",
		`target.go_version.matches("^go1[.]2[67]") && target.deps == []`:                                     "fires",
		`completeness.missing_bytes == 0 && completeness.sections.heap.why == "--no-heap"`:                   "fires",
		`completeness.sections["heap"].state == "skipped"`:                                                   "fires",
		`crash.kind == "panic" && crash.frames[0].in_app && crash.frames[0].pc == "0x401000"`:                "fires",
		`crash.frames.exists(f, f.func == "main.main")`:                                                      "fires",
		`goroutines.by_status["waiting"] == 11 && goroutines.groups[0].goid_ranges[0][1] == 9`:               "fires",
		`goroutines.groups.map(g, g.count) == [0, 4] && 4 in goroutines.groups.map(g, g.count)`:              "fires",
		`goroutines.groups.exists(g, g.waited_at_least_ns.max > 6000000000)`:                                 "fires",
		`goroutines.list[0].labels["hidden"] == null && goroutines.list[0].labels["shown"] == "x"`:           "fires",
		`heap.reachable_bytes > 1000000000000 && heap.suspects[0].share > 0.5 && heap.suspects[0].share < 1`: "fires",
		`waits == null && crash.signal == null && crash.message == null && crash.goroutine != 7`:             "fires",
		`!has(crash.signal) && !has(crash.signal.sender.pid) && !has(crash.message) && has(crash.frames)`:    "fires",
		`!has(crash.panics) && has(target.deps)`:                                                             "fires",
		`size(goroutines.groups) == 2 && goroutines.groups[1] == goroutines.groups[1]`:                       "fires",
		`goroutines.groups[0] == goroutines.groups[1]`:                                                       "clear",
		`goroutines.groups.all(g, g.count > 0)`:                                                              "clear",
		`crash.kind == "panics"`:                                                                             "clear",
		// What is unknown decides, or does not.
		`crash.goroutine > 7`: "unknown",

		`crash.panics.exists(p, p.recovered)`:                                "unknown",
		`waits.cycles.size() > 0`:                                            "unknown",
		`goroutines.groups.exists(g, g.waited_at_least_ns.max > 8000000000)`: "unknown",
		`crash.goroutine > 7 || goroutines.total == 12`:                      "fires",
		`crash.goroutine > 7 && goroutines.total == 13`:                      "clear",
		`has(crash.goroutine) && crash.goroutine > 7`:                        "clear",
		`goroutines.groups[5].count == 1`:                                    "error",
		`context["host"] == "a"`:                                             "error",
		`goroutines.total / (goroutines.total - 12) == 1`:                    "error",
	} {
		r := load(t, asking("'"+when+"'"))
		found, err := r.Evaluate(t.Context(), doc)
		var unknown *rule.UnknownError
		got := "clear"
		switch {
		case errors.As(err, &unknown):
			got = "unknown"
		case err != nil:
			got = "error"
		case len(found) > 0:
			got = "fires"
		}
		if got != want {
			t.Errorf("%s: %s (%v), want %s", when, got, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), "rules.yaml:4:") {
			t.Errorf("%s: the error does not say where: %v", when, err)
		}
	}
}

// TestProblems: whatever is wrong is told with its place, all of a file at once.
func TestProblems(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"field", asking("waits.resources.exists(r, r.waitr_count > 3)"), `4:35: there is no field "waitr_count" here: did you mean "waiter_count"?`},
		{"field in quotes", asking(`'crash.kind == ''panic'' && crash.mesage == ""'`), `4:41: there is no field "mesage" here: did you mean "message"?`},
		{"variable", asking("goroutine.total > 3"), `4:7: there is no variable or function "goroutine"`},
		{"verdict", asking("verdict.title != ''"), `4:7: there is no variable or function "verdict"`},
		{"type", asking("goroutines.total == 'many'"), `4:24: found no matching overload for '_==_' applied to '(int, string)'`},
		{"not a truth", asking("goroutines.total"), `4:7: when is a bool, and this is a int`},
		{"syntax", asking("goroutines.total >"), `4:25: Syntax error: mismatched input '<EOF>'`},
		{"block", "id: a\ntitle: t\nseverity: info\nwhen: |\n  goroutines.total > 3 &&\n    goroutines.usr > 3\n", `6:16: there is no field "usr"`},
		{"folded", "id: a\ntitle: t\nseverity: info\nwhen: >-\n  goroutines.total > 3 &&\n  goroutines.usr > 3\n", `6:14: there is no field "usr"`},
		{"template", asking("true") + "message: so {crash.kind} is {crash.kin}\n", `5:36: there is no field "kin" here: did you mean "kind"?`},
		{"template's type", asking("true") + "message: it is {crash.frames}\n", `5:17: a list(facts.Frame) cannot be written into a text`},
		{"open brace", asking("true") + "message: it is {crash.kind\n", `5:16: this brace is not closed`},
		{"closed brace", asking("true") + "message: it is crash.kind}\n", `5:26: this brace closes none`},
		{"each", asking("each.count > 3"), `4:7: there is no variable or function "each"`},
		{"for_each", asking("true") + "for_each: crash.kind\n", `5:11: for_each is a list, and this is a string`},
		{"element", asking("each.cont > 3") + "for_each: goroutines.groups\n", `4:12: there is no field "cont" here: did you mean "count"?`},
		{"goroutines", asking("true") + "goroutines: goroutines.groups\n", `5:13: goroutines is a list(int), and this is a list(facts.Group)`},
		{"key", asking("true") + "mesage: x\n", `5:1: a rule has no key "mesage": did you mean "message"?`},
		{"twice", asking("true") + "when: false\n", `5:1: the key "when" comes twice`},
		{"severity", strings.Replace(asking("true"), "warning", "bad", 1), `3:11: severity is one of info, warning, error, critical, not "bad"`},
		{"confidence", asking("true") + "confidence: sure\n", `5:13: confidence is one of possible, likely, proven, not "sure"`},
		{"needs", asking("true") + "needs: [heaps]\n", `5:9: what a rule needs is one of`},
		{"missing", "title: t\nseverity: info\nwhen: true\n", `1:1: the rule lacks the key "id"`},
		{"id", strings.Replace(asking("true"), "asks", "It_asks", 1), `1:5: id is in lower case with dashes`},
		{"list", "- id: a\n", `1:1: a rule is a mapping of keys to values, not a list`},
		{"alias", "id: &x a\ntitle: *x\nseverity: info\nwhen: true\n", `2:8: aliases are not taken`},
		{"no YAML", "id: [\n", `:1: it is not YAML:`},
		{"empty", "# nothing\n", `1:1: it holds no rule`},
		{"facts", asking("true") + "examples:\n- fires: true\n  facts: {crash: {kind: panic, mesage: x}}\n", `7:32: crash has no key "mesage": did you mean "message"?`},
		{"number", asking("true") + "examples:\n- fires: true\n  facts: {goroutines: {total: many}}\n", `7:31: total is a int, not "many"`},
		{"word", asking("true") + "examples:\n- fires: true\n  facts: {waits: {resources: [{address: here}]}}\n", `7:41: address is a machine word`},
		{"no facts", asking("true") + "examples:\n- fires: true\n", `6:3: the example lacks the key "facts"`},
		{"fires", asking("true") + "examples:\n- fires: yes please\n  facts: {}\n", `6:10: fires is true or false`},
		{"step", asking("true") + "next_steps: [{who: me, action: run}]\n", `5:20: who is one of on-call, developer, not "me"`},
		{"two rules", asking("true") + "---\n" + asking("true"), `1:1: the rule "asks" is in`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := user.Load(write(t, tt.text))
			var problems user.Problems
			if !errors.As(err, &problems) {
				t.Fatalf("error %v, want problems", err)
			}
			if got := err.Error(); !strings.Contains(got, "rules.yaml:"+tt.want) && !(strings.HasPrefix(tt.want, ":") && strings.Contains(got, tt.want)) {
				t.Errorf("says %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAllProblemsAreTold(t *testing.T) {
	_, err := user.Load(write(t, "id: A\nseverity: bad\nwhen: crash.knd == '' && crash.frams == []\n"))
	var problems user.Problems
	if !errors.As(err, &problems) || len(problems) != 5 {
		t.Fatalf("%d problems, want 5: %v", len(problems), problems)
	}
	if !strings.HasSuffix(err.Error(), "(and 4 more)") {
		t.Errorf("in one line: %v", err)
	}
}

// TestCostIsBounded: a question whose answer would take years ends soon, with the
// same words each time.
func TestCostIsBounded(t *testing.T) {
	groups := make([]facts.Group, 2000)
	doc := &facts.Document{Goroutines: &facts.Goroutines{Groups: groups}}
	all := "goroutines.groups.all(a, goroutines.groups.all(b, goroutines.groups.all(c, goroutines.groups.all(d, a.id == b.id))))"
	for name, text := range map[string]string{
		"when":     asking(all),
		"for_each": asking(`goroutines.groups.all(a, goroutines.groups.all(b, each.id == b.id))`) + "for_each: goroutines.groups\n",
		"template": asking("true") + "message: '{" + all + "}'\n",
		"text":     asking("'[\"" + strings.Repeat("x", 1000) + "\"]" + strings.Repeat(".map(b, b+b+b+b)", 11) + "[0] != \"\"'"),
	} {
		start := time.Now()
		_, err := load(t, text).Evaluate(t.Context(), doc)
		if err == nil || err.Error() != "it takes more than 10000000 steps: narrow what it looks at" {
			t.Errorf("%s: %v after %v", name, err, time.Since(start))
		}
		t.Logf("%s: %v", name, time.Since(start))
	}
}

// TestEndsWithItsContext: a run that is interrupted does not wait for a rule.
func TestEndsWithItsContext(t *testing.T) {
	doc := &facts.Document{Goroutines: &facts.Goroutines{Groups: make([]facts.Group, 2000)}}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := load(t, asking("goroutines.groups.all(a, goroutines.groups.all(b, goroutines.groups.all(c, true)))")).Evaluate(ctx, doc)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ended with %v, want %v", err, context.DeadlineExceeded)
	}
}

// TestSandbox: expressions reach nothing but the document.
func TestSandbox(t *testing.T) {
	for _, when := range []string{`env("HOME") != ""`, `open("/etc/passwd") != ""`, `http.get("x") == ""`, `now() == null`, `facts.Crash{kind: "panic"} == crash`, `rand() > 1`} {
		if _, err := user.Load(write(t, asking("'"+when+"'"))); err == nil {
			if _, err = load(t, asking("'"+when+"'")).Evaluate(t.Context(), &facts.Document{}); err == nil {
				t.Errorf("%s is taken", when)
			}
		}
	}
}

func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	for name, id := range map[string]string{"b.yaml": "second", "a.yml": "first", "notes.txt": ""} {
		text := strings.Replace(asking("true"), "asks", id, 1)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	rules, err := user.Load(dir)
	if err != nil || len(rules) != 2 || rules[0].ID != "first" || rules[1].ID != "second" {
		t.Errorf("rules %v, error %v", rules, err)
	}
	for _, path := range []string{t.TempDir(), filepath.Join(dir, "none")} {
		if _, err := user.Load(path); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("loading %s: %v", path, err)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(pileUp)
	f.Add(asking("'crash.message == \"x\"'") + "examples:\n- fires: true\n  facts: {crash: {kind: panic}}\n")
	f.Add("id: >\n  a\ntitle: \"\\u00e9\"\nwhen: |2\n   x\n")
	f.Fuzz(func(t *testing.T, text string) {
		rules, err := user.Load(write(t, text))
		if err != nil {
			return
		}
		for _, r := range rules {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			r.Evaluate(ctx, &facts.Document{Crash: &facts.Crash{}})
			cancel()
		}
	})
}
