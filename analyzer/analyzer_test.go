package analyzer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"postmortem/analyzer"
	"postmortem/analyzer/facts"
	"postmortem/coreread"
	"postmortem/coreread/input"
	"postmortem/internal/testcores"
	"postmortem/internal/traceback"
)

func analyze(t *testing.T, c *testcores.Core, cfg analyzer.Config) *facts.Document {
	t.Helper()
	snap, err := coreread.Open(context.Background(), coreread.Config{Core: c.CorePath(t), Binary: c.BinaryPath(t)})
	if err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	t.Cleanup(func() {
		if err := snap.Close(); err != nil {
			t.Error(err)
		}
	})
	doc, _ := analyzer.Analyze(context.Background(), snap, cfg)
	return doc
}

// TestAgainstPrint holds the document of every committed core against what the
// process printed and said of itself.
func TestAgainstPrint(t *testing.T) {
	for _, c := range testcores.All(t) {
		if c.Cut != 0 {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			doc := analyze(t, c, analyzer.Config{})
			checkInvariants(t, doc)
			printed := traceback.Parse(c.Stderr(t))
			if got, want := doc.Goroutines.Total, len(printed.ByID()); got != want {
				t.Errorf("%d goroutines, %d were printed", got, want)
			}
			if doc.Target.Process.PID.V != c.Truth(t).PID {
				t.Errorf("pid %d, the process said %d", doc.Target.Process.PID.V, c.Truth(t).PID)
			}
			if got := doc.Target.GoVersion.V; got != c.Truth(t).Go {
				t.Errorf("version %s, the process said %s", got, c.Truth(t).Go)
			}
			checkCrash(t, doc, printed, c)
		})
	}
}

// signals are the names of signals by what strsignal(3) calls them.
var signals = map[string]string{"quit": "SIGQUIT", "aborted": "SIGABRT", "segmentation fault": "SIGSEGV"}

// checkCrash compares the crash with the head of the print.
func checkCrash(t *testing.T, doc *facts.Document, printed *traceback.Print, c *testcores.Core) {
	t.Helper()
	crash := doc.Crash
	if c.Producer != "kernel" {
		if crash.Kind != facts.CrashSnapshot {
			t.Errorf("a core by %s is of kind %s, want a snapshot", c.Producer, crash.Kind)
		}
		return
	}
	switch {
	case len(printed.Panics) > 0:
		last := printed.Panics[len(printed.Panics)-1]
		// Since Go 1.23 the lines of a value but the first are printed behind a tab.
		message := crash.Message.V
		if c.Minor() >= 23 {
			message = strings.ReplaceAll(message, "\n\t", "\n")
		}
		if crash.Kind == facts.CrashPanic && strings.TrimSpace(message) != strings.TrimSpace(last.Value) {
			t.Errorf("message %q, printed %q", crash.Message.V, last.Value)
		}
		if len(printed.Fatal) == 0 && crash.Kind != facts.CrashPanic {
			t.Errorf("kind %s, and a panic was printed: %q", crash.Kind, last.Value)
		}
	case len(printed.Fatal) > 0:
		if !strings.HasPrefix(strings.TrimSpace(printed.Fatal[0].Text), strings.TrimSpace(crash.Message.V)) || crash.Message.V == "" {
			t.Errorf("message %q, printed %q", crash.Message.V, printed.Fatal[0].Text)
		}
		if !slices.Contains([]facts.CrashKind{facts.CrashFatal, facts.CrashDeadlock, facts.CrashOutOfMemory}, crash.Kind) {
			t.Errorf("kind %s, and a fatal error was printed: %q", crash.Kind, printed.Fatal[0].Text)
		}
	case c.Signal != "":
		if crash.Signal == nil || crash.Signal.Name.V != signals[c.Signal] || crash.Signal.Sender.Who != facts.SenderOther {
			t.Errorf("signal %+v, and %s was sent from outside", crash.Signal, c.Signal)
		}
		if doc.Signature != nil {
			t.Errorf("a signal from outside has the signature %+v", doc.Signature)
		}
	}
}

// checkInvariants holds what every document keeps.
func checkInvariants(t *testing.T, doc *facts.Document) {
	t.Helper()
	g := doc.Goroutines
	members, system := 0, 0
	for i, group := range g.Groups {
		inRanges := 0
		for _, r := range group.GoidRanges {
			inRanges += int(r[1] - r[0] + 1)
		}
		if group.ID != i+1 || inRanges != group.Count || i > 0 && group.Count > g.Groups[i-1].Count {
			t.Errorf("group %d at place %d: count %d, ids %v", group.ID, i, group.Count, group.GoidRanges)
		}
		members += group.Count
		if group.System {
			system += group.Count
		}
	}
	if c := doc.Crash.Cycle; c != nil {
		for n := 1; n < len(c.Funcs); n++ {
			if len(c.Funcs)%n == 0 && slices.Equal(c.Funcs[n:], c.Funcs[:len(c.Funcs)-n]) {
				t.Errorf("the cycle %v repeats itself after %d", c.Funcs, n)
			}
		}
	}
	sum := 0
	for _, n := range g.ByStatus {
		sum += n
	}
	quadrants := 0
	for _, n := range g.ByQuadrant {
		quadrants += n
	}
	if members != g.Total || len(g.List) != g.Total || sum != g.Total || quadrants != g.Total || system != g.System || g.User+g.System != g.Total {
		t.Errorf("total %d: in groups %d, in list %d, by status %d, by quadrant %d, user %d, system %d and %d",
			g.Total, members, len(g.List), sum, quadrants, g.User, g.System, system)
	}
	if !slices.IsSortedFunc(g.List, func(a, b facts.Goroutine) int { return int(a.ID - b.ID) }) {
		t.Error("the list is not sorted by id")
	}
	if doc.Completeness.Identity != facts.IdentityVerified {
		t.Errorf("identity %s", doc.Completeness.Identity)
	}
}

// TestSignatures builds one bug with two Go versions, and another bug.
func TestSignatures(t *testing.T) {
	old := analyze(t, testcores.Get(t, "small-index-1.21.13-w"), analyzer.Config{}).Signature
	new := analyze(t, testcores.Get(t, "small-index-1.27.3-plain"), analyzer.Config{}).Signature
	other := analyze(t, testcores.Get(t, "small-nil-1.27.3-plain"), analyzer.Config{}).Signature
	if old == nil || new == nil || other == nil {
		t.Fatalf("signatures %v, %v, %v: none may be absent", old, new, other)
	}
	if old.Coarse != new.Coarse {
		t.Errorf("one bug by Go 1.21 and 1.27: %s of %v, %s of %v", old.Coarse, old.Frames, new.Coarse, new.Frames)
	}
	if new.Coarse == other.Coarse || new.Fine == other.Fine {
		t.Errorf("two bugs have one signature: %+v, %+v", new, other)
	}
}

// TestSameInputSameFacts analyses a core twice.
func TestSameInputSameFacts(t *testing.T) {
	c := testcores.Get(t, "rich-crashserver-1.27.3-plain")
	var docs [2][]byte
	for i := range docs {
		b, err := json.Marshal(analyze(t, c, analyzer.Config{}))
		if err != nil {
			t.Fatal(err)
		}
		docs[i] = b
	}
	if string(docs[0]) != string(docs[1]) {
		t.Error("two runs on the same files differ")
	}
}

// TestLabels shows the keys of labels always, their values only when asked.
func TestLabels(t *testing.T) {
	c := testcores.Get(t, "rich-crashserver-1.27.3-plain")
	want := c.Truth(t).Labels
	if len(want) == 0 {
		t.Fatal("the program sets no labels")
	}
	for key, value := range want {
		hidden, shown := labelValues(analyze(t, c, analyzer.Config{}), key), labelValues(analyze(t, c, analyzer.Config{ShowLabels: map[string]bool{key: true}}), key)
		if len(hidden) == 0 || slices.ContainsFunc(hidden, func(v *string) bool { return v != nil }) {
			t.Errorf("label %s: values %v without being asked for", key, hidden)
		}
		if !slices.ContainsFunc(shown, func(v *string) bool { return v != nil && *v == value }) {
			t.Errorf("label %s: %d goroutines have it, none with the value %q", key, len(shown), value)
		}
	}
}

func labelValues(doc *facts.Document, key string) (values []*string) {
	for _, g := range doc.Goroutines.List {
		if v, ok := g.Labels[key]; ok {
			values = append(values, v)
		}
	}
	return values
}

// TestOutOfBudget reports what was done before the context ended.
func TestOutOfBudget(t *testing.T) {
	c := testcores.Get(t, "small-nil-1.27.3-plain")
	snap, err := coreread.Open(context.Background(), coreread.Config{Core: c.CorePath(t), Binary: c.BinaryPath(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	doc, _ := analyzer.Analyze(ctx, snap, analyzer.Config{})
	if s := doc.Completeness.Sections[facts.PartGoroutines]; s.State != facts.SectionPartial || !s.Why.Known {
		t.Errorf("goroutines are %+v, want partial with a reason", s)
	}
	if doc.Crash.Kind != facts.CrashPanic {
		t.Errorf("kind %s, want a panic: the crash takes no budget", doc.Crash.Kind)
	}
}

// TestRedact hides what the runtime printed.
func TestRedact(t *testing.T) {
	c := testcores.Get(t, "dies-panicstring-1.27.3-plain")
	b, err := json.Marshal(analyze(t, c, analyzer.Config{Redact: true}))
	if err != nil {
		t.Fatal(err)
	}
	if shown := analyze(t, c, analyzer.Config{}).Crash.Message.V; shown == "" || strings.Contains(string(b), "second line") {
		t.Errorf("the message %q is in the redacted document", shown)
	}
}

// TestForced says that nothing is certain.
func TestForced(t *testing.T) {
	read := func(path string) *input.File {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return input.Memory("file", data)
	}
	core := testcores.Get(t, "small-nil-1.27.3-plain")
	other := testcores.Get(t, "small-nil-1.22.12-plain")
	snap, err := coreread.Load(read(core.CorePath(t)), read(other.BinaryPath(t)), true)
	if err != nil {
		t.Fatal(err)
	}
	doc, _ := analyzer.Analyze(context.Background(), snap, analyzer.Config{})
	if doc.Completeness.Identity != facts.IdentityMismatchForced || doc.Verdict.Confidence != facts.ConfidencePossible {
		t.Errorf("identity %s, confidence %s", doc.Completeness.Identity, doc.Verdict.Confidence)
	}
}

// TestFaultingInstruction compares the instruction that faulted with what go tool objdump shows there.
func TestFaultingInstruction(t *testing.T) {
	c := testcores.Get(t, "small-nil-1.27.3-plain")
	s := analyze(t, c, analyzer.Config{}).Crash.Signal
	if s == nil || !s.PC.Known {
		t.Fatalf("the faulting pc is unknown: %+v", s)
	}
	pc := uint64(s.PC.V)
	out, err := exec.Command("go", "tool", "objdump", c.BinaryPath(t), fmt.Sprintf("%#x", pc), fmt.Sprintf("%#x", pc+16)).Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), s.Instruction.V) || s.Instruction.V == "" {
		t.Errorf("instruction %q, objdump shows %s", s.Instruction.V, out)
	}
}
