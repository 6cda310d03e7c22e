package graph_test

import (
	"context"
	"testing"

	"postmortem/analyzer/dominator"
	"postmortem/analyzer/graph"
	"postmortem/coreread"
	"postmortem/coreread/goheap"
	"postmortem/coreread/goroots"
	"postmortem/coreread/gotypes"
	"postmortem/internal/testcores"
)

// build reads the object graph of a committed core.
func build(t testing.TB, c *testcores.Core) *graph.Graph {
	t.Helper()
	ctx := context.Background()
	snap, err := coreread.Open(ctx, coreread.Config{Core: c.CorePath(t), Binary: c.BinaryPath(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { snap.Close() })
	u, err := gotypes.New(snap.Runtime)
	if err != nil {
		t.Fatal(err)
	}
	h, err := goheap.Read(snap.Runtime, u)
	if err != nil {
		t.Fatal(err)
	}
	r, err := goroots.New(snap.Runtime)
	if err != nil {
		t.Fatal(err)
	}
	roots, err := graph.Collect(ctx, h, r, graph.Sources{Group: func(goid uint64) (uint64, bool) { return goid % 3, goid%2 == 0 }})
	if err != nil {
		t.Fatal(err)
	}
	g, err := graph.Build(ctx, h, roots, 2)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func eachWhole(t *testing.T, f func(t *testing.T, c *testcores.Core)) {
	for _, c := range testcores.All(t) {
		if c.Cut == 0 {
			t.Run(c.Name, func(t *testing.T) {
				t.Parallel()
				f(t, c)
			})
		}
	}
}

// TestMarkedIsReachable holds reachability against the process's own collector:
// what that had marked must be reachable, or have become garbage since. What was
// made since the sweep before does not count: it may have been marked as it was
// made, and dropped at once.
func TestMarkedIsReachable(t *testing.T) {
	eachWhole(t, func(t *testing.T, c *testcores.Core) {
		g := build(t, c)
		reached, err := dominator.Reachable(context.Background(), &g.Edges, g.Root())
		if err != nil {
			t.Fatal(err)
		}
		marked, lost := 0, 0
		h := g.Heap
		for i := range h.Spans {
			s := &h.Spans[i]
			marks, ok := h.Marks(s)
			if !ok {
				continue
			}
			for k, m := range marks {
				allocated, o := h.Allocated(s, k)
				m &= h.Survived(s, k)
				for bit := 0; bit < 64; bit++ {
					if allocated>>bit&1 == 0 {
						continue
					}
					if m>>bit&1 != 0 {
						if marked++; !reached.Has(uint32(o)) {
							if lost++; lost < 10 {
								t.Logf("marked and not reachable: %v, %d bytes", h.Address(o), h.Size(o))
							}
						}
					}
					o++
				}
			}
		}
		if marked > 0 {
			t.Logf("%d marked, %d of them not reachable", marked, lost)
		}
		if lost*1000 > marked {
			t.Errorf("%d of %d marked objects are not reachable", lost, marked)
		}
	})
}

// TestRetained holds retained sizes against their definition: what cannot be
// reached any more without the node.
func TestRetained(t *testing.T) {
	eachWhole(t, func(t *testing.T, c *testcores.Core) {
		g := build(t, c)
		d, err := g.Dominate(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		// Brute force takes the square of the nodes: every so many are checked, and
		// of a large heap fewer. The holders are at the end.
		n := uint32(g.Edges.Nodes())
		for node := n - 1; node < n; node -= 1 + n*n/1_000_000 {
			if !d.Reached(node) {
				continue
			}
			if want := withoutNode(g, d, node); d.Retained(node) != want {
				t.Fatalf("node %d retains %d bytes, without it %d are unreachable", node, d.Retained(node), want)
			}
		}
	})
}

// withoutNode returns the bytes that only the node leads to.
func withoutNode(g *graph.Graph, d *graph.Dominators, node uint32) (lost uint64) {
	seen := dominator.NewSet(g.Edges.Nodes())
	seen.Add(node)
	stack := []uint32{}
	if node != g.Root() {
		stack = append(stack, g.Root())
		seen.Add(g.Root())
	}
	for len(stack) > 0 {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, w := range g.Edges.Targets[g.Edges.Offsets[v]:g.Edges.Offsets[v+1]] {
			if !seen.Has(w) {
				seen.Add(w)
				stack = append(stack, w)
			}
		}
	}
	for o := range uint32(g.Heap.Objects()) {
		if d.Reached(o) && (o == node || !seen.Has(o)) {
			lost += g.Heap.Size(goheap.Object(o))
		}
	}
	return lost
}
