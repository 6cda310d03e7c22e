package waits_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postmortem/analyzer"
	"postmortem/analyzer/facts"
	"postmortem/internal/testcores"
)

// TestStalledWorldNamesWhoHoldsItUp: the process has one goroutine in a loop that cannot
// be preempted, and a collection that cannot begin.
func TestStalledWorldNamesWhoHoldsItUp(t *testing.T) {
	found := 0
	for _, c := range testcores.All(t) {
		if c.Scenario != "stwstall" {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			found++
			doc := report(t, c, analyzer.Config{NoHeap: true})
			for _, r := range doc.Waits.Resources {
				if r.Kind != facts.ResourceWorld {
					continue
				}
				if r.WaiterCount != 1 || len(r.Holders) != 1 || !strings.Contains(start(doc, r.Holders[0].Goroutine), "tightLoop") && !strings.Contains(strings.Join(r.Holders[0].Evidence, ""), "tightLoop") {
					t.Errorf("the world: %+v", r)
				}
				if h := doc.Waits.HeadBlockers; len(h) == 0 || h[0].Goroutine != r.Holders[0].Goroutine {
					t.Errorf("heads: %+v", h)
				}
				return
			}
			t.Error("nobody waits for the world")
		})
	}
	if found == 0 {
		t.Error("no core of a stalled stop of the world")
	}
}

func start(doc *facts.Document, goroutine int64) string {
	i := slices.IndexFunc(doc.Goroutines.List, func(g facts.Goroutine) bool { return g.ID == goroutine })
	if i < 0 || doc.Goroutines.List[i].Start == nil {
		return ""
	}
	return doc.Goroutines.List[i].Start.Func
}

// TestWithoutHeap: what needs no types is the same without a heap.
func TestWithoutHeap(t *testing.T) {
	for _, name := range []string{"waits-shapes-1.18.10-w", "waits-shapes-1.27.3-plain", "waits-shapes-1.24.9-piew"} {
		t.Run(name, func(t *testing.T) {
			c := testcores.Get(t, name)
			without, with := report(t, c, analyzer.Config{NoHeap: true}), report(t, c, analyzer.Config{})
			if s := without.Completeness.Sections[facts.PartWaits]; s.State != facts.SectionPartial || !strings.Contains(s.Why.V, "heap") || without.Waits.Leaks != nil {
				t.Errorf("the section is %+v, leaks %+v", s, without.Waits.Leaks)
			}
			if without.Waits.EdgesTotal != with.Waits.EdgesTotal {
				t.Errorf("%d edges, with a heap %d", without.Waits.EdgesTotal, with.Waits.EdgesTotal)
			}
			named, elements := 0, 0
			for _, r := range without.Waits.Resources {
				if r.Channel != nil && r.Channel.ReferencedBy != nil {
					t.Errorf("the channel %v has referrers that nobody looked for", r.Address)
				}
				if r.Kind == facts.ResourceMutex && strings.HasPrefix(r.Name.V, "main.") {
					named++
				}
				if r.Channel != nil && strings.HasPrefix(r.Type.V, "chan ") {
					elements++
				}
			}
			if named == 0 || elements == 0 {
				t.Errorf("%d mutexes have names of variables, %d channels have types", named, elements)
			}
		})
	}
}

// TestCallsOfC: goroutines in C are told from those in system calls, whatever signal
// their threads handle.
func TestCallsOfC(t *testing.T) {
	found := 0
	for _, c := range testcores.All(t) {
		if c.Program != "cgo" || c.Cut != 0 {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			for _, r := range report(t, c, analyzer.Config{NoHeap: true}).Waits.Resources {
				if r.Kind != facts.ResourceC {
					continue
				}
				found++
				if !strings.Contains(r.Name.V, "_Cfunc_") || r.WaiterCount != 1 {
					t.Errorf("C code: %+v", r)
				}
			}
		})
	}
	if found < 5 {
		t.Errorf("only %d goroutines are in C", found)
	}
}

// TestListsAreBounded: of thousands of channels as many are listed as may be, and they
// hide nothing else. What is said does not depend on the run.
func TestListsAreBounded(t *testing.T) {
	c := testcores.Get(t, "service-leak-1.27.3-w-sigabrt")
	w := report(t, c, analyzer.Config{}).Waits
	if len(w.Resources) != facts.ResourcesCap || w.ResourcesTotal <= facts.ResourcesCap || len(w.Edges) > facts.WaitEdgesCap {
		t.Errorf("%d of %d resources, %d of %d edges", len(w.Resources), w.ResourcesTotal, len(w.Edges), w.EdgesTotal)
	}
	kinds, listed := map[facts.ResourceKind]int{}, map[int]bool{}
	for _, r := range w.Resources {
		kinds[r.Kind]++
		listed[r.ID] = true
	}
	for _, kind := range []facts.ResourceKind{facts.ResourceChannel, facts.ResourceIdle, facts.ResourceSyscall, facts.ResourcePoll} {
		if kinds[kind] == 0 {
			t.Errorf("no resource of kind %s is listed", kind)
		}
	}
	for _, e := range w.Edges {
		if !listed[e.Resource] {
			t.Errorf("an edge leads to resource %d, which is not listed", e.Resource)
		}
	}
	if diff := cmp.Diff(w, report(t, c, analyzer.Config{}).Waits); diff != "" {
		t.Errorf("two runs differ:\n%s", diff)
	}
}

// TestHangOfService: a service that has hung has one cycle, and its requests are behind it.
func TestHangOfService(t *testing.T) {
	for _, name := range []string{"service-hang-1.22.12-w-sigabrt", "service-hang-1.27.3-w-sigabrt"} {
		t.Run(name, func(t *testing.T) {
			w := report(t, testcores.Get(t, name), analyzer.Config{}).Waits
			if len(w.Cycles) != 1 || len(w.HeadBlockers) == 0 {
				t.Fatalf("cycles %+v, heads %+v", w.Cycles, w.HeadBlockers)
			}
			c, h := w.Cycles[0], w.HeadBlockers[0]
			legs := strings.Join(c.Legs, "; ")
			if len(c.Goroutines) != 2 || !strings.Contains(legs, "holds main.Ledger.mu and waits for main.Cache.mu") || !strings.Contains(legs, "holds main.Cache.mu and waits for main.Ledger.mu") {
				t.Errorf("legs: %s", legs)
			}
			if !slices.Contains(c.Goroutines, h.Goroutine) || h.Total != c.Behind+1 || c.Behind < 100 {
				t.Errorf("%d behind the cycle, the head is %+v", c.Behind, h)
			}
		})
	}
}

// TestIdleIsNoDeadlock: an idle program waits for the network and for work.
func TestIdleIsNoDeadlock(t *testing.T) {
	for _, c := range testcores.All(t) {
		if c.Program != "rich" && c.Scenario != "idle" || c.Cut != 0 {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			w := report(t, c, analyzer.Config{}).Waits
			if w == nil || len(w.Resources) == 0 {
				t.Fatal("no waits")
			}
			for _, c := range w.Cycles {
				t.Errorf("a cycle: %v", c.Legs)
			}
		})
	}
}
