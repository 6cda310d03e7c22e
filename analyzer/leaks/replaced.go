package leaks

import (
	"math/bits"

	"postmortem/analyzer/dominator"
)

// replacedEdges has the edges of those nodes that do not lead where the graph says.
type replacedEdges struct {
	list  []replacement
	nodes dominator.Set // once sealed
	ranks []uint32      // of 64 nodes each, how many of the set are before them
	at    []uint32      // by the rank of a node: index in list
}

type replacement struct {
	node  uint32
	edges []uint32
}

// add enters the edges of a node; the last ones count.
func (r *replacedEdges) add(node uint32, edges []uint32) {
	r.list = append(r.list, replacement{node, edges})
}

// seal prepares finding edges, in a graph of so many nodes. Nothing is added afterwards.
func (r *replacedEdges) seal(nodes int) {
	r.nodes = dominator.NewSet(nodes)
	for _, e := range r.list {
		r.nodes.Add(e.node)
	}
	r.ranks = make([]uint32, len(r.nodes))
	n := uint32(0)
	for i, w := range r.nodes {
		r.ranks[i] = n
		n += uint32(bits.OnesCount64(w))
	}
	r.at = make([]uint32, n)
	for i, e := range r.list {
		r.at[r.rank(e.node)] = uint32(i)
	}
}

func (r *replacedEdges) rank(node uint32) uint32 {
	return r.ranks[node/64] + uint32(bits.OnesCount64(r.nodes[node/64]&(1<<(node%64)-1)))
}

// of returns the edges of a node; false for one whose edges are the graph's.
func (r *replacedEdges) of(node uint32) ([]uint32, bool) {
	if !r.nodes.Has(node) {
		return nil, false
	}
	return r.list[r.at[r.rank(node)]].edges, true
}
