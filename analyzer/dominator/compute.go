package dominator

import "context"

// Compute finds the dominator tree of the nodes that root reaches. Its time is
// O(edges * log nodes) for every graph and close to linear for heaps. Beyond the
// graph, which it only reads, it needs 20 bytes per node and 8 per edge that is
// not the first to reach its target; 12 bytes per node stay with the tree. Errors
// are those of ctx and those that wrap ErrGraph.
//
// It is the algorithm of Lengauer and Tarjan with simple linking and path
// compression, except that immediate dominators come from the semidominators by
// ascending the unfinished tree (Georgiadis and Tarjan's "semi-NCA"), with jump
// pointers as soon as the ascents grow long. All of it runs on preorder numbers of
// a depth-first search, because neighbours in that order are neighbours in memory.
func Compute(ctx context.Context, g *Graph, root uint32) (*Tree, error) {
	t, _, err := compute(ctx, g, root)
	return t, err
}

// effort counts the steps that are not one per node or edge.
type effort struct {
	compressed uint64 // nodes passed by path compression
	ascended   uint64 // steps up the unfinished tree
}

func compute(ctx context.Context, g *Graph, root uint32) (*Tree, effort, error) {
	var e effort
	s := &search{g: g, pace: newPacer(ctx)}
	if err := s.prepare(root); err != nil {
		return nil, e, err
	}
	if err := s.run(root); err != nil {
		return nil, e, err
	}
	f := &forest{search: s}
	if err := f.semidominators(&e); err != nil {
		return nil, e, err
	}
	a := &ascent{forest: f}
	if err := a.immediate(&e); err != nil {
		return nil, e, err
	}
	return s.tree(), e, ctx.Err()
}
