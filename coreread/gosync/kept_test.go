package gosync

import (
	"context"
	"reflect"
	"testing"

	"postmortem/coreread"
	"postmortem/internal/testcores"
)

// TestPartsAreTheWhole reads the goroutines in parts of few, many at a time, and
// finds what one reader finds of all.
func TestPartsAreTheWhole(t *testing.T) {
	for _, c := range testcores.All(t) {
		if c.Program != "waits" || c.Cut != 0 {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			snap, err := coreread.Open(context.Background(), coreread.Config{Core: c.CorePath(t), Binary: c.BinaryPath(t)})
			if err != nil {
				t.Fatal(err)
			}
			defer snap.Close()
			read := func(size int) (all []Wait) {
				r, err := New(snap.Runtime)
				if err != nil {
					t.Fatal(err)
				}
				if r.kept, err = r.readWaits(context.Background(), size); err != nil {
					t.Fatal(err)
				}
				err = r.Waits(context.Background(), func(w *Wait) {
					one := *w
					one.Targets = append([]Target(nil), w.Targets...)
					all = append(all, one)
				})
				if err != nil {
					t.Fatal(err)
				}
				return all
			}
			whole := read(partGoroutines)
			if len(whole) == 0 {
				t.Fatal("nobody waits")
			}
			for _, size := range []int{1, 7, len(whole)} {
				if parts := read(size); !reflect.DeepEqual(whole, parts) {
					t.Errorf("%d waits in parts of %d, %d in one", len(parts), size, len(whole))
				}
			}
		})
	}
}
