package goprof_test

import (
	"fmt"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/google/pprof/profile"

	"postmortem/coreread/goprof"
	"postmortem/internal/testcores"
)

// A process that wrote its profiles right before it died left them beside its
// core: they must be in the core too.
func TestProfilesAsTheProcessWroteThem(t *testing.T) {
	compared := 0
	for _, c := range testcores.All(t) {
		if c.Program != "heap" || c.Scenario != "profile" {
			continue
		}
		compared++
		t.Run(c.Name, func(t *testing.T) {
			_, ps := open(t, c.CorePath(t), c.BinaryPath(t))
			for _, name := range []string{"heap", "block", "mutex"} {
				compareWith(t, ps, name, c.Profile(t, name))
			}
		})
	}
	if compared == 0 {
		t.Error("no process wrote its profiles")
	}
}

// inCore is the profile of that name.
func inCore(ps *goprof.Profiles, name string) *profile.Profile {
	switch name {
	case "heap":
		return ps.Heap()
	case "block":
		return ps.Contention(&ps.Block)
	}
	return ps.Contention(&ps.Mutex)
}

func compareWith(t *testing.T, ps *goprof.Profiles, name string, data []byte) {
	t.Helper()
	want, err := profile.ParseData(data)
	if err != nil {
		t.Fatal(err)
	}
	got := reread(t, inCore(ps, name))
	if g, w := header(got), header(want); g != w {
		t.Errorf("%s: the header is\n%s\nthe process wrote\n%s", name, g, w)
	}
	g, w := samples(got), samples(want)
	if len(w) == 0 {
		t.Errorf("the process wrote no samples of its %s", name)
	}
	for i, d := range difference(w, g) {
		if i == 5 {
			t.Error("and more")
			break
		}
		t.Errorf("%s: %s", name, d)
	}
}

// reread writes a profile and reads it back as any tool would.
func reread(t *testing.T, p *profile.Profile) *profile.Profile {
	t.Helper()
	if p == nil {
		t.Fatal("there is no profile in the core")
	}
	if err := p.CheckValid(); err != nil {
		t.Fatal(err)
	}
	data, err := goprof.Bytes(p)
	if err != nil {
		t.Fatal(err)
	}
	back, err := profile.ParseData(data)
	if err != nil {
		t.Fatal(err)
	}
	return back
}

// header is what a profile says of itself but for the time; of its mappings, those
// that a location is in.
func header(p *profile.Profile) string {
	var b strings.Builder
	for _, s := range p.SampleType {
		fmt.Fprintf(&b, "%s/%s ", s.Type, s.Unit)
	}
	fmt.Fprintf(&b, "default %q, period %d %s/%s", p.DefaultSampleType, p.Period, p.PeriodType.Type, p.PeriodType.Unit)
	used := make(map[*profile.Mapping]bool)
	for _, l := range p.Location {
		if l.Mapping != nil && !used[l.Mapping] {
			m := l.Mapping
			used[m] = true
			fmt.Fprintf(&b, "\n%#x-%#x %#x build id %q functions %v", m.Start, m.Limit, m.Offset, m.BuildID, m.HasFunctions)
		}
	}
	return b.String()
}

// samples counts the samples that the process cannot have changed between writing
// its profile and its end: those that are not all zero, as stacks are at which it
// allocated only then, and those that are not about the runtime's own locks.
func samples(p *profile.Profile) map[string]int {
	count := make(map[string]int)
	for _, s := range p.Sample {
		zero, program := true, false
		for _, v := range s.Value {
			zero = zero && v == 0
		}
		for _, l := range s.Location {
			for _, line := range l.Line {
				program = program || !strings.HasPrefix(line.Function.Name, "runtime.")
			}
		}
		if zero || (!program && len(s.NumLabel) == 0) {
			continue
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%v %v\n", s.Value, s.NumLabel["bytes"])
		for _, l := range s.Location {
			fmt.Fprintf(&b, "\t%#x", l.Address)
			for _, line := range l.Line {
				f := line.Function
				fmt.Fprintf(&b, " %s %s:%d (%d)", f.Name, filepath.Base(f.Filename), line.Line, f.StartLine)
			}
			b.WriteByte('\n')
		}
		count[b.String()]++
	}
	return count
}

func difference(want, got map[string]int) []string {
	var list []string
	for s, n := range want {
		if got[s] != n {
			list = append(list, fmt.Sprintf("%d times, the process wrote it %d times: %s", got[s], n, s))
		}
	}
	for s, n := range got {
		if want[s] == 0 {
			list = append(list, fmt.Sprintf("%d times, the process did not write it: %s", n, s))
		}
	}
	sort.Strings(list)
	return list
}
