// Package testcores hands the committed cores of testdata/cores to tests: plain files, unpacked when first asked for and
// removed when the last test that asked is over. It reads no core; it fails, and never skips, when something is missing.
package testcores

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"
)

// A Core is one committed core with its binary and with what its process printed.
type Core struct {
	Name      string   `json:"-"`           // its folder below testdata/cores/dumps
	Program   string   `json:"program"`     // folder of the scenario programs: small, rich, dies, cgo, heap, waits, service
	Scenario  string   `json:"scenario"`    // the program's argument
	Go        string   `json:"go"`          // "1.22.12"
	Variant   string   `json:"variant"`     // key of variants in testdata/cores/generate/cases.go: plain, w, pie, …
	Producer  string   `json:"producer"`    // kernel, gcore, dlv
	PID       int      `json:"pid"`         //
	Ended     string   `json:"ended"`       // the signal that ended the process, after the snapshot if it was one
	Signal    string   `json:"signal"`      // the signal sent from outside; "": it died by itself
	Env       string   `json:"env"`         // a variable of its environment besides GOTRACEBACK=crash and GOMAXPROCS=2
	Cut       int      `json:"cut_percent"` // percent of the core that is there; 0: all
	CoreBytes int64    `json:"core_bytes"`  // size of the plain core
	Whole     int64    `json:"whole_bytes"` // its size before it was cut; 0: it is whole
	Notes     []string `json:"notes"`       // what is odd about the print
	Binary    string   `json:"binary"`      // path of the packed binary, from the core's folder

	// Member is the name of the binary in the archive that Binary is; "": Binary is no archive.
	Member string `json:"binary_member"`

	root string
}

// Truth is what the process said of itself shortly before its end; counts of bytes and of objects are those of
// runtime.MemStats.
type Truth struct {
	Scenario     string            `json:"scenario"`
	Go           string            `json:"go"` // runtime.Version()
	PID          int               `json:"pid"`
	GOMAXPROCS   int               `json:"gomaxprocs"`
	Goroutines   int               `json:"goroutines"` // runtime.NumGoroutine(): without those of the runtime
	CgoCalls     int64             `json:"cgo_calls"`
	HeapAlloc    uint64            `json:"heap_alloc"`
	HeapInuse    uint64            `json:"heap_inuse"`
	HeapSys      uint64            `json:"heap_sys"`
	HeapObjects  uint64            `json:"heap_objects"`
	Mallocs      uint64            `json:"mallocs"`
	Frees        uint64            `json:"frees"`
	StackInuse   uint64            `json:"stack_inuse"`
	NextGC       uint64            `json:"next_gc"`
	NumGC        uint32            `json:"num_gc"`
	NumForcedGC  uint32            `json:"num_forced_gc"`
	PauseTotalNs uint64            `json:"pause_total_ns"`
	LastGCUnixNs uint64            `json:"last_gc_unix_ns"`
	MemoryLimit  uint64            `json:"memory_limit"` // 0 for Go 1.18
	Labels       map[string]string `json:"labels"`       // goroutine labels that some goroutine has
	Values       map[string]string `json:"values"`       // what only the scenario knows
	BySize       [][3]uint64       `json:"by_size"`      // size class in bytes, mallocs, frees
	Heap         *Heap             `json:"heap"`         // of the heap scenarios only
	Waits        *Waits            `json:"waits"`        // of the waits scenarios only
}

// Heap is what a process of the program heap knows of its heap: numbers of objects by the name of their type (T, [n]T for
// the array behind a slice, map[K]V for a map's header, chan T, chan T buffer, func F for a closure), unless said otherwise.
type Heap struct {
	Live    map[string]int `json:"live"`    // reachable, and what points to them says their type
	Loose   map[string]int `json:"loose"`   // reachable, but only by interior and unsafe pointers, generic closures and, timers since Go 1.23, by pointers of another type
	Dead    map[string]int `json:"dead"`    // unreachable since the last collection, in swept spans
	Weak    map[string]int `json:"weak"`    // as Dead, but with weak pointers to them
	Doomed  map[string]int `json:"doomed"`  // as Dead, but with a finalizer that keeps what they point to
	Garbage map[string]int `json:"garbage"` // unreachable before the last collection, and gone
	Unswept map[string]int `json:"unswept"` // unreachable before the collection under way, and still there unless a span has been swept

	RetainedAtLeast map[string]int `json:"retained_at_least"` // bytes that only the root of this name keeps
	GoroutineBytes  map[string]int `json:"goroutine_bytes"`   // bytes that each goroutine that runs this function keeps, exactly
	GoroutineCount  map[string]int `json:"goroutine_count"`   // goroutines that run this function
	Duplicates      map[string]int `json:"duplicates"`        // strings with this content
}

var (
	once   sync.Once
	listed []*Core
	fault  error
)

// All are the committed cores, by name.
func All(t testing.TB) []*Core {
	t.Helper()
	once.Do(func() { listed, fault = list() })
	if fault != nil {
		t.Fatal(fault)
	}
	return listed
}

// Get is the core of that name.
func Get(t testing.TB, name string) *Core {
	t.Helper()
	for _, c := range All(t) {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no core %s in testdata/cores/dumps", name)
	return nil
}

func list() ([]*Core, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(root, "testdata/cores/dumps/*/meta.json"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no cores in %s/testdata/cores/dumps", root)
	}
	var l []*Core
	for _, file := range files {
		c := &Core{root: filepath.Dir(file), Name: filepath.Base(filepath.Dir(file))}
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(b, c); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		l = append(l, c)
	}
	sort.Slice(l, func(i, j int) bool { return l[i].Name < l[j].Name })
	return l, nil
}

// moduleRoot is the folder of this module's go.mod, at or above the working directory.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(b), "module postmortem\n") {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no module postmortem above the working directory")
		}
		dir = parent
	}
}

// PackedCore is the path of the core as committed, compressed with zstd.
func (c *Core) PackedCore() string { return filepath.Join(c.root, "core.zst") }

// PackedBinary is the path of the binary as committed, compressed with zstd; cores share binaries. For a core with a Member
// it is that of the archive.
func (c *Core) PackedBinary() string { return filepath.Join(c.root, c.Binary) }

// CorePath is the path of the plain core, a sparse file, valid until the test is over.
func (c *Core) CorePath(t testing.TB) string {
	t.Helper()
	return unpacked(t, packed{file: c.PackedCore()}, "core")
}

// BinaryPath is the path of the plain binary, whose file name is the program's, valid until the test is over.
func (c *Core) BinaryPath(t testing.TB) string {
	t.Helper()
	return unpacked(t, packed{file: c.PackedBinary(), member: c.Member}, c.Program)
}

// Profile is the profile of that name (heap, block, mutex) that the process has written of itself shortly before its end,
// a gzipped protocol buffer.
func (c *Core) Profile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(c.root, name+".pb.gz"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Stderr is what the process printed as it died; after a snapshot, what it printed right after it.
func (c *Core) Stderr(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(c.root, "stderr.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Truth is what the process said of itself.
func (c *Core) Truth(t testing.TB) Truth {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(c.root, "stdout.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var v Truth
	line, _, _ := strings.Cut(string(b), "\n")
	if err := json.Unmarshal([]byte(line), &v); err != nil {
		t.Fatalf("%s: stdout.txt: %v", c.Name, err)
	}
	return v
}

// Minor is the minor version of Go: 22 for 1.22.12.
func (c *Core) Minor() int {
	var minor int
	fmt.Sscanf(c.Go, "1.%d", &minor)
	return minor
}
