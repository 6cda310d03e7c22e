package testcores_test

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"postmortem/internal/testcores"
	"postmortem/internal/traceback"
)

// limit is the size that the committed set keeps to, in bytes.
const limit = 64 << 20

// TestSet holds the committed set against what it is for.
func TestSet(t *testing.T) {
	cores := testcores.All(t)
	size := int64(0)
	seen := map[string]bool{}
	has := map[string]int{}
	for _, c := range cores {
		for _, path := range []string{c.PackedCore(), c.PackedBinary()} {
			info, err := os.Stat(path)
			if err != nil {
				t.Error(err)
				continue
			}
			if path = filepath.Clean(path); !seen[path] {
				seen[path] = true
				size += info.Size()
			}
		}
		for _, key := range []string{"go " + c.Go, "variant " + c.Variant, "producer " + c.Producer, "scenario " + c.Program + " " + c.Scenario} {
			has[key]++
		}
		if c.Cut != 0 {
			has["cut"]++
		}
		truth := c.Truth(t)
		if truth.PID != c.PID || truth.Go != version(c) || truth.GOMAXPROCS != processors(c) || truth.Goroutines == 0 {
			t.Errorf("%s: the process says %+v", c.Name, truth)
		}
		print := traceback.Parse(c.Stderr(t))
		if n := len(print.ByID()); n < truth.Goroutines && len(c.Notes) == 0 {
			t.Errorf("%s: %d goroutines printed, %d alive", c.Name, n, truth.Goroutines)
		}
		if strings.Contains(c.Stderr(t), "/root/") || strings.Contains(c.Stderr(t), "/home/") {
			t.Errorf("%s: the print shows a path of the machine that made it", c.Name)
		}
	}
	if size > limit {
		t.Errorf("%d bytes of cores and binaries, at most %d are allowed", size, limit)
	}
	for _, key := range []string{
		"go 1.18", "go 1.18.10", "go 1.19", "go 1.19.13", "go 1.20", "go 1.20.14", "go 1.21.0", "go 1.21.13", "go 1.22.0", "go 1.22.12",
		"go 1.23.0", "go 1.23.12", "go 1.24.0", "go 1.24.9", "go 1.25.0", "go 1.25.4", "go 1.26.0", "go 1.26.8", "go 1.27.0", "go 1.27.3",
		"variant plain", "variant w", "variant pie", "variant cgo", "variant cgopie", "variant external", "variant default",
		"producer kernel", "producer gcore", "producer dlv", "cut", "scenario rich crashserver", "scenario dies overflow", "scenario cgo segv",
		"scenario heap plain", "scenario heap sweep", "scenario heap mark", "scenario heap profile", "variant pprof",
		"scenario waits shapes", "scenario waits unprofiled", "scenario waits selectmain", "variant leaks", "variant piew",
		"scenario service idle", "scenario service hang", "scenario service leak",
	} {
		if has[key] == 0 {
			t.Errorf("no core with %s", key)
		}
	}
}

// version is what the process of a core says of its Go version: that names experiments.
func version(c *testcores.Core) string {
	if c.Variant == "leaks" {
		return "go" + c.Go + "-X:goroutineleakprofile"
	}
	return "go" + c.Go
}

// processors is how many Ps the process of a core has: one where the collector has to stand still.
func processors(c *testcores.Core) int {
	if c.Program == "heap" && (c.Scenario == "sweep" || c.Scenario == "mark") {
		return 1
	}
	return 2
}

// TestUnpack compares an unpacked core with what the zstd program makes of it, where that is installed, and sees that it
// goes with its tests.
func TestUnpack(t *testing.T) {
	c := testcores.Get(t, "small-nil-1.27.3-plain")
	var path string
	t.Run("first", func(t *testing.T) {
		path = c.CorePath(t)
		t.Run("second", func(t *testing.T) {
			if again := c.CorePath(t); again != path {
				t.Errorf("unpacked twice, to %s and %s", path, again)
			}
		})
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if int64(len(got)) != c.CoreBytes {
			t.Errorf("%d bytes, want %d", len(got), c.CoreBytes)
		}
		if !bytes.HasPrefix(got, []byte("\x7fELF")) {
			t.Errorf("starts with %q", got[:4])
		}
		if zstd, err := exec.LookPath("zstd"); err == nil {
			want, err := exec.Command(zstd, "-dc", c.PackedCore()).Output()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Error("differs from what zstd unpacks")
			}
		}
	})
	if _, err := os.Stat(filepath.Dir(path)); !os.IsNotExist(err) {
		t.Errorf("still there after its tests: %v", err)
	}
}

// TestHeapTruth sees that the processes that know their heap say something of everything.
func TestHeapTruth(t *testing.T) {
	for _, c := range testcores.All(t) {
		h := c.Truth(t).Heap
		if (h != nil) != (c.Program == "heap") {
			t.Errorf("%s: says of its heap: %+v", c.Name, h)
		}
		if h == nil {
			continue
		}
		for _, m := range []map[string]int{h.Live, h.Loose, h.Garbage, h.RetainedAtLeast, h.GoroutineBytes, h.GoroutineCount, h.Duplicates} {
			if len(m) == 0 {
				t.Errorf("%s: says nothing of one kind of objects: %+v", c.Name, h)
			}
		}
		if finished := c.Scenario == "plain" || c.Scenario == "profile"; finished != (len(h.Dead) > 0) || finished == (len(h.Unswept) > 0) {
			t.Errorf("%s: dead %v, unswept %v", c.Name, h.Dead, h.Unswept)
		}
		if c.Scenario == "profile" && len(c.Profile(t, "heap")) == 0 {
			t.Errorf("%s: an empty profile", c.Name)
		}
	}
}

// TestWaitsTruth sees that the runtime's own profile of leaked goroutines finds those that are leaked by construction.
func TestWaitsTruth(t *testing.T) {
	profiled := 0
	for _, c := range testcores.All(t) {
		w := c.Truth(t).Waits
		if (w != nil) != (c.Program == "waits") {
			t.Errorf("%s: says of its waits: %+v", c.Name, w)
		}
		if w == nil {
			continue
		}
		if len(w.Goroutines) == 0 || len(w.Locks) == 0 || len(w.Timers) == 0 {
			t.Errorf("%s: says nothing of one kind of waits: %+v", c.Name, w)
		}
		if !w.Profiled {
			continue
		}
		profiled++
		found := map[int64]bool{}
		for _, id := range w.Profile {
			found[id] = true
		}
		for _, g := range w.Goroutines {
			if c.Minor() == 26 && g.ID == 1 && g.Op == "select-none" {
				delete(found, g.ID) // main in select {} is listed by Go 1.26, and no more by 1.27
				continue
			}
			if found[g.ID] != (g.Verdict == testcores.VerdictLeaked) {
				t.Errorf("%s: goroutine %d (%s) is %s; the profile has it: %v", c.Name, g.ID, g.Shape, g.Verdict, found[g.ID])
			}
			delete(found, g.ID)
		}
		if len(found) > 0 {
			t.Errorf("%s: the profile has goroutines of which nothing is said: %v", c.Name, found)
		}
	}
	if profiled < 4 {
		t.Errorf("%d cores with a profile", profiled)
	}
}

// TestStripped compares a binary that has lost its debug information with the one that it was.
func TestStripped(t *testing.T) {
	c := testcores.Get(t, "heap-plain-1.24.9-plain")
	before, after := sections(t, c.BinaryPath(t)), sections(t, c.StrippedPath(t))
	for name, content := range before {
		if debug := strings.HasPrefix(name, ".debug_"); debug == (after[name] != nil) {
			t.Errorf("section %s: there after stripping: %v", name, !debug)
		}
		if after[name] != nil && !bytes.Equal(after[name], content) {
			t.Errorf("section %s has changed", name)
		}
	}
	if before[".debug_info"] == nil || len(after) < 10 {
		t.Errorf("%d sections before, %d after", len(before), len(after))
	}
}

// sections are the contents of a file's sections by their names.
func sections(t *testing.T, path string) map[string][]byte {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := map[string][]byte{}
	for _, s := range f.Sections {
		if s.Type == elf.SHT_NULL || s.Type == elf.SHT_NOBITS {
			continue
		}
		if m[s.Name], err = s.Data(); err != nil {
			t.Fatal(err)
		}
		if m[s.Name] == nil {
			m[s.Name] = []byte{}
		}
	}
	return m
}
