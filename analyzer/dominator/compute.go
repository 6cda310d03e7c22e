package dominator

import "context"

// Compute finds the dominator tree of the nodes that root reaches. Its time is
// O(edges * log nodes) for every graph and close to linear for heaps. Errors are
// those of ctx and those that wrap ErrGraph. The graph is only read.
//
// Beyond the graph it takes 8 bytes per node, which stay with the tree, 4 more per
// node with edges, 8 or 16 per edge to a node that has several edges in, and about
// 60 per such node, if a leaf 16. For a heap that is less than 40 bytes per node.
// Before the latter, it takes 4 per node with edges that hangs in the root's region.
//
// A node with one edge in is dominated by where that comes from. Such nodes are
// most of a heap; they are set aside first, region by region (see regions), in
// order of memory. The rest is the algorithm of Lengauer and Tarjan on a graph whose
// nodes are regions, with path compression and simple linking. A semidominator is
// then a region and the place in it where the ways part; semidominators of one
// region meet in their nearest common place. Immediate dominators come from
// semidominators by ascending the unfinished tree (Georgiadis and Tarjan's
// "semi-NCA"). Where chains make an ascent long, jump pointers take over.
func Compute(ctx context.Context, g *Graph, root uint32) (*Tree, error) {
	t, _, err := compute(ctx, g, root)
	return t, err
}

// effort counts the steps that are not one per node or edge.
type effort struct {
	compressed uint64 // nodes passed by path compression
	ascended   uint64 // steps up the unfinished dominator tree
	climbed    uint64 // steps up the trees of regions
}

func compute(ctx context.Context, g *Graph, root uint32) (*Tree, effort, error) {
	pace := newPacer(ctx)
	c, err := classify(g, root, pace)
	if err != nil {
		return nil, effort{}, err
	}
	r, err := divide(g, c, pace)
	if err != nil {
		return nil, effort{}, err
	}
	b := c.blocks[root/64]
	w, err := r.findWaist(b.headID(1<<(root%64)), pace)
	if err != nil {
		return nil, effort{}, err
	}
	s := newSearch(r, pace)
	if err := s.run(root); err != nil {
		return nil, effort{}, err
	}
	if err := s.meetLeaves(); err != nil {
		return nil, effort{}, err
	}
	f := &forest{search: s, waist: w}
	if err := f.semidominators(); err != nil {
		return nil, effort{}, err
	}
	if err := f.immediate(); err != nil {
		return nil, effort{}, err
	}
	return f.tree(), effort{f.compressed, f.ascended, f.trees.steps}, ctx.Err()
}
