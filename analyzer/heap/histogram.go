package heap

import (
	"cmp"
	"slices"

	"postmortem/analyzer/facts"
	"postmortem/analyzer/graph"
	"postmortem/analyzer/typing"
	"postmortem/coreread/goheap"
	"postmortem/internal/bulk"
	"postmortem/internal/parallel"
)

// histogram is what the reachable objects of each type are and retain, by typing.Key.
type histogram []typeTally

type typeTally struct {
	objects, bytes, retained uint64
}

// histogram counts the reachable objects by type. A type retains what its
// objects retain that no other object of the type dominates: what the rest
// retain is in that already. Of what only finalizers and cleanups keep it
// returns the number of objects.
func (a *Analysis) histogram() (tally histogram, finalizable uint64) {
	n := max(a.opt.Workers, 1)
	parts := make([]histogram, n)
	counted := parallel.Beside(func() {
		parallel.Each(n, n, func(_, i int) {
			parts[i] = make(histogram, len(a.Types.Table))
			a.count(parts[i], a.Heap.Spans[part(len(a.Heap.Spans), i, n):part(len(a.Heap.Spans), i+1, n)])
		})
	})
	tally = make(histogram, len(a.Types.Table))
	finalizable = a.countRetained(tally)
	counted()
	for _, part := range parts {
		for k, t := range part {
			tally[k].objects += t.objects
			tally[k].bytes += t.bytes
		}
	}
	return tally, finalizable
}

// part returns where the i-th of n equal parts of so many begins.
func part(many, i, n int) int { return int(uint64(many) * uint64(i) / uint64(n)) }

// count adds up the slots of the reachable objects in the spans.
func (a *Analysis) count(tally histogram, spans []goheap.Span) {
	for i := range spans {
		s := &spans[i]
		for o := range s.Count {
			if v := uint32(s.First) + o; a.Doms.Reached(v) {
				t := &tally[a.Types.Of[v]]
				t.objects++
				t.bytes += s.ElemBytes
			}
		}
	}
}

// countRetained adds up what the topmost objects of each type retain: those whose
// type none of their dominators has.
func (a *Analysis) countRetained(tally histogram) (finalizable uint64) {
	known := newLineages()
	of := bulk.Make[uint32](a.Graph.Edges.Nodes()) // lineages, by node
	for i, v := range a.Doms.Order {
		above := uint32(0)
		if i > 0 {
			above = of[a.Doms.Idom[v]]
		}
		key := a.key(v)
		if key == noObject {
			of[v] = above
			continue
		}
		to := known.below(above, key)
		if i < a.Doms.Inner {
			of[v] = to
		}
		if key == finalizers {
			continue
		}
		if to != above {
			tally[key].retained += a.Doms.Retained(v)
		}
		if known.list[to].finalizer {
			finalizable++
		}
	}
	return finalizable
}

// key returns the type of a node's object; finalizers or noObject for a holder.
func (a *Analysis) key(v uint32) typing.Key {
	holder, ok := a.Graph.HolderOf(v)
	switch {
	case !ok:
		return a.Types.Of[v]
	case a.Graph.Roots.Holders[holder].Kind == graph.Finalizers:
		return finalizers
	}
	return noObject
}

// describeTypes fills the table of types: those of one name are one row.
func (a *Analysis) describeTypes(tally histogram, doc *facts.Heap) {
	rows := map[string]*facts.TypeTotal{}
	var unknown facts.TypeTotal
	var list []*facts.TypeTotal
	for k, t := range tally {
		if t.objects == 0 {
			continue
		}
		row := &unknown
		if k != 0 {
			name := a.Types.Name(typing.Key(k))
			if row = rows[name]; row == nil {
				row = &facts.TypeTotal{Name: facts.Some(name)}
				rows[name] = row
				list = append(list, row)
			}
		}
		row.Count += t.objects
		row.Bytes += t.bytes
		row.RetainedBytes = facts.Some(row.RetainedBytes.V + t.retained)
	}
	if unknown.Count > 0 {
		list = append(list, &unknown)
	}
	slices.SortFunc(list, func(a, b *facts.TypeTotal) int {
		return cmp.Or(-cmp.Compare(a.Bytes, b.Bytes), -cmp.Compare(a.Count, b.Count), cmp.Compare(a.Name.V, b.Name.V))
	})
	doc.TypesTotal, doc.Types = len(list), []facts.TypeTotal{}
	for _, row := range list[:min(len(list), facts.TypesCap)] {
		doc.Types = append(doc.Types, *row)
	}
	doc.UnknownTypeBytes = facts.Some(unknown.Bytes)
	doc.TypedBytes = facts.Some(doc.ReachableBytes.V - unknown.Bytes)
}
