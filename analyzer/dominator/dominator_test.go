package dominator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// checkTree compares a tree with the definition of dominance: for every pair of
// nodes, whether removing one cuts off the other.
func checkTree(t *testing.T, g *Graph, root uint32) {
	t.Helper()
	tree, err := Compute(t.Context(), g, root)
	if err != nil {
		t.Fatalf("Compute: %v", err)
	}
	reached, dominates := dominance(g, root)
	place := make([]int, g.Nodes())
	for i, v := range tree.Order {
		place[v] = i + 1
	}
	sizes := make([]uint64, g.Nodes())
	for v := range sizes {
		sizes[v] = uint64(v)*uint64(v) + 3
	}
	retained := slices.Clone(sizes)
	tree.Retain(retained)
	for v := range uint32(g.Nodes()) {
		if got := tree.Reached(v); got != reached[v] || got != (place[v] != 0) {
			t.Fatalf("node %d: Reached %v, place %d in Order, want %v", v, got, place[v], reached[v])
		}
		// The immediate dominator is the strict dominator that all others dominate.
		want := None
		sum := uint64(0)
		for a := range uint32(g.Nodes()) {
			if a != v && dominates[a][v] && (want == None || dominates[want][a]) {
				want = a
			}
			if dominates[v][a] {
				sum += sizes[a]
			}
			if got := tree.Dominates(a, v); got != dominates[a][v] {
				t.Fatalf("Dominates(%d, %d) = %v", a, v, got)
			}
		}
		if !reached[v] {
			sum = sizes[v]
		}
		if tree.Idom[v] != want {
			t.Fatalf("Idom[%d] = %d, want %d", v, int32(tree.Idom[v]), int32(want))
		}
		if leaf := g.leaf(v) && v != root; reached[v] && leaf != (place[v] > tree.Inner) {
			t.Fatalf("node %d: leaf %v, place %d in Order, %d inner", v, leaf, place[v], tree.Inner)
		}
		if want != None && place[want] >= place[v] {
			t.Fatalf("node %d comes before its dominator %d", v, want)
		}
		if retained[v] != sum {
			t.Fatalf("node %d retains %d, want %d", v, retained[v], sum)
		}
	}
}

// eachGraph runs a check on many small random graphs of every shape.
func eachGraph(t *testing.T, rounds int, check func(t *testing.T, g *Graph, root uint32)) {
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(rounds) {
				r := rand.New(rand.NewPCG(seed, 1))
				g := shape(r, 1+r.IntN(1+int(seed)%40)).graph()
				root := uint32(0)
				if seed%5 == 0 {
					root = uint32(r.IntN(g.Nodes()))
				}
				t.Run(fmt.Sprint(seed), func(t *testing.T) { check(t, g, root) })
			}
		})
	}
}

func TestComputeByRemoval(t *testing.T) { eachGraph(t, 1500, checkTree) }

func TestMalformedGraphs(t *testing.T) {
	for name, g := range map[string]*Graph{
		"no nodes":            {},
		"no end":              {Offsets: []uint32{0}},
		"first offset":        {Offsets: []uint32{1, 1}, Targets: []uint32{0}},
		"last offset short":   {Offsets: []uint32{0, 1}, Targets: []uint32{0, 0}},
		"last offset long":    {Offsets: []uint32{0, 2}, Targets: []uint32{0}},
		"falling offsets":     {Offsets: []uint32{0, 2, 1, 2}, Targets: []uint32{0, 0}},
		"offset past the end": {Offsets: []uint32{0, 9, 2}, Targets: []uint32{0, 0}},
		"wrapped offsets":     {Offsets: []uint32{0, 1<<32 - 1, 2}, Targets: []uint32{0, 0}},
		"target":              {Offsets: []uint32{0, 1, 1}, Targets: []uint32{2}},
		"target None":         {Offsets: []uint32{0, 1, 1}, Targets: []uint32{None}},
		"deeper target":       {Offsets: []uint32{0, 1, 2}, Targets: []uint32{1, 7}},
		"root":                {Offsets: []uint32{0}, Targets: nil},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			if _, err := Compute(ctx, g, 0); !errors.Is(err, ErrGraph) {
				t.Errorf("Compute: %v", err)
			}
			if _, err := Reachable(ctx, g, 0); !errors.Is(err, ErrGraph) {
				t.Errorf("Reachable: %v", err)
			}
			// Paths stops with the last target and need not see a wrong edge.
			if _, err := Paths(ctx, g, 0, 1); g.Nodes() != 2 && !errors.Is(err, ErrGraph) {
				t.Errorf("Paths: %v", err)
			}
		})
	}
}

func TestNodesOutOfRange(t *testing.T) {
	g := edges{{1}, {0}}.graph()
	ctx := t.Context()
	for _, v := range []uint32{2, None} {
		if _, err := Compute(ctx, g, v); !errors.Is(err, ErrGraph) {
			t.Errorf("Compute from %d: %v", v, err)
		}
		if _, err := Reachable(ctx, g, 0, v); !errors.Is(err, ErrGraph) {
			t.Errorf("Reachable from %d: %v", v, err)
		}
		if _, err := Paths(ctx, g, v, 0); !errors.Is(err, ErrGraph) {
			t.Errorf("Paths from %d: %v", v, err)
		}
		if _, err := Paths(ctx, g, 0, v); !errors.Is(err, ErrGraph) {
			t.Errorf("Paths to %d: %v", v, err)
		}
	}
}

func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	g := edges{{1}, {0}}.graph()
	if _, err := Compute(ctx, g, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("Compute: %v", err)
	}
	if _, err := Reachable(ctx, g, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("Reachable: %v", err)
	}
	if _, err := Paths(ctx, g, 0, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Paths: %v", err)
	}
}

// FuzzCompute decodes bytes to a graph: the first is the number of nodes, each
// following pair an edge.
func FuzzCompute(f *testing.F) {
	f.Add([]byte{4, 0, 1, 0, 2, 1, 3, 2, 3})
	f.Add([]byte{5, 0, 1, 1, 2, 2, 3, 3, 4, 0, 4, 4, 2, 0, 3})
	f.Add([]byte{1, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 || len(data) > 400 {
			return
		}
		n := 1 + int(data[0])%48
		e := make(edges, n)
		for rest := data[1:]; len(rest) >= 2; rest = rest[2:] {
			e.add(int(rest[0])%n, int(rest[1])%n)
		}
		checkTree(t, e.graph(), 0)
	})
}
