package dominator

import (
	"slices"
	"testing"
)

// layoutOf computes tree, layout and retained sizes of nodes of size 1 and more.
func layoutOf(t *testing.T, g *Graph, root uint32) (*Tree, *Layout, []uint64) {
	t.Helper()
	tree, err := Compute(t.Context(), g, root)
	if err != nil {
		t.Fatal(err)
	}
	retained := make([]uint64, g.Nodes())
	for v := range retained {
		retained[v] = 1 + uint64(v*v)%17
	}
	if err := Retained(tree, retained); err != nil {
		t.Fatal(err)
	}
	return tree, tree.Layout(), retained
}

func TestLayout(t *testing.T) {
	eachGraph(t, 200, func(t *testing.T, g *Graph, root uint32) {
		tree, l, retained := layoutOf(t, g, root)
		for v := range uint32(g.Nodes()) {
			var below, children []uint32
			for w := range uint32(g.Nodes()) {
				if tree.Dominates(v, w) {
					below = append(below, w)
				}
				if tree.Idom[w] == v {
					children = append(children, w)
				}
			}
			got := slices.Clone(l.Dominated(v))
			if len(got) > 0 && got[0] != v {
				t.Fatalf("Dominated(%d) = %v", v, got)
			}
			if slices.Sort(got); !slices.Equal(got, below) {
				t.Fatalf("Dominated(%d) = %v, want %v", v, got, below)
			}
			if got := slices.Sorted(l.Children(v)); !slices.Equal(got, children) {
				t.Fatalf("Children(%d) = %v, want %v", v, got, children)
			}
			checkLargest(t, l, v, children, retained)
		}
	})
}

func checkLargest(t *testing.T, l *Layout, v uint32, children []uint32, retained []uint64) {
	t.Helper()
	const atLeast = 9
	large := l.Largest(v, retained, atLeast)
	for i, c := range large {
		if retained[c] < atLeast || i > 0 && retained[large[i-1]] < retained[c] {
			t.Fatalf("Largest(%d): %v", v, large)
		}
	}
	want := slices.DeleteFunc(slices.Clone(children), func(c uint32) bool { return retained[c] < atLeast })
	if slices.Sort(large); !slices.Equal(large, want) {
		t.Fatalf("Largest(%d) = %v, want %v", v, large, want)
	}
}

func TestAccumulation(t *testing.T) {
	// 0 -> 1 -> 2 -> 3 to 12, and 0 -> 13.
	e := make(edges, 14)
	e.add(0, 1)
	e.add(0, 13)
	e.add(1, 2)
	for v := 3; v < 13; v++ {
		e.add(2, v)
	}
	tree, err := Compute(t.Context(), e.graph(), 0)
	if err != nil {
		t.Fatal(err)
	}
	retained := make([]uint64, 14)
	for v := range retained {
		retained[v] = 10
	}
	if err := Retained(tree, retained); err != nil {
		t.Fatal(err)
	}
	l := tree.Layout()
	for share, want := range map[float64]uint32{0.05: 3, 0.8: 2, 0.9: 0} {
		if got := l.Accumulation(0, retained, share); got != want {
			t.Errorf("share %v: node %d, want %d", share, got, want)
		}
	}
}

func TestRetainedByClass(t *testing.T) {
	const classes = 3
	eachGraph(t, 200, func(t *testing.T, g *Graph, root uint32) {
		tree, l, retained := layoutOf(t, g, root)
		classOf := make([]uint32, g.Nodes())
		want := make([]uint64, classes)
		for v := range uint32(g.Nodes()) {
			classOf[v] = v % (classes + 1) // the last is no class
		}
		for v, c := range classOf {
			counts := c < classes && tree.Reached(uint32(v))
			for a := tree.Idom[v]; a != None; a = tree.Idom[a] {
				counts = counts && classOf[a] != c
			}
			if counts {
				want[c] += retained[v]
			}
		}
		got, err := l.RetainedByClass(classOf, classes, retained)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%v, %v, want %v", got, err, want)
		}
	})
}

func TestRetainedByClassWantsAllNodes(t *testing.T) {
	_, l, retained := layoutOf(t, edges{{1}, {0}}.graph(), 0)
	if _, err := l.RetainedByClass(make([]uint32, 1), 1, retained); err == nil {
		t.Error("no error for one class of two")
	}
	if _, err := l.RetainedByClass(make([]uint32, 2), 1, retained[:1]); err == nil {
		t.Error("no error for one size of two")
	}
}
