package dominator

import (
	"math/rand/v2"
)

// edges is a graph under construction, as lists of targets.
type edges [][]uint32

func (e edges) add(from, to int) { e[from] = append(e[from], uint32(to)) }

func (e edges) graph() *Graph {
	g := &Graph{Offsets: []uint32{0}}
	for _, targets := range e {
		g.Targets = append(g.Targets, targets...)
		g.Offsets = append(g.Offsets, uint32(len(g.Targets)))
	}
	return g
}

// shapes make graphs of n nodes whose node 0 is the root.
var shapes = map[string]func(r *rand.Rand, n int) edges{
	"sparse": func(r *rand.Rand, n int) edges { return random(r, n, n) },
	"medium": func(r *rand.Rand, n int) edges { return random(r, n, 2*n) },
	"dense":  func(r *rand.Rand, n int) edges { return random(r, n, n*n/2+n) },
	"tree": func(r *rand.Rand, n int) edges {
		e := make(edges, n)
		for v := 1; v < n; v++ {
			e.add(r.IntN(v), v)
		}
		return e
	},
	"dag": func(r *rand.Rand, n int) edges {
		e := make(edges, n)
		for v := 1; v < n; v++ {
			for range 1 + r.IntN(3) {
				e.add(r.IntN(v), v)
			}
		}
		return shuffled(r, e)
	},
	"near": func(r *rand.Rand, n int) edges { // edges of short reach, both ways
		e := make(edges, n)
		for v := range n {
			e.add(v, min(v+1+r.IntN(2), n-1))
			if r.IntN(2) == 0 {
				e.add(v, max(v-r.IntN(4), 0))
			}
			if r.IntN(3) == 0 {
				e.add(v, min(v+r.IntN(5), n-1))
			}
		}
		return e
	},
	"chain with shared targets": func(r *rand.Rand, n int) edges {
		e := make(edges, n)
		half := (n + 1) / 2
		for v := range half - 1 {
			e.add(v, v+1)
		}
		for v := half; v < n; v++ {
			for range 1 + r.IntN(3) {
				e.add(r.IntN(half), v)
			}
		}
		return shuffled(r, e)
	},
	"chain back": func(r *rand.Rand, n int) edges { // a chain whose nodes lead back and to a few others
		e := make(edges, n)
		for v := range n - 1 {
			e.add(v, v+1)
			e.add(v+1, r.IntN(v+1))
			if r.IntN(4) == 0 {
				e.add(r.IntN(v+1), v+1)
			}
		}
		return shuffled(r, e)
	},
	"payloads in a map": func(r *rand.Rand, n int) edges { // 0 -> list and map; list element -> payload <- map
		e := make(edges, n)
		for v := 1; v+1 < n; v += 2 {
			if v+2 < n {
				e.add(v, v+2)
			}
			e.add(v, v+1)
			if r.IntN(2) == 0 {
				e.add(0, v+1)
			}
			if r.IntN(3) == 0 {
				e.add(v+1, v) // payloads that are no leaves
			}
		}
		if n > 1 {
			e.add(0, 1)
		}
		return e
	},
	"lru": func(r *rand.Rand, n int) edges { // doubly linked, and some elements in a map
		e := make(edges, n)
		for v := 1; v+1 < n; v++ {
			e.add(v, v+1)
			e.add(v+1, v)
			if r.IntN(3) == 0 {
				e.add(0, v)
			}
		}
		if n > 1 {
			e.add(0, n-1)
		}
		return e
	},
	"waist": func(r *rand.Rand, n int) edges { // a tree, most of whose ways out come from below one of its nodes
		e := make(edges, n)
		tree := 1 + n/3
		heavy := r.IntN(1 + tree/3)
		inside := []int{heavy}
		outside := []int{0}
		for v := 1; v < tree; v++ {
			if v <= heavy || r.IntN(4) == 0 {
				e.add(outside[r.IntN(len(outside))], v)
				if v != heavy {
					outside = append(outside, v)
				}
			} else {
				e.add(inside[r.IntN(len(inside))], v)
				inside = append(inside, v)
			}
		}
		// The ways out lead to a few groups of nodes, and each group to itself and to later ones.
		rest := n - tree
		groups := 1 + r.IntN(4)
		for v := tree; v < n; v++ {
			for range 2 + r.IntN(3) {
				e.add(inside[r.IntN(len(inside))], tree+r.IntN(rest))
			}
			first := rest * ((v - tree) * groups / rest) / groups
			for range r.IntN(4) {
				e.add(v, tree+first+r.IntN(rest-first))
			}
		}
		for range min(r.IntN(4), rest) {
			e.add(outside[r.IntN(len(outside))], tree+r.IntN(rest))
		}
		return shuffled(r, e)
	},
	"ladder": func(r *rand.Rand, n int) edges { // diamonds in a row, some cut
		e := make(edges, n)
		for v := 0; v < n; v += 3 {
			for _, w := range []int{v + 1, v + 2} {
				if w < n && r.IntN(8) != 0 {
					e.add(v, w)
				}
				if w < n && v+3 < n {
					e.add(w, v+3)
				}
			}
		}
		return e
	},
}

func random(r *rand.Rand, n, m int) edges {
	e := make(edges, n)
	for range m {
		e.add(r.IntN(n), r.IntN(n))
	}
	return e
}

// shuffled gives each node's edges another order.
func shuffled(r *rand.Rand, e edges) edges {
	for _, targets := range e {
		r.Shuffle(len(targets), func(i, j int) { targets[i], targets[j] = targets[j], targets[i] })
	}
	return e
}

// marked is the reference for reachability: a plain marking that does not enter
// node without (None: all may be entered).
func marked(g *Graph, root, without uint32) []bool {
	seen := make([]bool, g.Nodes())
	if root == without {
		return seen
	}
	seen[root] = true
	for work := []uint32{root}; len(work) > 0; {
		v := work[len(work)-1]
		work = work[:len(work)-1]
		for _, t := range g.Targets[g.Offsets[v]:g.Offsets[v+1]] {
			if !seen[t] && t != without {
				seen[t] = true
				work = append(work, t)
			}
		}
	}
	return seen
}

// dominance is the reference by definition: dominates[a][b] is whether removing a
// makes the reachable b unreachable.
func dominance(g *Graph, root uint32) (reached []bool, dominates [][]bool) {
	reached = marked(g, root, None)
	dominates = make([][]bool, g.Nodes())
	for a := range dominates {
		dominates[a] = make([]bool, g.Nodes())
		if !reached[a] {
			continue
		}
		for b, still := range marked(g, root, uint32(a)) {
			dominates[a][b] = reached[b] && !still
		}
	}
	return reached, dominates
}
