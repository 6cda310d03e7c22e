package dominator

import (
	"slices"
	"testing"
)

func TestReachable(t *testing.T) {
	eachGraph(t, 200, func(t *testing.T, g *Graph, root uint32) {
		last := uint32(g.Nodes() - 1)
		got, err := Reachable(t.Context(), g, root, last, root)
		if err != nil {
			t.Fatal(err)
		}
		one, other := marked(g, root, None), marked(g, last, None)
		for v := range uint32(g.Nodes()) {
			if want := one[v] || other[v]; got.Has(v) != want {
				t.Errorf("node %d: %v, want %v", v, got.Has(v), want)
			}
		}
	})
}

func TestReachableWithoutRoots(t *testing.T) {
	got, err := Reachable(t.Context(), edges{{1}, {0}}.graph())
	if err != nil || got.Has(0) || got.Has(1) {
		t.Errorf("%v, %v", got, err)
	}
}

// distances is the reference: relax all edges until nothing changes. -1 is not
// reached.
func distances(g *Graph, root uint32) []int {
	far := make([]int, g.Nodes())
	for v := range far {
		far[v] = -1
	}
	far[root] = 0
	for changed := true; changed; {
		changed = false
		for v := range far {
			for _, t := range g.Targets[g.Offsets[v]:g.Offsets[v+1]] {
				if far[v] >= 0 && (far[t] < 0 || far[t] > far[v]+1) {
					far[t], changed = far[v]+1, true
				}
			}
		}
	}
	return far
}

func TestPaths(t *testing.T) {
	eachGraph(t, 200, func(t *testing.T, g *Graph, root uint32) {
		far := distances(g, root)
		all := make([]uint32, g.Nodes())
		for v := range all {
			all[v] = uint32(v)
		}
		// A few targets stop the search early, all do not; twice is allowed.
		for _, targets := range [][]uint32{nil, {0}, {0, all[len(all)-1], 0}, all} {
			paths, err := Paths(t.Context(), g, root, targets...)
			if err != nil || len(paths) != len(targets) {
				t.Fatalf("%d paths of %d: %v", len(paths), len(targets), err)
			}
			for i, path := range paths {
				if len(path) != far[targets[i]]+1 {
					t.Fatalf("path %v to %d, want %d steps", path, targets[i], far[targets[i]])
				}
				checkPath(t, g, path, root, targets[i])
			}
		}
	})
}

func checkPath(t *testing.T, g *Graph, path []uint32, root, target uint32) {
	t.Helper()
	if path == nil {
		return
	}
	if path[0] != root || path[len(path)-1] != target {
		t.Fatalf("path %v does not lead from %d to %d", path, root, target)
	}
	for i, v := range path[1:] {
		if u := path[i]; !slices.Contains(g.Targets[g.Offsets[u]:g.Offsets[u+1]], v) {
			t.Fatalf("path %v: no edge from %d to %d", path, u, v)
		}
	}
}
