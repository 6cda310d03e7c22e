package waits_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"postmortem/analyzer"
	"postmortem/analyzer/facts"
	"postmortem/coreread"
	"postmortem/internal/testcores"
)

// TestDamagedCores: words of memory that are wrong make no panic and no hang, and what
// is said still holds together.
func TestDamagedCores(t *testing.T) {
	for _, name := range []string{"waits-shapes-1.18.10-w", "waits-shapes-1.27.3-plain"} {
		t.Run(name, func(t *testing.T) {
			c := testcores.Get(t, name)
			whole, err := os.ReadFile(c.CorePath(t))
			if err != nil {
				t.Fatal(err)
			}
			r := rand.New(rand.NewPCG(7, uint64(len(whole))))
			rounds := 12
			if testing.Short() {
				rounds = 3
			}
			for range rounds {
				damaged := damage(r, whole)
				file := filepath.Join(t.TempDir(), "core")
				if err := os.WriteFile(file, damaged, 0o600); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				checkDamaged(t, file, c.BinaryPath(t))
				if took := time.Since(start); took > 2*time.Minute {
					t.Errorf("took %v", took)
				}
			}
		})
	}
}

// damage overwrites words of memory: with others from elsewhere, with values near
// them, with bits flipped.
func damage(r *rand.Rand, whole []byte) []byte {
	b := append([]byte(nil), whole...)
	place := func() int {
		for {
			// Behind the notes; zeroes are mostly unused memory.
			if at := (1<<16 + r.IntN(len(b)-1<<17)) &^ 7; b[at]|b[at+1]|b[at+2] != 0 {
				return at
			}
		}
	}
	for range 1 + r.IntN(4000) {
		at := place()
		switch r.IntN(3) {
		case 0:
			copy(b[at:at+8], b[place():])
		case 1:
			b[at] += byte(8 * r.IntN(32))
		case 2:
			b[at+r.IntN(8)] ^= 1 << r.IntN(8)
		}
	}
	return b
}

func checkDamaged(t *testing.T, core, binary string) {
	t.Helper()
	snap, err := coreread.Open(context.Background(), coreread.Config{Core: core, Binary: binary, Force: true})
	if err != nil {
		return
	}
	defer snap.Close()
	doc, _ := analyzer.Analyze(context.Background(), snap, analyzer.Config{})
	w := doc.Waits
	if w == nil {
		if s := doc.Completeness.Sections[facts.PartWaits]; s.State == facts.SectionComplete || !s.Why.Known {
			t.Errorf("there are no waits, and the section is %+v", s)
		}
		return
	}
	listed := map[int]bool{}
	for _, r := range w.Resources {
		listed[r.ID] = true
	}
	for _, e := range w.Edges {
		if !listed[e.Resource] {
			t.Errorf("an edge leads to resource %d, which is not listed", e.Resource)
		}
	}
	for _, c := range w.Cycles {
		for _, r := range c.Resources {
			if !listed[r] {
				t.Errorf("a cycle names resource %d, which is not listed", r)
			}
		}
	}
}
