package layout_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"postmortem/coreread/exe"
	"postmortem/coreread/input"
	"postmortem/coreread/layout"
	"postmortem/coreread/layout/internal/shape"
)

// probeDir is where probes built, empty when no test needed it.
var probeDir string

// probes builds the generator's probe with the installed toolchain, once with
// and once without DWARF.
var probes = sync.OnceValues(func() (paths map[string]string, err error) {
	dir, err := os.MkdirTemp("", "layout")
	if err != nil {
		return nil, err
	}
	probeDir = dir
	paths = make(map[string]string)
	for name, ldflags := range map[string]string{"dwarf": "", "plain": "-w", "stripped": "-s -w"} {
		out := filepath.Join(dir, name)
		cmd := exec.Command("go", "build", "-ldflags="+ldflags, "-o", out, ".")
		cmd.Dir = filepath.Join("internal", "gen", "probe")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOWORK=off", "GOTOOLCHAIN=local")
		if msg, err := cmd.CombinedOutput(); err != nil {
			return paths, &exec.Error{Name: string(msg), Err: err}
		}
		paths[name] = out
	}
	return paths, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if probeDir != "" {
		os.RemoveAll(probeDir)
	}
	os.Exit(code)
}

func openProbe(t testing.TB, name string) (*exe.Binary, string) {
	t.Helper()
	paths, err := probes()
	if err != nil {
		t.Fatal(err)
	}
	f, err := input.Open(context.Background(), paths[name], input.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := exe.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close(); f.Close() })
	return b, paths[name]
}

// The installed toolchain's structs, with and without DWARF and symbols,
// against the DWARF of the same program.
func TestInstalledToolchain(t *testing.T) {
	withDWARF, _ := openProbe(t, "dwarf")
	data, err := withDWARF.DWARF()
	if err != nil {
		t.Fatal(err)
	}
	truth, err := shape.NewDWARF(data)
	if err != nil {
		t.Fatal(err)
	}
	described := []string{"runtime.g", "runtime.m", "runtime.p", "runtime.sudog", "runtime._panic", "runtime._defer", "runtime.hchan",
		"runtime.mspan", "runtime.mcache", "runtime.timer", "runtime.timers", "runtime.pollDesc", "runtime.moduledata", "runtime.special",
		"runtime.gobuf", "runtime.stack", "runtime.mutex", "runtime.note", "internal/runtime/maps.Map", "internal/runtime/maps.table"}
	inTables := []string{"runtime.schedt", "runtime.mheap", "runtime.heapArena", "runtime.gcControllerState", "runtime.mstats", "runtime.workType",
		"runtime.semaRoot", "runtime.timeHistogram", "runtime.gcCPULimiterState", "runtime.bucket", "runtime.memRecord", "runtime.specialfinalizer",
		"runtime.finBlock", "runtime.itabTableType", "runtime.consistentHeapStats", "runtime.heapStatsDelta"}
	for _, kind := range []string{"dwarf", "plain", "stripped"} {
		b, _ := openProbe(t, kind)
		l, err := layout.Resolve(b)
		if err != nil {
			t.Fatal(err)
		}
		if want := runtime.Version(); l.Version().String() != want {
			t.Errorf("%s: version %v, the toolchain is %s", kind, l.Version(), want)
		}
		for _, name := range slices.Concat(described, inTables) {
			want, ok, err := truth.Type(name)
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				t.Logf("%s has no %s", runtime.Version(), name)
				continue
			}
			s := l.Struct(name)
			if slices.Contains(described, name) && s.Source() != layout.FromDescriptor {
				t.Errorf("%s: %s comes from %q: %v", kind, name, s.Source(), s.Err())
			}
			compareShape(t, s, name, "", want, 0)
			if err := s.Err(); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		}
		for _, w := range l.Warnings() {
			t.Errorf("%s: %v", kind, w)
		}
	}
}

// compareShape holds every path of want against s.
func compareShape(t *testing.T, s *layout.Struct, name, path string, want *shape.Type, base uint64) {
	t.Helper()
	if path == "" && s.Size() != want.Size {
		t.Errorf("%s has %d bytes, DWARF says %d", name, s.Size(), want.Size)
	}
	for _, f := range want.Fields {
		p := strings.TrimPrefix(path+"."+f.Name, ".")
		if got := s.Field(p); got.Offset != base+f.Offset || got.Size != f.Type.Size {
			t.Errorf("%s.%s is at %d with %d bytes, DWARF says %d with %d", name, p, got.Offset, got.Size, base+f.Offset, f.Type.Size)
		}
		if f.Type.Elem == nil {
			compareShape(t, s, name, p, f.Type, base+f.Offset)
			continue
		}
		if e := f.Type.Elem; e.IsStruct() && f.Type.Len > 1 {
			compareShape(t, s, name, p+"[1]", e, base+f.Offset+e.Size)
		}
	}
}

// The debugger's view of the same program: "ptype /o" computes offsets itself.
func TestAgainstDebugger(t *testing.T) {
	gdb, err := exec.LookPath("gdb")
	if err != nil {
		t.Skip("no gdb on this machine")
	}
	b, path := openProbe(t, "dwarf")
	l, err := layout.Resolve(b)
	if err != nil {
		t.Fatal(err)
	}
	// "/* offset | size */ type field;" of the outermost struct: nested members
	// are indented deeper.
	line := regexp.MustCompile(`^/\* +(\d+)(?::\d+)? +\| +(\d+) \*/ {4}\S.*?\**(\w+)(?:\[\d+\])*;$`)
	for _, name := range []string{"runtime.g", "runtime.m", "runtime.p", "runtime.schedt", "runtime.sudog", "runtime.workType", "runtime.mstats", "runtime.gcControllerState", "runtime.mspan", "runtime.hchan", "runtime.mheap", "runtime.heapArena"} {
		out, err := exec.Command(gdb, "-nx", "-batch", "-iex", "set auto-load off", "-ex", "set language c", "-ex", "set max-value-size unlimited", "-ex", "ptype /o struct '"+name+"'", path).Output()
		if err != nil {
			t.Skipf("gdb does not read this program: %v", err)
		}
		s := l.Struct(name)
		seen := 0
		for sc := bufio.NewScanner(strings.NewReader(string(out))); sc.Scan(); {
			m := line.FindStringSubmatch(sc.Text())
			if m == nil || m[3] == "_" || m[2] == "0" {
				continue
			}
			seen++
			if strings.Contains(sc.Text(), "func(") {
				m[2] = "8" // a funcval's address; the debugger shows it as the code itself
			}
			if f, ok := s.OptionalField(m[3]); !ok || strconv.FormatUint(f.Offset, 10) != m[1] || strconv.FormatUint(f.Size, 10) != m[2] {
				t.Errorf("%s.%s is %+v (%v), the debugger says offset %s, size %s", name, m[3], f, ok, m[1], m[2])
			}
		}
		if seen == 0 {
			t.Skipf("this gdb does not print %s: %.200q", name, out)
		}
		t.Logf("%s: %d fields agree with gdb", name, seen)
	}
}

// The runtime's own array of texts against the table.
func TestStringsOfTheBinary(t *testing.T) {
	b, _ := openProbe(t, "plain")
	known, err := layout.Resolve(b)
	if err != nil {
		t.Fatal(err)
	}
	own, err := layout.ResolveAs(b, "go1.99.0")
	if err != nil {
		t.Fatal(err)
	}
	for n := range 256 {
		reason := uint8(n)
		if k, o := known.WaitReason(reason), own.WaitReason(reason); k != o {
			t.Errorf("wait reason %d is %q in the table and %q in the binary", n, k, o)
		}
		if k, o := known.STWReason(reason), own.STWReason(reason); k != o {
			t.Errorf("stop-the-world reason %d is %q in the table and %q in the binary", n, k, o)
		}
	}
}

// A reader binds all its structs once; this must not be felt.
func TestResolveIsQuick(t *testing.T) {
	b, _ := openProbe(t, "plain")
	begin := time.Now()
	l, err := layout.Resolve(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"runtime.g", "runtime.m", "runtime.p", "runtime.schedt", "runtime.mheap", "runtime.workType", "runtime.sudog", "runtime.hchan", "runtime.mspan"} {
		if s := l.Struct(name); s.Err() != nil {
			t.Error(s.Err())
		}
	}
	took := time.Since(begin)
	t.Logf("%v", took)
	if took > 500*time.Millisecond { // some 5 ms on an idle machine
		t.Errorf("resolving nine structs took %v", took)
	}
}
