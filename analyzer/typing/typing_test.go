package typing_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"postmortem/analyzer/graph"
	"postmortem/analyzer/typing"
	"postmortem/coreread"
	"postmortem/coreread/goheap"
	"postmortem/coreread/goroots"
	"postmortem/coreread/gort"
	"postmortem/coreread/gotypes"
	"postmortem/internal/testcores"
)

// inferred is a heap with all that its types are inferred from.
type inferred struct {
	heap  *goheap.Heap
	types *gotypes.Universe
	roots *graph.Roots
	*typing.Result
}

func (x *inferred) infer() *typing.Result {
	return typing.Infer(context.Background(), x.heap, x.types, x.roots)
}

func read(t testing.TB, p *gort.Process) (*inferred, error) {
	t.Helper()
	u, err := gotypes.New(p)
	if err != nil {
		return nil, err
	}
	h, err := goheap.Read(p, u)
	if err != nil {
		return nil, err
	}
	r, err := goroots.New(p)
	if err != nil {
		return nil, err
	}
	roots, err := graph.Collect(context.Background(), h, r, graph.Sources{Group: func(uint64) (uint64, bool) { return 0, false }})
	if err != nil {
		return nil, err
	}
	x := &inferred{heap: h, types: u, roots: roots}
	x.Result = x.infer()
	return x, nil
}

func open(t testing.TB, c *testcores.Core) *inferred {
	t.Helper()
	snap, err := coreread.Open(context.Background(), coreread.Config{Core: c.CorePath(t), Binary: c.BinaryPath(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { snap.Close() })
	x, err := read(t, snap.Runtime)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// eachHeap runs a test on the cores of processes that know what is on their heap.
func eachHeap(t *testing.T, f func(t *testing.T, x *inferred, c *testcores.Core, truth *testcores.Heap)) {
	n := 0
	for _, c := range testcores.All(t) {
		truth := c.Truth(t).Heap
		if truth == nil {
			continue
		}
		n++
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			f(t, open(t, c), c, truth)
		})
	}
	if n == 0 {
		t.Fatal("no process says what is on its heap")
	}
}

// counts returns the objects of each type.
func (x *inferred) counts() map[string]int {
	byKey := make([]int, len(x.Table))
	for _, k := range x.Of {
		byKey[k]++
	}
	m := make(map[string]int)
	for k, n := range byKey[1:] {
		m[x.Name(typing.Key(k+1))] += n
	}
	return m
}

// own reports whether only the scenario itself makes objects of a type.
func own(name string) bool { return strings.Contains(name, "main.") }

// TestCounts holds the number of objects of each type against what the process
// itself counted: exact where types are known by DWARF, and never more.
func TestCounts(t *testing.T) {
	eachHeap(t, func(t *testing.T, x *inferred, c *testcores.Core, truth *testcores.Heap) {
		have := x.counts()
		most := make(map[string]int)
		for _, kind := range []map[string]int{truth.Live, truth.Loose, truth.Dead, truth.Weak, truth.Doomed, truth.Garbage, truth.Unswept} {
			for name, n := range kind {
				most[name] += n
			}
		}
		if c.Variant != "w" {
			for name, want := range truth.Live {
				if n := have[name]; n < want || own(name) && n > most[name] {
					t.Errorf("%d of %s, want %d", n, name, want)
				}
			}
		}
		for name, n := range have {
			if all, told := most[name]; told && own(name) && n > all {
				t.Errorf("%d of %s, there are %d", n, name, all)
			}
			if strings.Contains(name, "?") || name == "" && n > 0 {
				t.Errorf("%d of %q", n, name)
			}
		}
		if x.Incomplete != "" {
			t.Error(x.Incomplete)
		}
	})
}

// TestReachableIsTyped bounds what is left unknown of what a process still uses.
func TestReachableIsTyped(t *testing.T) {
	for _, c := range testcores.All(t) {
		if c.Cut != 0 || c.Variant == "w" || c.Program != "rich" && c.Program != "heap" {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			x := open(t, c)
			g, err := graph.Build(context.Background(), x.heap, x.roots, 1)
			if err != nil {
				t.Fatal(err)
			}
			d, err := g.Dominate(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			all, unknown := 0, 0
			for o, k := range x.Of {
				if d.Reached(uint32(o)) {
					if all++; k == 0 {
						unknown++
					}
				}
			}
			if unknown*20 > all {
				t.Errorf("%d of %d reachable objects have no type", unknown, all)
			}
		})
	}
}

// TestCountersAddUp holds the counters against the objects.
func TestCountersAddUp(t *testing.T) {
	eachHeap(t, func(t *testing.T, x *inferred, c *testcores.Core, _ *testcores.Heap) {
		var typed, unknown typing.Count
		for o, k := range x.Of {
			n := &typed
			if k == 0 {
				n = &unknown
			}
			n.Objects++
			n.Bytes += x.heap.Size(goheap.Object(o))
		}
		if typed != x.Typed() || unknown != x.Unknown() {
			t.Errorf("typed %v, unknown %v; the objects say %v and %v", x.Typed(), x.Unknown(), typed, unknown)
		}
	})
}

// TestSameTwice sees that the same input gives the same types, and in the same order.
func TestSameTwice(t *testing.T) {
	for _, name := range []string{"heap-plain-1.18.10-plain", "heap-plain-1.27.3-plain", "heap-plain-1.26.8-w"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := testcores.Get(t, name)
			x, y := open(t, c), open(t, c)
			if !slices.Equal(x.Of, y.Of) || !slices.Equal(x.Table, y.Table) || x.ByClass != y.ByClass || x.Conflicts != y.Conflicts {
				t.Error("two readings of a heap differ")
			}
			if again := x.infer(); !slices.Equal(x.Of, again.Of) {
				t.Error("two inferences on one heap differ")
			}
		})
	}
}

// TestFieldPaths names places in objects as the source of the scenario would.
func TestFieldPaths(t *testing.T) {
	eachHeap(t, func(t *testing.T, x *inferred, c *testcores.Core, _ *testcores.Heap) {
		if c.Variant == "w" {
			t.Skip("most types are not known")
		}
		parts := "map.group[string]*main.user"
		if c.Minor() < 24 {
			parts = "map.bucket[string]*main.user"
		}
		// type user struct{ Name string; Friends []*user; Profile *profile; … }
		for _, want := range []struct {
			name   string
			offset uint64
			path   string
		}{
			{"main.user", 0, ".Name"}, {"main.user", 16, ".Friends"}, {"main.user", 40, ".Profile"},
			{"[n]*main.user", 8, "[1]"}, {"[n]main.outer", 24, "[3].embedded"},
			{parts, 8, "[key]"}, {parts, 8 + 24, "[key]"}, {"func main.closeOverValue.func1", 0, ""},
			{"map[string]*main.user", 8, ""}, {"string data", 3, ""},
		} {
			if c.Minor() < 24 && want.offset == 8+24 {
				want.offset, want.path = 8+8*16+16, "[value]"
			} else if c.Minor() >= 24 && want.offset == 8+24 && want.name == parts {
				want.offset, want.path = 8+24+16, "[value]"
			}
			k := slices.IndexFunc(x.Table, func(e typing.Entry) bool { return e.Name == want.name })
			if k < 0 {
				t.Errorf("no %s", want.name)
				continue
			}
			if path := x.FieldPath(typing.Key(k), want.offset); path != want.path {
				t.Errorf("byte %d of %s is %q, want %q", want.offset, want.name, path, want.path)
			}
		}
	})
}
