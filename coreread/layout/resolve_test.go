package layout_test

import (
	"errors"
	"strings"
	"testing"

	"postmortem/coreread/layout"
	"postmortem/coreread/layout/internal/shape"
)

func word(size uint64) *shape.Type { return &shape.Type{Name: "word", Size: size} }

func structOf(name string, size uint64, fields ...shape.Field) *shape.Type {
	return &shape.Type{Name: name, Size: size, Fields: fields}
}

func resolveSelf(t *testing.T, version string, s *layout.Self) *layout.Layout {
	t.Helper()
	l, err := layout.ResolveSelf(version, "amd64", s)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// What the binary says of itself wins over the tables, unless it cannot be true.
func TestDescriptorFirst(t *testing.T) {
	g := structOf("runtime.g", 64, shape.Field{Name: "goid", Offset: 40, Type: word(8)})
	l := resolveSelf(t, "go1.26.8", &layout.Self{Descriptors: map[string]*shape.Type{"runtime.g": g}})
	s := l.Struct("runtime.g")
	if got := s.Offset("goid"); got != 40 || s.Source() != layout.FromDescriptor || s.Err() != nil {
		t.Errorf("goid is at %d from %q: %v", got, s.Source(), s.Err())
	}

	for name, broken := range map[string]*shape.Type{
		"field past the end": structOf("runtime.timeTimer", 16, shape.Field{Name: "c", Offset: 12, Type: word(8)}),
		"overlap":            structOf("runtime.timeTimer", 16, shape.Field{Name: "c", Type: word(8)}, shape.Field{Name: "d", Offset: 4, Type: word(8)}),
		"too large":          structOf("runtime.timeTimer", 1<<40, shape.Field{Name: "c", Type: word(8)}),
	} {
		l := resolveSelf(t, "go1.26.8", &layout.Self{Descriptors: map[string]*shape.Type{"runtime.timeTimer": broken}})
		if s := l.Struct("runtime.timeTimer"); s.Source() != layout.FromTable || s.Err() != nil || s.Size() != 112 {
			t.Errorf("%s: %d bytes from %q: %v", name, s.Size(), s.Source(), s.Err())
		}
	}

	l = resolveSelf(t, "go1.26.8", &layout.Self{Descriptors: map[string]*shape.Type{"runtime.g": g}, Sizes: map[string]uint64{"runtime.g0": 456}})
	if s := l.Struct("runtime.g"); s.Err() == nil {
		t.Errorf("a descriptor with 64 bytes was believed although g0 has 456: %q", s.Source())
	}
}

// A table whose size is not that of the variable is another build's.
func TestTableMustFitTheVariable(t *testing.T) {
	l := resolveSelf(t, "go1.23.4", &layout.Self{Sizes: map[string]uint64{"runtime.work": 592}})
	if s := l.Struct("runtime.workType"); s.Size() != 592 || s.Err() != nil {
		t.Errorf("%d bytes: %v", s.Size(), s.Err())
	}
	l = resolveSelf(t, "go1.23.4", &layout.Self{Sizes: map[string]uint64{"runtime.work": 600}})
	s := l.Struct("runtime.workType")
	var unsupported *layout.UnsupportedError
	if !errors.As(s.Err(), &unsupported) || s.Offset("cycles") != 0 || s.Size() != 0 {
		t.Errorf("a table of 592 bytes was used for a variable of 600: %v", s.Err())
	}
	for _, part := range []string{"runtime.workType", "592", "600"} {
		if s.Err() == nil || !strings.Contains(s.Err().Error(), part) {
			t.Errorf("%v does not say %s", s.Err(), part)
		}
	}
}

// Where the tables know only that a struct changed, not when, the size of the
// variable says which of the two layouts it has.
func TestSizeDecidesInAGap(t *testing.T) {
	before, after := resolveSelf(t, "go1.18", &layout.Self{}).Struct("runtime.mstats"), resolveSelf(t, "go1.18.10", &layout.Self{}).Struct("runtime.mstats")
	if before.Offset("gcPauseDist") != 9528 || after.Offset("gcPauseDist") != 9504 || before.Size() == after.Size() {
		t.Fatalf("gcPauseDist is at %d and %d", before.Offset("gcPauseDist"), after.Offset("gcPauseDist"))
	}
	for _, want := range []*layout.Struct{before, after} {
		l := resolveSelf(t, "go1.18.5", &layout.Self{Sizes: map[string]uint64{"runtime.memstats": want.Size()}})
		s := l.Struct("runtime.mstats")
		if got := s.Offset("gcPauseDist"); got != want.Offset("gcPauseDist") || s.Err() != nil || len(l.Warnings()) != 0 {
			t.Errorf("a variable of %d bytes: gcPauseDist is at %d: %v %v", want.Size(), got, s.Err(), l.Warnings())
		}
	}
	for _, self := range []*layout.Self{{}, {Sizes: map[string]uint64{"runtime.memstats": before.Size() + 8}}} {
		if s := resolveSelf(t, "go1.18.5", self).Struct("runtime.mstats"); s.Err() == nil {
			t.Errorf("sizes %v: a layout of %d bytes was guessed", self.Sizes, s.Size())
		}
	}
}

func TestDoubt(t *testing.T) {
	for _, tt := range []struct {
		version, name string
		want          layout.Doubt
	}{
		{"go1.26.8", "runtime.schedt", layout.NoDoubt},
		{"go1.26.5", "runtime.schedt", layout.NoDoubt},
		{"go1.26.99", "runtime.schedt", layout.NewerPatch},
		{"go1.26rc1", "runtime.schedt", layout.PreRelease},
		{"devel go1.26-abcdef", "runtime.schedt", layout.Development},
		{"go1.22.5-fips", "runtime.schedt", layout.Vendor},
		{"go1.18.5", "runtime.schedt", layout.NoDoubt},
		{"go1.25.4 X:greenteagc", "runtime.workType", layout.Experiments},
		{"go1.25.4 X:greenteagc", "runtime.schedt", layout.NoDoubt},
		{"go1.24.9 X:noswissmap", "runtime.workType", layout.NoDoubt},
		{"go1.22.12 X:staticlockranking", "runtime.schedt", layout.Experiments},
		{"go1.26.8 X:nobodyknows", "runtime.schedt", layout.Experiments},
	} {
		l := resolveSelf(t, tt.version, &layout.Self{})
		if s := l.Struct(tt.name); s.Err() != nil || s.Source() != layout.FromTable {
			t.Errorf("%s: %s from %q: %v", tt.version, tt.name, s.Source(), s.Err())
		}
		w := l.Warnings()
		switch {
		case tt.want == layout.NoDoubt && len(w) != 0:
			t.Errorf("%s: %v", tt.version, w[0])
		case tt.want != layout.NoDoubt && (len(w) != 1 || w[0].Doubt != tt.want || w[0].Struct != tt.name || w[0].SizeConfirmed):
			t.Errorf("%s: warnings %v, want one of %v", tt.version, w, tt.want)
		}
	}
	l := resolveSelf(t, "go1.26.99", &layout.Self{Sizes: map[string]uint64{"runtime.sched": 6872}})
	l.Struct("runtime.schedt")
	l.Struct("runtime.schedt")
	if w := l.Warnings(); len(w) != 1 || !w[0].SizeConfirmed {
		t.Errorf("a variable of the table's size confirms nothing: %v", w)
	}
}

// In doubt, and for versions that no table knows, DWARF decides.
func TestDWARFWhereTablesDoNotReach(t *testing.T) {
	b, _ := openProbe(t, "dwarf")
	known, err := layout.Resolve(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"go1.99.1", "devel go1.27-abcdef", "go1.26.0 X:nobodyknows"} {
		l, err := layout.ResolveAs(b, version)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"runtime.schedt", "runtime.mheap", "runtime.workType", "runtime.semtable[]", "runtime.debug"} {
			s, want := l.Struct(name), known.Struct(name)
			if s.Source() != layout.FromDWARF || s.Err() != nil || s.Size() != want.Size() {
				t.Errorf("%s: %s has %d bytes from %q: %v", version, name, s.Size(), s.Source(), s.Err())
			}
		}
		sched, want := l.Struct("runtime.schedt"), known.Struct("runtime.schedt")
		for _, path := range []string{"midle", "gFree.lock", "stopwait", "timeToRun"} {
			if got := sched.Offset(path); got != want.Offset(path) {
				t.Errorf("%s: %s is at %d, want %d", version, path, got, want.Offset(path))
			}
		}
		if sched.Err() != nil || len(l.Warnings()) != 0 {
			t.Errorf("%s: %v, warnings %v", version, sched.Err(), l.Warnings())
		}
	}
	// A newer patch release: the table, where the variable confirms it; else DWARF.
	last := known.Version()
	last.Patch = 99
	l, err := layout.ResolveAs(b, last.String())
	if err != nil {
		t.Fatal(err)
	}
	if s := l.Struct("runtime.schedt"); s.Source() != layout.FromTable || s.Err() != nil || len(l.Warnings()) != 1 || !l.Warnings()[0].SizeConfirmed {
		t.Errorf("%v: from %q, %v, warnings %v", last, s.Source(), s.Err(), l.Warnings())
	}
	if s := l.Struct("runtime.semaRoot"); s.Source() != layout.FromDWARF || s.Err() != nil {
		t.Errorf("%v: from %q, %v", last, s.Source(), s.Err())
	}
	plain, _ := openProbe(t, "plain")
	l, err = layout.ResolveAs(plain, "go1.99.1")
	if err != nil {
		t.Fatal(err)
	}
	var unsupported *layout.UnsupportedError
	if s := l.Struct("runtime.schedt"); !errors.As(s.Err(), &unsupported) {
		t.Errorf("without DWARF and tables: %d bytes from %q: %v", s.Size(), s.Source(), s.Err())
	}
	if s := l.Struct("runtime.g"); s.Source() != layout.FromDescriptor || s.Err() != nil {
		t.Errorf("runtime.g of an unknown version: %q, %v", s.Source(), s.Err())
	}
}

func TestResolveRefuses(t *testing.T) {
	for _, tt := range [][2]string{{"go1.17.13", "amd64"}, {"go1.26.8", "riscv64"}} {
		_, err := layout.ResolveSelf(tt[0], tt[1], &layout.Self{})
		var unsupported *layout.UnsupportedError
		if !errors.As(err, &unsupported) {
			t.Errorf("%v: %v", tt, err)
		}
	}
}

func TestPaths(t *testing.T) {
	l := resolveSelf(t, "go1.26.8", &layout.Self{})
	s := l.Struct("runtime.mheap")
	central := s.Array("central")
	if central.Len != 136 || central.Stride != 192 || central.Offset != 66208 {
		t.Errorf("central is %+v", central)
	}
	if got, want := s.Offset("central[3].mcentral.partial[1]"), central.Offset+3*central.Stride+s.Offset("central[].mcentral.partial[1]")-central.Offset; got != want {
		t.Errorf("central[3].mcentral.partial[1] is at %d, want %d", got, want)
	}
	if got := s.OneOf("allArenas", "heapArenas"); got != 66096 {
		t.Errorf("heapArenas is at %d", got)
	}
	if _, ok := s.Optional("allArenas"); ok {
		t.Error("allArenas is in 1.26")
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"nosuch", "central.mcentral", "central[136]", "lock.key.more", "central[x]", "pages.nosuch", "lock[0]", ".", "[0]"} {
		s := l.Struct("runtime.mheap")
		var pathErr *layout.PathError
		if off := s.Offset(path); off != 0 || !errors.As(s.Err(), &pathErr) || pathErr.Path != path {
			t.Errorf("%q is at %d: %v", path, off, s.Err())
		}
	}
	first := l.Struct("runtime.mheap")
	first.Offset("nosuch")
	first.Offset("nor this")
	if err := first.Err(); err == nil || !strings.Contains(err.Error(), "nosuch") {
		t.Errorf("the first error is %v", err)
	}
	if err := l.Struct("runtime.mheap").Err(); err != nil {
		t.Errorf("a reader's error is another's: %v", err)
	}
	array := l.Struct("runtime.mheap")
	array.Array("lock")
	if array.Err() == nil {
		t.Error("lock is an array")
	}
	none := l.Struct("runtime.mheap")
	if none.OneOf("nosuch", "nor"); none.Err() == nil {
		t.Error("OneOf of nothing is no error")
	}
}

func TestStatusNames(t *testing.T) {
	// The names of reports; the numbers are held against the source elsewhere.
	want := map[layout.GStatus]string{0: "idle", 1: "runnable", 2: "running", 3: "syscall", 4: "waiting", 6: "dead", 8: "copystack", 9: "preempted", 10: "leaked", 11: "dead"}
	for n := range layout.GStatus(64) {
		for _, s := range []layout.GStatus{n, n | layout.GScan} {
			if s.String() != want[n] || s.Known() != (want[n] != "") {
				t.Errorf("status %#x is %q, known: %v", uint32(s), s, s.Known())
			}
			if s.Dead() != (n == 5 || n == 6 || n == 7 || n == 11) {
				t.Errorf("status %#x dead: %v", uint32(s), s.Dead())
			}
		}
	}
	for n, name := range []string{"idle", "running", "syscall", "gcstop", "dead", ""} {
		if got := layout.PStatus(n).String(); got != name {
			t.Errorf("P status %d is %q", n, got)
		}
	}
	for n, name := range []string{"off", "mark", "mark termination", ""} {
		if got := layout.GCPhase(n).String(); got != name {
			t.Errorf("GC phase %d is %q", n, got)
		}
	}
	old, now := resolveSelf(t, "go1.18.10", &layout.Self{}), resolveSelf(t, "go1.19", &layout.Self{})
	if old.ThrowType(1) != layout.ThrowRuntime || now.ThrowType(1) != layout.ThrowUser || now.ThrowType(2) != layout.ThrowRuntime || old.ThrowType(0) != layout.ThrowNone {
		t.Error("throwing 1 is any throw in 1.18 and a user's since")
	}
}

func TestFeaturesFollowExperiments(t *testing.T) {
	for _, tt := range []struct {
		version string
		feature layout.Feature
		want    bool
	}{
		{"go1.25.4", layout.GreenTea, false},
		{"go1.25.4 X:greenteagc", layout.GreenTea, true},
		{"go1.24.9 X:greenteagc", layout.GreenTea, false},
		{"go1.26.8", layout.GreenTea, true},
		{"go1.27.3 X:nogreenteagc", layout.GreenTea, false},
		{"go1.24.9", layout.SwissMaps, true},
		{"go1.25.4 X:noswissmap", layout.SwissMaps, false},
		{"go1.26.8", layout.SwissMaps, true},
		{"go1.24.9 X:nospinbitmutex", layout.SpinbitMutex, false},
		{"go1.22.12 X:noallocheaders", layout.AllocHeaders, false},
		{"go1.23.10", layout.GCSTWHasReason, false},
		{"go1.23.11", layout.GCSTWHasReason, true},
		{"go1.24.4", layout.GCSTWHasReason, false},
		{"go1.24.5", layout.GCSTWHasReason, true},
		{"go1.99.0", layout.LabelsAreSlice, true},
	} {
		if got := resolveSelf(t, tt.version, &layout.Self{}).Has(tt.feature); got != tt.want {
			t.Errorf("%s: feature %d is %v", tt.version, tt.feature, got)
		}
	}
}

// A version that no table knows has the texts that its binary holds, and no others.
func TestTextsOfUnknownVersions(t *testing.T) {
	own := &layout.Self{Strings: map[string][]string{"runtime.waitReasonStrings": {"", "tea break"}}}
	if got := resolveSelf(t, "go1.99.0", own).WaitReason(1); got != "tea break" {
		t.Errorf("wait reason 1 is %q", got)
	}
	if got := resolveSelf(t, "go1.26.99", own).WaitReason(1); got != "tea break" {
		t.Errorf("wait reason 1 of a newer patch release is %q", got)
	}
	if got := resolveSelf(t, "go1.26.8", own).WaitReason(1); got != "GC assist marking" {
		t.Errorf("wait reason 1 of a known release is %q", got)
	}
	silent := resolveSelf(t, "go1.99.0", &layout.Self{})
	if got := silent.WaitReason(1); got != "unknown wait reason 1" || silent.HasWaitReason(1) {
		t.Errorf("wait reason 1 is %q", got)
	}
	if _, ok := silent.SpecialKind(1); ok {
		t.Error("specials of an unknown version are known")
	}
}
