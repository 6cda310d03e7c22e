package leaks_test

import (
	"slices"
	"strings"
	"testing"

	"postmortem/analyzer/facts"
	"postmortem/internal/testcores"
)

// TestServices takes servers: one whose 200 connections, workers and tickers are
// idle, which is no leak of any kind, and one that has leaked 2000 goroutines.
func TestServices(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range testcores.All(t) {
		if c.Program != "service" {
			continue
		}
		seen[c.Scenario] = true
		t.Run(c.Name, func(t *testing.T) {
			found, _ := find(t, c)
			switch c.Scenario {
			case "idle":
				if len(found.Groups) > 0 {
					t.Errorf("an idle server has leaks: %+v", found)
				}
			case "leak":
				if found.Proven != 2000 || len(found.Groups) != 1 {
					t.Fatalf("%d leaks are proven, in %d groups", found.Proven, len(found.Groups))
				}
				g := found.Groups[0]
				ids := int64(0)
				for _, r := range g.GoidRanges {
					ids += r[1] - r[0] + 1
				}
				if g.Count != 2000 || ids != 2000 || !slices.IsSortedFunc(g.GoidRanges, func(a, b [2]int64) int { return int(a[0] - b[1]) }) {
					t.Errorf("the group has %d goroutines and %d ids: %v", g.Count, ids, g.GoidRanges)
				}
				if g.StackBytes < 2000*2048 || !g.RetainedBytes.Known || g.RetainedBytes.V < 2000*1024 {
					t.Errorf("they have %d bytes of stacks and retain %v", g.StackBytes, g.RetainedBytes)
				}
			}
		})
	}
	if !seen["idle"] || !seen["leak"] {
		t.Errorf("no cores of servers: %v", seen)
	}
}

// TestLikelyLeaksNameWhatLeadsToThem takes goroutines that only a variable keeps
// from being proven leaked.
func TestLikelyLeaksNameWhatLeadsToThem(t *testing.T) {
	c := testcores.Get(t, "waits-shapes-1.22.12-plain")
	_, verdicts := find(t, c)
	want := map[string]string{
		"send to a channel in a global":                    "main.exits > chan int",
		"wants a mutex in a global":                        "main.registryMu",
		"wants a global mutex that a dead goroutine holds": "main.abandoned",
		"behind a global once":                             "main.begin",
	}
	for _, g := range c.Truth(t).Waits.Goroutines {
		path, ok := want[g.Shape]
		if !ok {
			continue
		}
		v := verdicts[g.ID]
		if v.Verdict != facts.ConfidenceLikely || strings.Join(v.Path, " > ") != path {
			t.Errorf("goroutine %d (%s): %q by %q, want %q", g.ID, g.Shape, v.Verdict, v.Path, path)
		}
		if g.Shape != "wants a global mutex that a dead goroutine holds" {
			delete(want, g.Shape)
		}
	}
	if delete(want, "wants a global mutex that a dead goroutine holds"); len(want) > 0 {
		t.Errorf("there are no goroutines with the shapes %v", want)
	}
}
