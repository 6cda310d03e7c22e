package heap

import (
	"context"

	"postmortem/analyzer/dominator"
	"postmortem/analyzer/facts"
	"postmortem/coreread/goheap"
)

// describeFindings fills the dominators and the suspects, with their paths.
func (a *Analysis) describeFindings(ctx context.Context, doc *facts.Heap) {
	reachable := a.Doms.Retained(a.Graph.Root())
	f := newFinder(a, reachable)
	n := &namer{graph: a.Graph, types: a.Types, start: a.names.start}
	objects, total := f.dominators()
	suspects := f.suspects(reachable)
	targets := append([]uint32{}, objects...)
	for i := range suspects {
		targets = append(targets, suspects[i].point)
	}
	paths, err := dominator.Paths(ctx, &a.Graph.Edges, a.Graph.Root(), targets...)
	if err != nil {
		paths = make([][]uint32, len(targets)) // the time was up
	}
	doc.DominatorsTotal, doc.Dominators = total, []facts.Dominator{}
	for i, node := range objects {
		o := goheap.Object(node)
		d := facts.Dominator{
			Address: facts.Word(a.Heap.Address(o)), Type: n.typeOf(o),
			Bytes: a.Heap.Size(o), RetainedBytes: a.Doms.Retained(node),
		}
		d.Path, d.PathTotal = n.path(paths[i])
		doc.Dominators = append(doc.Dominators, d)
	}
	doc.Suspects = []facts.Suspect{}
	for i := range suspects {
		s := suspects[i].Suspect
		s.Path, s.PathTotal = n.path(paths[len(objects)+i])
		doc.Suspects = append(doc.Suspects, s)
	}
}
