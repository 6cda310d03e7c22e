package gort_test

import (
	"context"
	"strings"
	"testing"

	"postmortem/coreread"
	"postmortem/coreread/gort"
	"postmortem/internal/testcores"
)

// origins are the functions in which scenarios go wrong, by program and
// scenario; a "|" divides those of which any may have been the one.
var origins = map[string]string{
	"small nil":        "main.(*account).nameOf",
	"small index":      "main.at",
	"dies panicvalues": "main.panicValues.func1",
	"dies panicerror":  "main.panicError",
	"dies panicstring": "main.panicString",
	"dies panicint":    "main.panicInt",
	"dies panicnil":    "main.panicNil",
	"dies repanic":     "main.repanic.func2",
	"dies nilfunc":     "main.callIt",
	"dies divide":      "main.ratio",
	"dies reflectcall": "main.(*failure).Error",
	"dies mapwrites":   "runtime.mapassign_fast64|runtime.mapaccess1_fast64",
	"dies unlock":      "sync.(*Mutex).unlockSlow|internal/sync.(*Mutex).unlockSlow",
	"dies overflow":    "main.ping|main.pong|main.tock",
	"dies segv":        "main.poke",
	"dies segvcopy":    "main.copyFrom",
	"dies busyloop":    "main.busyLoop",
	"dies gcphase":     "main.gcPhase",
	"cgo panic":        "main.main",
	"cgo callback":     "main.down",
}

// TestCommittedCores holds every committed core against what its process
// printed as it died.
func TestCommittedCores(t *testing.T) {
	for _, c := range testcores.All(t) {
		if c.Variant == "sw" {
			continue // stripped: its variables cannot be found yet
		}
		t.Run(c.Name, func(t *testing.T) {
			s, err := coreread.Open(context.Background(), coreread.Config{Core: c.CorePath(t), Binary: c.BinaryPath(t)})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			crash := s.Runtime.Crash()
			if c.Producer != "kernel" {
				if crash.Kind != gort.CrashSnapshot || crash.First != nil || crash.Message != "" {
					t.Errorf("%s %q, signal %+v", crash.Kind, crash.Message, crash.First)
				}
				return
			}
			checkAsPrinted(t, crash, s.Runtime, c.Stderr(t))
			checkEnd(t, c, crash)
			if want := origins[c.Program+" "+c.Scenario]; want != "" && !fitsAny(origin(s.Runtime, crash), want) {
				t.Errorf("it began in %s, want %s", origin(s.Runtime, crash), want)
			}
		})
	}
}

func fitsAny(name, alternatives string) bool {
	for _, a := range strings.Split(alternatives, "|") {
		if name == a {
			return true
		}
	}
	return false
}

// checkEnd compares what ended the process with what the generator saw and did.
func checkEnd(t *testing.T, c *testcores.Core, crash *gort.Crash) {
	t.Helper()
	if crash.Dump == nil || crash.Dump.Who != gort.SenderSelf || crash.Dump.SenderPID != c.PID || !strings.HasPrefix(signalWords[c.Ended], crash.Dump.Name) {
		t.Errorf("core of signal %+v; process %d was ended by %q", crash.Dump, c.PID, c.Ended)
	}
	var want gort.CrashKind
	switch sent := signalWords[c.Signal]; {
	case sent == "SIGQUIT" || sent == "SIGABRT":
		want = gort.CrashAbortRequest
	case sent != "":
		want = gort.CrashSignal
	case c.Scenario == "abort" || c.Scenario == "selfabort":
		want = gort.CrashAbortSelf
	default:
		return
	}
	if crash.Kind != want {
		t.Errorf("kind %s, want %s", crash.Kind, want)
	}
	if s := crash.First; s != nil && c.Signal != "" && (s.Name != signalWords[c.Signal] || s.Who != gort.SenderOther || s.SenderPID == c.PID) {
		t.Errorf("signal %+v, but %s was sent from outside", s, c.Signal)
	}
	if len(crash.Relayed) == 0 {
		t.Error("the runtime had the other threads print, and none is known for it")
	}
}

// signalWords are the names of signals by the words of syscall.Signal.
var signalWords = map[string]string{
	"quit": "SIGQUIT", "aborted": "SIGABRT", "segmentation fault": "SIGSEGV", "trace/breakpoint trap": "SIGTRAP",
}
