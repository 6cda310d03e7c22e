package rules_test

import (
	"context"
	"strings"
	"testing"

	"postmortem/analyzer"
	"postmortem/analyzer/facts"
	"postmortem/coreread"
	"postmortem/internal/testcores"
	"postmortem/rules"
	"postmortem/rules/rule"
	"postmortem/rules/ruletest"
)

// known are the facts of cores that were read already; tests do not run in parallel.
var known = map[string]*facts.Document{}

// factsOf are the facts of a committed core, before any rule has run; shared between
// tests, which do not change them.
func factsOf(t *testing.T, name string) *facts.Document {
	t.Helper()
	if doc := known[name]; doc != nil {
		return doc
	}
	c := testcores.Get(t, name)
	snap, err := coreread.Open(context.Background(), coreread.Config{Core: c.CorePath(t), Binary: c.BinaryPath(t)})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer func() {
		if err := snap.Close(); err != nil {
			t.Error(err)
		}
	}()
	doc, _ := analyzer.Analyze(context.Background(), snap, analyzer.Config{})
	known[name] = doc
	return doc
}

func builtin(t *testing.T, id string) *rule.Rule {
	t.Helper()
	for _, r := range rules.Builtin() {
		if r.ID == id {
			return r
		}
	}
	t.Fatalf("no built-in rule %s", id)
	return nil
}

// deaths are what processes died of, by the rule that reports it.
var deaths = []struct {
	rule  string
	cores []string
	says  []string
}{
	{"panic-cause", []string{"dies-panicerror-1.27.3-plain", "dies-panicerror-1.22.12-w"}, []string{`panic: loading "config": open: no such thing in main.panicError`}},
	{"panic-cause", []string{"dies-divide-1.27.3-plain"}, []string{"integer divide by zero in main.ratio", "where does the divisor come from"}},
	{"panic-cause", []string{"small-index-1.27.3-plain"}, []string{"index out of range", "who checks it against the length"}},
	{"panic-cause", []string{"dies-repanic-1.27.3-plain"}, []string{"a chain of 3 panics, which began in main.repanic"}},
	{"nil-dereference", []string{"small-nil-1.27.3-plain", "small-nil-1.18-w"}, []string{"nil pointer dereference in main.(*account).nameOf"}},
	{"nil-dereference", []string{"rich-crashserver-1.27.3-plain"}, []string{"the address 0x8 was accessed"}},
	{"fatal-error", []string{"dies-unlock-1.27.3-plain", "dies-unlock-1.22.12-w"}, []string{"unlock of unlocked mutex in main.unlockOfUnlocked", "A mutex was unlocked that nobody held"}},
	{"fatal-error", []string{"dies-segv-1.27.3-plain"}, []string{"SIGSEGV at 0xdeadbeef000 in main.poke"}},
	{"fatal-error", []string{"cgo-segv-1.27.3-cgo"}, []string{"SIGSEGV in main._Cfunc_c_fault", "outside of Go's panics"}},
	{"fatal-error", []string{"cgo-abort-1.22.12-cgow"}, []string{"aborted itself: SIGABRT"}},
	{"fatal-error", []string{"dies-selfabort-1.27.3-plain"}, []string{"dies sent itself SIGABRT"}},
	{"stack-overflow", []string{"dies-overflow-1.27.3-plain", "dies-overflow-1.22.12-w"}, []string{"stack overflow in main.", "main.ping", "goroutine stack exceeds 1048576-byte limit"}},
	{"out-of-memory", []string{"dies-oom-1.27.3-plain", "dies-oom-1.22.12-w"}, []string{"out of memory, last asked for in main.hoard", "the request itself is what did not fit"}},
	{"concurrent-map", []string{"dies-mapwrites-1.27.3-plain", "dies-mapwrites-1.22.12-w"}, []string{"concurrent map writes in main.writeMap", "the other side may be among them"}},
	{"global-deadlock", []string{"dies-deadlock-1.27.3-plain", "dies-deadlock-1.22.12-w"}, []string{"all goroutines are asleep (deadlock)"}},
	{"global-deadlock", []string{"dies-goexit-1.27.3-plain"}, []string{"no goroutines are left, main has called runtime.Goexit"}},
}

// TestDeathsOfCores: each death is found by its rule, critical and certain, under the
// verdict's own title, and by no other rule about deaths.
func TestDeathsOfCores(t *testing.T) {
	ids := map[string]bool{}
	for _, d := range deaths {
		ids[d.rule] = true
	}
	for _, d := range deaths {
		for _, name := range d.cores {
			t.Run(d.rule+"/"+name, func(t *testing.T) {
				doc := factsOf(t, name)
				for id := range ids {
					if id != d.rule {
						ruletest.Clear(t, builtin(t, id), doc)
					}
				}
				f := ruletest.Fires(t, builtin(t, d.rule), doc)
				ruletest.Is(t, f, facts.SeverityCritical, facts.ConfidenceProven)
				ruletest.Says(t, f, d.says...)
				if f.Title != doc.Verdict.Title {
					t.Errorf("the finding's title is %q, the verdict's %q", f.Title, doc.Verdict.Title)
				}
			})
		}
	}
}

// states are what processes were in, by the rule that reports it.
var states = []struct {
	rule, core string
	severity   facts.Severity
	says       []string
}{
	{"gc-stw-stalled", "dies-stwstall-1.27.3-plain-sigquit", facts.SeverityCritical, []string{"in main.tightLoop", "GC sweep termination"}},
	{"gc-stw-stalled", "dies-stwstall-1.22.12-w-sigquit", facts.SeverityCritical, []string{"in main.tightLoop", "GC sweep termination"}},
	{"gc-stw-stalled", "dies-stwstall-1.27.3-plain-gcore", facts.SeverityError, []string{"in main.tightLoop"}},
	{"gc-pressure", "dies-gcphase-1.27.3-plain", facts.SeverityInfo, []string{"runtime.GC was called"}},
	{"heap-leak-suspect", "heap-plain-1.27.3-plain", facts.SeverityInfo, []string{"one main.gcProgram holds", "main.gcProgramAt"}},
	{"retained-by-goroutines", "heap-plain-1.27.3-plain", facts.SeverityInfo, []string{"20 goroutines hold", "park.Forever"}},
	{"finalizer-stuck", "small-wait-1.27.3-plain-gcore", facts.SeverityWarning, []string{"a finalizer waits", "chan receive", "runtime.runFinalizers"}},
	{"finalizer-stuck", "small-wait-1.22.12-plain-dlv", facts.SeverityWarning, []string{"a finalizer waits", "runtime.runfinq"}},
	{"defer-recover-swallowed", "small-wait-1.27.3-plain-gcore", facts.SeverityWarning, []string{"panicked in park.panicking"}},
	{"defer-recover-swallowed", "dies-repanic-1.27.3-plain", facts.SeverityInfo, []string{"recovered the first panic (the first) and another followed"}},
	{"retained-by-goroutines", "service-leak-1.27.3-w-sigabrt", facts.SeverityInfo, []string{"2,000 goroutines hold", "main.fetch"}},
	{"goroutine-explosion", "service-leak-1.27.3-w-sigabrt", facts.SeverityInfo, []string{"2,000 goroutines started by main.fetch wait"}},
	{"goroutine-explosion", "service-leak-1.22.12-w-sigabrt", facts.SeverityInfo, []string{"2,000 goroutines started by main.fetch wait"}},
	{"thread-explosion", "strain-threads-1.27.3-w", facts.SeverityWarning, []string{" threads for 2 processors", "1,100 goroutines in system calls or C code in main.readPipe"}},
	{"syscall-blocked", "strain-threads-1.27.3-w", facts.SeverityWarning, []string{"1,100 goroutines are in a system call, in main.readPipe"}},
	{"memory-limit-thrash", "strain-limit-1.27.3-w", facts.SeverityWarning, []string{"memory limit reached", "of 16 MiB"}},
	{"heap-leak-suspect", "strain-limit-1.27.3-w", facts.SeverityWarning, []string{"of the live heap", "Memory was short"}},
	{"syscall-blocked", "small-wait-1.27.3-plain-gcore", facts.SeverityInfo, []string{"in a system call, in park.pipeRead"}},
	{"syscall-blocked", "cgo-wait-1.27.3-cgopie-gcore", facts.SeverityInfo, []string{"in C code"}},
}

func TestStatesOfCores(t *testing.T) {
	for _, s := range states {
		t.Run(s.rule+"/"+s.core, func(t *testing.T) {
			found := ruletest.Ask(t, builtin(t, s.rule), factsOf(t, s.core))
			for i := range found {
				if f := &found[i]; f.Severity == s.severity && mentions(f, s.says[0]) {
					ruletest.Says(t, f, s.says...)
					return
				}
			}
			t.Errorf("no finding of severity %s says %q: %+v", s.severity, s.says[0], found)
		})
	}
}

func mentions(f *facts.Finding, what string) bool {
	return strings.Contains(f.Title, what) || strings.Contains(f.Summary, what)
}

// TestStallNamesTheGoroutine: by its id, as the process printed it.
func TestStallNamesTheGoroutine(t *testing.T) {
	for _, name := range []string{"dies-stwstall-1.27.3-plain-sigquit", "dies-stwstall-1.22.12-w-sigquit", "dies-stwstall-1.27.3-plain-gcore"} {
		doc := factsOf(t, name)
		f := ruletest.Fires(t, builtin(t, "gc-stw-stalled"), doc)
		if f.Goroutines.Count != 1 {
			t.Fatalf("%s: it names %+v, want one goroutine", name, f.Goroutines)
		}
		id := f.Goroutines.GoidRanges[0][0]
		stack := stackPrinted(testcores.Get(t, name).Stderr(t), id)
		if !strings.Contains(stack, "main.tightLoop") {
			t.Errorf("%s: it names %s, of which the process printed %q", name, rule.Goid(id), stack)
		}
	}
}

// stackPrinted is what a traceback has of a goroutine.
func stackPrinted(text string, id int64) string {
	_, rest, _ := strings.Cut(text, "\ngoroutine "+rule.Goid(id)[1:]+" ")
	stack, _, _ := strings.Cut(rest, "\n\n")
	return stack
}

// TestIdleServerIsWell: 200 idle connections, workers and tickers are nothing to
// worry about.
func TestIdleServerIsWell(t *testing.T) {
	for _, name := range []string{"service-idle-1.27.3-w-gcore", "service-idle-1.22.12-w-sigquit"} {
		doc := *factsOf(t, name)
		rules.Run(t.Context(), &doc, rules.Builtin())
		for i := range doc.Findings {
			if f := &doc.Findings[i]; ruletest.Above(f.Severity, facts.SeverityInfo) {
				t.Errorf("%s: %s %s: %s", name, f.Severity, f.Rule, f.Title)
			}
		}
		for _, s := range doc.Rules {
			if s.Status == facts.RuleFailed {
				t.Errorf("%s: %s failed: %s", name, s.ID, s.Why)
			}
		}
	}
}
