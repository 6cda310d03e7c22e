package dominator

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

// builder makes large graphs, whose edges may come in any order.
type builder struct{ from, to []uint32 }

func (b *builder) add(from, to int) {
	b.from, b.to = append(b.from, uint32(from)), append(b.to, uint32(to))
}

func (b *builder) graph(n int) *Graph {
	g := &Graph{Offsets: make([]uint32, n+1), Targets: make([]uint32, len(b.to))}
	for _, v := range b.from {
		g.Offsets[v+1]++
	}
	for v := range n {
		g.Offsets[v+1] += g.Offsets[v]
	}
	next := append([]uint32(nil), g.Offsets...)
	for i, v := range b.from {
		g.Targets[next[v]] = b.to[i]
		next[v]++
	}
	return g
}

// adversaries are shapes on which plain walks are quadratic.
var adversaries = map[string]func(b *builder, n int){
	"list": func(b *builder, n int) {
		for v := range n - 1 {
			b.add(v, v+1)
		}
	},
	"list, each to one shared node": func(b *builder, n int) {
		for v := range n - 2 {
			b.add(v, v+1)
			b.add(v, n-1)
		}
	},
	"list, each to the first": func(b *builder, n int) {
		for v := 1; v < n; v++ {
			b.add(v-1, v)
			b.add(v, 1)
		}
	},
	"list whose payloads hang in a map": func(b *builder, n int) {
		for v := 1; v+3 < n; v += 2 {
			b.add(v, v+2)
			b.add(v, v+1)
			b.add(0, v+1)
		}
		b.add(0, 1)
	},
	"list whose payloads lead on and hang in a map": func(b *builder, n int) {
		for v := 1; v+4 < n; v += 3 {
			b.add(v, v+3)
			b.add(v, v+1)
			b.add(0, v+1)
			b.add(v+1, v+2)
		}
		b.add(0, 1)
	},
	"doubly linked list": func(b *builder, n int) {
		for v := range n - 1 {
			b.add(v, v+1)
			b.add(v+1, v)
		}
	},
	"lru": func(b *builder, n int) {
		for v := 1; v < n-1; v++ {
			b.add(v, v+1)
			b.add(v+1, v)
			b.add(0, v)
		}
	},
	"list with shared payloads of two neighbours": func(b *builder, n int) {
		for v := 0; v+3 < n; v += 2 {
			b.add(v, v+2)
			b.add(v, v+1)
			b.add(v+2, v+1)
		}
	},
	"list whose elements lead to those of a second, backwards": func(b *builder, n int) {
		half := n / 2
		for v := range half - 1 {
			b.add(v, v+1)
			b.add(v, n-1-v)
			b.add(half+v, half+v+1)
			b.add(half+v+1, v)
		}
	},
	"nested loops": func(b *builder, n int) { // Cooper, Harvey and Kennedy's worst case
		for v := range n - 1 {
			b.add(v, v+1)
			b.add(v+1, v)
			b.add(0, v+1)
		}
	},
	"map of all, with a way past it to the last": func(b *builder, n int) {
		r := rand.New(rand.NewPCG(1, 2))
		b.add(0, 1)
		for v := 3; v < n; v++ {
			b.add(1, v)
			b.add(v, min(v+1+r.IntN(n), n-1))
			b.add(v, v+r.IntN(n-v))
		}
		if n > 3 {
			b.add(0, 2)
			b.add(2, n-1-n/40)
		}
	},
	"random far": func(b *builder, n int) {
		r := rand.New(rand.NewPCG(1, 2))
		for v := range n {
			b.add(v, (v+1)%n)
			b.add(v, r.IntN(n))
		}
	},
}

// adversary is the graph of a shape. Reversed turns around every node's edges;
// doubled repeats every edge, so that no node has one edge in; below puts it all
// below another node, so that the root is not what dominates.
func adversary(shape func(b *builder, n int), n int, reversed, doubled, below bool) *Graph {
	b := &builder{}
	shape(b, n)
	if below {
		for i := range b.from {
			b.from[i]++
			b.to[i]++
		}
		n++
		b.add(0, 1)
	}
	if doubled {
		b.from = append(b.from, b.from...)
		b.to = append(b.to, b.to...)
	}
	g := b.graph(n)
	for v := range n {
		if reversed {
			slices.Reverse(g.Targets[g.Offsets[v]:g.Offsets[v+1]])
		}
	}
	return g
}

// eachAdversary checks all variants of all shapes.
func eachAdversary(t *testing.T, n int, check func(t *testing.T, g *Graph)) {
	for name, shape := range adversaries {
		for variant := range 8 {
			reversed, doubled, below := variant&1 != 0, variant&2 != 0, variant&4 != 0
			t.Run(fmt.Sprintf("%s/reversed %v, doubled %v, below %v", name, reversed, doubled, below), func(t *testing.T) {
				check(t, adversary(shape, n, reversed, doubled, below))
			})
		}
	}
}

func TestSmallAdversaries(t *testing.T) {
	for n := 2; n < 40; n += 3 {
		eachAdversary(t, n, func(t *testing.T, g *Graph) { checkTree(t, g, 0) })
	}
}

// TestNoQuadraticCase counts the steps that could go quadratic: with the number of
// nodes, they may only grow by its logarithm per edge.
func TestNoQuadraticCase(t *testing.T) {
	n := 1 << 15
	if testing.Short() {
		n = 1 << 13
	}
	eachAdversary(t, n, func(t *testing.T, g *Graph) {
		tree, e, err := compute(t.Context(), g, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("per node: %.2f compressed, %.2f ascended, %.2f climbed",
			float64(e.compressed)/float64(n), float64(e.ascended)/float64(n), float64(e.climbed)/float64(n))
		if most := uint64(2 * len(g.Targets) * bits.Len(uint(n))); e.compressed+e.ascended+e.climbed > most {
			t.Errorf("%+v, want at most %d", e, most)
		}
		checkFixpoint(t, g, tree)
		checkSome(t, g, tree)
	})
}

// checkSome checks what some nodes dominate, by removal.
func checkSome(t *testing.T, g *Graph, tree *Tree) {
	t.Helper()
	retained := slices.Repeat([]uint64{1}, g.Nodes())
	tree.Retain(retained)
	reached := count(marked(g, 0, None))
	if retained[0] != uint64(reached) || len(tree.Order) != int(reached) {
		t.Errorf("root retains %d nodes, Order has %d, want %d", retained[0], len(tree.Order), reached)
	}
	step := uint32(g.Nodes()/15 + 1)
	for v := uint32(1); v < uint32(g.Nodes()); v += step {
		if want := reached - count(marked(g, 0, v)); tree.Reached(v) && retained[v] != uint64(want) {
			t.Fatalf("node %d retains %d nodes, want %d", v, retained[v], want)
		}
	}
}

func TestHeapLike(t *testing.T) {
	for _, owned := range []bool{false, true} {
		g := heapLike(20_000, owned)
		tree, err := Compute(t.Context(), g, 0)
		if err != nil {
			t.Fatal(err)
		}
		checkFixpoint(t, g, tree)
		checkSome(t, g, tree)
	}
}

// TestLargeWaists has graphs in which following what leads past the waist takes
// long, as well as ones where it leads to little.
func TestLargeWaists(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 2))
		g := shapes["waist"](r, 500+r.IntN(2500)).graph()
		tree, err := Compute(t.Context(), g, 0)
		if err != nil {
			t.Fatal(err)
		}
		checkFixpoint(t, g, tree)
		checkSome(t, g, tree)
	}
}

func count(set []bool) (n uint32) {
	for _, in := range set {
		if in {
			n++
		}
	}
	return n
}

// checkFixpoint checks that the tree has all reached nodes and that every immediate
// dominator is the nearest common ancestor of the sources of edges into the node.
// A tree with dominators too far up can pass, one with others cannot.
func checkFixpoint(t *testing.T, g *Graph, tree *Tree) {
	t.Helper()
	place := make([]uint32, g.Nodes())
	for i, v := range tree.Order {
		place[v] = uint32(i) + 1
	}
	l := ladder{up: make([]uint32, len(tree.Order)+1)}
	for i, v := range tree.Order {
		if d := tree.Idom[v]; d != None {
			l.up[i+1] = place[d]
		} else {
			l.up[i+1] = uint32(i + 1)
		}
	}
	meet := make([]uint32, len(l.up)) // 0: no edge in
	for v := range uint32(g.Nodes()) {
		if place[v] == 0 {
			continue
		}
		for _, w := range g.Targets[g.Offsets[v]:g.Offsets[v+1]] {
			switch to := place[w]; {
			case to == 0:
				t.Fatalf("node %d is reached from %d and not in Order", w, v)
			case meet[to] == 0:
				meet[to] = place[v]
			default:
				meet[to] = l.common(meet[to], place[v])
			}
		}
	}
	for i := 2; i < len(meet); i++ {
		if meet[i] != l.up[i] {
			t.Fatalf("edges into node %d come from below %d, its dominator is %d", tree.Order[i-1], tree.Order[meet[i]-1], tree.Order[l.up[i]-1])
		}
	}
}
