package locks_test

import (
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/analyzer/locks"
	"postmortem/coreread"
	"postmortem/internal/testcores"
)

// TestOnceIsHeld reads cores with one goroutine inside of a sync.Once, whose lock
// is given back by a deferred call.
func TestOnceIsHeld(t *testing.T) {
	for _, name := range []string{"small-nil-1.18.10-plain", "small-nil-1.22.12-pie", "small-nil-1.27.3-plain", "small-nil-1.27.0-w"} {
		c := testcores.Get(t, name)
		snap, err := coreread.Open(t.Context(), coreread.Config{Core: c.CorePath(t), Binary: c.BinaryPath(t)})
		if err != nil {
			t.Fatal(err)
		}
		defer snap.Close()
		r := locks.Find(t.Context(), locks.Input{Snapshot: snap}, nil)
		if len(r.Held) != 1 {
			t.Errorf("%s: %d goroutines hold locks, want 1", name, len(r.Held))
		}
		for id, held := range r.Held {
			if len(held) != 1 || held[0].TakenAt == nil || held[0].TakenAt.Func != "sync.(*Once).doSlow" || held[0].Confidence != facts.ConfidenceProven {
				t.Errorf("%s: goroutine %d holds %+v, want the lock that sync.(*Once).doSlow took, proven", name, id, held)
			}
		}
	}
}
