package analyzer_test

import (
	"context"
	"math/rand/v2"
	"os"
	"testing"

	"postmortem/analyzer"
	"postmortem/analyzer/facts"
	"postmortem/coreread"
	"postmortem/coreread/input"
	"postmortem/internal/testcores"
)

func load(t *testing.T, c *testcores.Core) (core, binary []byte) {
	t.Helper()
	core, err := os.ReadFile(c.CorePath(t))
	if err != nil {
		t.Fatal(err)
	}
	if binary, err = os.ReadFile(c.BinaryPath(t)); err != nil {
		t.Fatal(err)
	}
	return core, binary
}

// TestCutCoreTellsNoOtherDeath cuts cores anywhere: the report says what the
// process died of, or that it does not know, and then it is not certain.
func TestCutCoreTellsNoOtherDeath(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	known, unknown := 0, 0
	for _, tt := range []struct {
		name string
		kind facts.CrashKind
	}{
		{"small-nil-1.27.3-plain", facts.CrashPanic},
		{"small-nil-1.22.12-pie", facts.CrashPanic},
		{"rich-serve-1.27.3-plain-sigquit", facts.CrashAbortRequest},
		{"dies-deadlock-1.27.3-plain", facts.CrashDeadlock},
		{"cgo-segv-1.27.3-cgo", facts.CrashSignal},
	} {
		core, binary := load(t, testcores.Get(t, tt.name))
		for range 30 {
			cut := rng.Uint64N(uint64(len(core)))
			if cut%2 == 0 {
				cut /= 8 // the runtime's own memory comes first
			}
			snap, err := coreread.Load(input.Memory("core", core[:cut:cut]), input.Memory("bin", binary), false)
			if err != nil {
				continue
			}
			doc, _ := analyzer.Analyze(context.Background(), snap, analyzer.Config{})
			state := doc.Completeness.Sections[facts.PartCrash].State
			switch {
			case doc.Crash.Kind == tt.kind:
				known++
			case doc.Crash.Kind != facts.CrashUnknown:
				t.Errorf("%s cut at %d: %s (%s), want %s or unknown", tt.name, cut, doc.Crash.Kind, doc.Verdict.Title, tt.kind)
			case state == facts.SectionComplete || doc.Verdict.Confidence == facts.ConfidenceProven || doc.Verdict.ExitClass != 0:
				t.Errorf("%s cut at %d: unknown, and yet %s, %s, class %d", tt.name, cut, state, doc.Verdict.Confidence, doc.Verdict.ExitClass)
			default:
				unknown++
			}
		}
	}
	if known < 10 || unknown < 10 {
		t.Errorf("%d cuts left the cause, %d did not: the test shows too little", known, unknown)
	}
}

// TestNotesGoneTellNoSnapshot takes the notes out of a core of a panic: what the
// runtime left in memory tells of it still.
func TestNotesGoneTellNoSnapshot(t *testing.T) {
	core, binary := load(t, testcores.Get(t, "small-nil-1.27.3-plain"))
	snap, err := coreread.Load(input.Memory("core", core), input.Memory("bin", binary), false)
	if err != nil {
		t.Fatal(err)
	}
	first := uint64(len(core))
	for _, s := range snap.Core.Segments {
		if s.FileBytes > 0 {
			first = min(first, s.Offset)
		}
	}
	const headers = 64 + 56*64 // ELF header and more program headers than there are
	clear(core[headers:first])
	if snap, err = coreread.Load(input.Memory("core", core), input.Memory("bin", binary), false); err != nil {
		t.Fatal(err)
	}
	doc, _ := analyzer.Analyze(context.Background(), snap, analyzer.Config{})
	if doc.Crash.Kind != facts.CrashPanic {
		t.Errorf("without notes the panic is %s: %s", doc.Crash.Kind, doc.Verdict.Title)
	}
}
