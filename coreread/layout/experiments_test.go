package layout_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"postmortem/coreread/layout"
)

// What the generator measured of an experiment is what a table is doubted for;
// a struct that it leaves alone is not doubted, unless it changed for another
// release or nobody measured it.
func TestExperimentsAsMeasured(t *testing.T) {
	text, err := os.ReadFile("testdata/experiments.txt")
	if err != nil {
		t.Fatal(err)
	}
	harmless := 0
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		release, experiment, changed := words[0], words[1], words[2:]
		l, err := layout.ResolveSelf(release+" X:"+experiment, "amd64", &layout.Self{})
		if err != nil {
			t.Fatal(err)
		}
		plain, err := layout.ResolveSelf(release, "amd64", &layout.Self{})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range changed {
			if s := l.Struct(name); s.Err() == nil && !slices.ContainsFunc(l.Warnings(), func(w *layout.Warning) bool {
				return w.Struct == name && w.Doubt == layout.Experiments
			}) {
				t.Errorf("%s X:%s changes %s, which comes from %q without a warning", release, experiment, name, s.Source())
			}
		}
		if len(changed) > 0 {
			continue
		}
		harmless++
		for _, name := range []string{"runtime.schedt", "runtime.mheap", "runtime.workType", "runtime.mstats", "runtime.gcControllerState", "runtime.heapArena"} {
			s, want := l.Struct(name), plain.Struct(name)
			if s.Source() != layout.FromTable || s.Size() != want.Size() || len(l.Warnings()) != 0 {
				t.Errorf("%s X:%s changes nothing: %s from %q, warnings %v", release, experiment, name, s.Source(), l.Warnings())
			}
		}
	}
	if harmless < 5 {
		t.Errorf("%d experiments without effect were measured", harmless)
	}
}
