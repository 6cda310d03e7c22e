package gotypes_test

import (
	"context"
	"iter"
	"testing"

	"postmortem/coreread"
	"postmortem/coreread/gotypes"
	"postmortem/internal/testcores"
)

// universes are cores of every layout of type descriptors.
var universes = []string{
	"small-nil-1.18-w", "small-nil-1.18.10-plain", "small-nil-1.20.14-w", "small-nil-1.22.12-pie", "small-nil-1.23.12-w",
	"small-nil-1.24.9-w", "small-nil-1.25.4-plain", "small-nil-1.26.8-default", "small-nil-1.27.3-pie",
	"rich-crashserver-1.22.12-w", "rich-crashserver-1.27.3-plain",
}

func open(t testing.TB, name string) *gotypes.Universe {
	t.Helper()
	u, _ := openBoth(t, name)
	return u
}

func openBoth(t testing.TB, name string) (*gotypes.Universe, *coreread.Snapshot) {
	t.Helper()
	c := testcores.Get(t, name)
	s, err := coreread.Open(context.Background(), coreread.Config{Core: c.CorePath(t), Binary: c.BinaryPath(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	u, err := gotypes.New(s.Runtime)
	if err != nil {
		t.Fatal(err)
	}
	return u, s
}

// everyType yields the types that have a descriptor and that the linker's lists lead to.
func everyType(u *gotypes.Universe) iter.Seq[gotypes.ID] {
	u.ByName("")
	return func(yield func(gotypes.ID) bool) {
		for id := gotypes.ID(1); ; id++ {
			t := u.Type(id)
			if t.Descriptor == 0 || !yield(id) {
				return
			}
		}
	}
}
