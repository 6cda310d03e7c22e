package locks_test

import (
	"testing"

	"postmortem/analyzer/locks"
	"postmortem/coreread"
	"postmortem/internal/testcores"
)

// TestNobodyHoldsWhatIsFree reads cores whose goroutines wait for no lock.
func TestNobodyHoldsWhatIsFree(t *testing.T) {
	for _, name := range []string{"small-nil-1.18.10-plain", "small-nil-1.27.3-plain"} {
		c := testcores.Get(t, name)
		snap, err := coreread.Open(t.Context(), coreread.Config{Core: c.CorePath(t), Binary: c.BinaryPath(t)})
		if err != nil {
			t.Fatal(err)
		}
		defer snap.Close()
		r := locks.Find(t.Context(), locks.Input{Snapshot: snap}, nil)
		for id, held := range r.Held {
			t.Errorf("%s: goroutine %d holds %v", name, id, held)
		}
	}
}
