package dominator

import (
	"context"

	"postmortem/internal/bulk"
)

// Paths gives for each target a shortest path from root to it, both included;
// nil where there is none. Among shortest paths it is the one that meets the
// earliest edges first, level by level. Its working memory is 4 bytes per node
// and 4 more per reached node that has edges; it stops with the last target.
func Paths(ctx context.Context, g *Graph, root uint32, targets ...uint32) ([][]uint32, error) {
	if err := g.check(); err != nil {
		return nil, err
	}
	if err := g.checkNode(root); err != nil {
		return nil, err
	}
	wanted := NewSet(g.Nodes())
	missing := 0
	for _, t := range targets {
		if err := g.checkNode(t); err != nil {
			return nil, err
		}
		if !wanted.Has(t) {
			wanted.Add(t)
			missing++
		}
	}
	from, err := breadthFirst(ctx, g, root, wanted, missing)
	if err != nil {
		return nil, err
	}
	paths := make([][]uint32, len(targets))
	for i, t := range targets {
		paths[i] = trail(from, root, t)
	}
	return paths, nil
}

// breadthFirst gives by node the one before it on a shortest path, None where
// not reached, and the root for the root itself. It stops when the missing nodes
// of wanted are found.
func breadthFirst(ctx context.Context, g *Graph, root uint32, wanted Set, missing int) ([]uint32, error) {
	pace := newPacer(ctx)
	from := bulk.Make[uint32](g.Nodes())
	for v := range from {
		from[v] = None
	}
	from[root] = root
	if wanted.Has(root) {
		missing--
	}
	queue := []uint32{root}
	for next := 0; next < len(queue) && missing > 0; next++ {
		v := queue[next]
		targets := g.Targets[g.Offsets[v]:g.Offsets[v+1]]
		if err := pace.spend(1 + len(targets)); err != nil {
			return nil, err
		}
		for _, t := range targets {
			if uint64(t) >= uint64(len(from)) {
				return nil, errTarget(v, t, len(from))
			}
			if from[t] != None {
				continue
			}
			from[t] = v
			if wanted.Has(t) {
				missing--
			}
			if !g.leaf(t) {
				queue = append(queue, t)
			}
		}
	}
	return from, ctx.Err()
}

// trail follows from back from t to the root.
func trail(from []uint32, root, t uint32) []uint32 {
	if from[t] == None {
		return nil
	}
	length := 1
	for v := t; v != root; v = from[v] {
		length++
	}
	path := make([]uint32, length)
	for v := t; length > 0; v = from[v] {
		length--
		path[length] = v
	}
	return path
}
