package dominator

import "context"

// Set is a set of nodes, one bit each.
type Set []uint64

// NewSet is an empty set with room for nodes 0 to nodes-1.
func NewSet(nodes int) Set { return make(Set, (nodes+63)/64) }

// Has reports whether v is in the set.
func (s Set) Has(v uint32) bool { return s[v/64]>>(v%64)&1 != 0 }

// Add puts v into the set.
func (s Set) Add(v uint32) { s[v/64] |= 1 << (v % 64) }

// Reachable is the set of nodes that the roots reach, themselves included. Its
// working memory is at most 4 bytes per node that has edges.
func Reachable(ctx context.Context, g *Graph, roots ...uint32) (Set, error) {
	if err := g.check(); err != nil {
		return nil, err
	}
	pace := newPacer(ctx)
	seen := NewSet(g.Nodes())
	var stack []uint32
	push := func(v uint32) {
		if !seen.Has(v) {
			seen.Add(v)
			if !g.leaf(v) {
				stack = append(stack, v)
			}
		}
	}
	for _, r := range roots {
		if err := g.checkNode(r); err != nil {
			return nil, err
		}
		push(r)
	}
	for len(stack) > 0 {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		targets := g.Targets[g.Offsets[v]:g.Offsets[v+1]]
		if err := pace.spend(1 + len(targets)); err != nil {
			return nil, err
		}
		for _, t := range targets {
			if uint64(t) >= uint64(g.Nodes()) {
				return nil, errTarget(v, t, g.Nodes())
			}
			push(t)
		}
	}
	return seen, ctx.Err()
}
