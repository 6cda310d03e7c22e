package dominator

import "math/rand/v2"

// heapLike is a graph of about n nodes with the proportions of a heap: half of the
// nodes leaves, three quarters with one predecessor, two edges and a bit per node.
// It is of a program that holds users in a map and lets them refer to each other;
// nodes are numbered by address, as an allocator with size classes places them. When
// the map owns the users, it dominates them all, otherwise the root does.
func heapLike(n int, owned bool) *Graph {
	const perUser = 12
	r := rand.New(rand.NewPCG(7, 7))
	users := max(1, 8*n/(8*perUser+1))
	groups := (users + 7) / 8
	b := placement{class: make(map[uint32][2]uint32)}
	// Numbers in order of allocation: the root, the map, the users' objects, the map's groups.
	b.add(8192)
	b.add(8192)
	for range users {
		for _, size := range userSizes {
			b.add(size)
		}
	}
	for range groups {
		b.add(208)
	}
	at := b.places()
	user := func(i int) int { return 2 + i*perUser }
	near := func(i int) int { return user(max(0, min(users-1, i+r.IntN(1000)-500))) }
	anyone := func() int { return user(r.IntN(users)) }
	shared := func() int { return user(r.IntN(min(users, 1000))) + 8 }
	out := make([][]int, perUser)
	edges := make([]uint32, 0, 26*n/perUser)
	from := make([]uint32, len(at)+1) // by order of allocation
	put := func(targets ...int) {
		for _, t := range targets {
			edges = append(edges, at[t])
		}
	}
	v := 0
	done := func() { v++; from[v] = uint32(len(edges)) }
	if put(1); !owned {
		put(user(users/2), user(users/3))
	}
	done()
	for i := range groups {
		put(user(users) + i)
	}
	done()
	for i := range users {
		u := user(i)
		out[0] = []int{u + 1, u + 2, u + 3, u + 9, u + 10, shared()}
		out[3] = []int{u + 4}
		out[4] = []int{u + 5, u + 6, u + 7, shared()}
		out[7] = []int{u + 8, near(i)}
		out[9] = []int{near(i), anyone(), near(i), anyone(), near(i)}
		out[10] = []int{u, u + 11, near(i) + 2, near(i) + 8, shared()}
		for _, targets := range out {
			put(targets...)
			done()
		}
	}
	order := r.Perm(users)
	for i := range groups {
		for _, u := range order[8*i : min(8*i+8, users)] {
			put(user(u))
		}
		done()
	}
	return renumbered(at, from, edges)
}

// userSizes are those of a user, two strings, a map and its only group, two keys, a
// value with a label, a slice of friends, a session and its buffer.
var userSizes = []uint32{144, 16, 24, 48, 208, 16, 16, 32, 16, 48, 64, 256}

// placement numbers objects as an allocator does that has spans of 8 KiB for each
// size class.
type placement struct {
	class map[uint32][2]uint32 // by size: open span, used slots
	spans []uint32             // slots used, by span
	of    [][2]uint32          // by order of allocation: span, slot
}

func (p *placement) add(size uint32) {
	c, ok := p.class[size]
	if !ok || (c[1]+1)*size > 8192 {
		c = [2]uint32{uint32(len(p.spans)), 0}
		p.spans = append(p.spans, 0)
	}
	p.of = append(p.of, c)
	c[1]++
	p.spans[c[0]] = c[1]
	p.class[size] = c
}

func (p *placement) places() []uint32 {
	first := make([]uint32, len(p.spans)+1)
	for i, n := range p.spans {
		first[i+1] = first[i] + n
	}
	at := make([]uint32, len(p.of))
	for i, o := range p.of {
		at[i] = first[o[0]] + o[1]
	}
	return at
}

// renumbered makes node i of the given edges node at[i] of a graph.
func renumbered(at, from, edges []uint32) *Graph {
	g := &Graph{Offsets: make([]uint32, len(at)+1), Targets: make([]uint32, len(edges))}
	for i, v := range at {
		g.Offsets[v+1] = from[i+1] - from[i]
	}
	for v := range at {
		g.Offsets[v+1] += g.Offsets[v]
	}
	for i, v := range at {
		copy(g.Targets[g.Offsets[v]:g.Offsets[v+1]], edges[from[i]:from[i+1]])
	}
	return g
}
