package dominator

import (
	"slices"
	"testing"
)

// layoutOf lays a tree out with nodes of the given sizes.
func layoutOf(t *Tree, sizes []uint64) *Layout {
	l := NewLayout(len(t.Idom))
	for v, size := range sizes {
		l.SetSize(uint32(v), size)
	}
	l.Fill(t)
	return l
}

func TestLayout(t *testing.T) {
	eachGraph(t, 200, func(t *testing.T, g *Graph, root uint32) {
		tree, err := Compute(t.Context(), g, root)
		if err != nil {
			t.Fatal(err)
		}
		l := layoutOf(tree, make([]uint64, g.Nodes()))
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
			if l.Reached(v) != tree.Reached(v) {
				t.Fatalf("Reached(%d) = %v", v, l.Reached(v))
			}
			first, end := l.Run(v)
			got := slices.Clone(l.Row[first:end])
			if len(got) > 0 && got[0] != v {
				t.Fatalf("the run of %d is %v", v, got)
			}
			if slices.Sort(got); !slices.Equal(got, below) {
				t.Fatalf("the run of %d is %v, want %v", v, got, below)
			}
			if got := slices.Sorted(l.Children(v)); !slices.Equal(got, children) {
				t.Fatalf("Children(%d) = %v, want %v", v, got, children)
			}
		}
	})
}
