package heap

import (
	"cmp"
	"slices"

	"postmortem/analyzer/dominator"
	"postmortem/analyzer/facts"
	"postmortem/analyzer/typing"
	"postmortem/coreread/goheap"
	"postmortem/internal/parallel"
)

// histogram is what the reachable objects of each type are and retain, by typing.Key.
type histogram []typeTally

type typeTally struct {
	objects, bytes, retained uint64
}

// histogram counts the reachable objects by type. A type retains what its
// objects retain that no other object of the type dominates: what the rest
// retain is in that already.
func (a *Analysis) histogram() histogram {
	n := max(a.opt.Workers, 1)
	parts := make([]histogram, n)
	parallel.Each(n, n, func(_, i int) {
		parts[i] = make(histogram, len(a.Types.Table))
		a.count(parts[i], uint32(part(len(a.Doms.Row), i, n)), uint32(part(len(a.Doms.Row), i+1, n)))
		a.countBytes(parts[i], a.Heap.Spans[part(len(a.Heap.Spans), i, n):part(len(a.Heap.Spans), i+1, n)])
	})
	sum := parts[0]
	for _, part := range parts[1:] {
		for k, t := range part {
			sum[k].objects += t.objects
			sum[k].bytes += t.bytes
			sum[k].retained += t.retained
		}
	}
	return sum
}

// part returns where the i-th of n equal parts of so many begins.
func part(many, i, n int) int { return int(uint64(many) * uint64(i) / uint64(n)) }

// countBatch is how many nodes count looks up side by side: the loads of memory
// that is in no cache overlap then.
const countBatch = 64

// count tallies the nodes at the places first to end of the dominators' row.
func (a *Analysis) count(tally histogram, first, end uint32) {
	until := a.above(first)
	objects := uint32(a.Heap.Objects())
	var batch [countBatch]struct {
		key      typing.Key
		end      uint32
		retained uint64
	}
	for first < end {
		n := min(countBatch, end-first)
		for i, v := range a.Doms.Row[first : first+n] {
			if v >= objects {
				batch[i].key = noObject
				continue
			}
			b := &batch[i]
			b.key, b.retained = a.Types.Of[v], a.Doms.Retained(v)
			_, b.end = a.Doms.Run(v)
		}
		for i := range batch[:n] {
			b := &batch[i]
			if b.key == noObject {
				continue
			}
			t := &tally[b.key]
			t.objects++
			if first+uint32(i) >= until[b.key] {
				t.retained += b.retained
				until[b.key] = b.end
			}
		}
		first += n
	}
}

// noObject stands for nodes that are no objects.
const noObject = ^typing.Key(0)

// above returns by type the end of the run of the topmost object of that type
// that dominates the node at a place.
func (a *Analysis) above(place uint32) []uint32 {
	until := make([]uint32, len(a.Types.Table))
	if place >= uint32(len(a.Doms.Row)) {
		return until
	}
	for v := a.Doms.Idom[a.Doms.Row[place]]; v != dominator.None; v = a.Doms.Idom[v] {
		if v < uint32(a.Heap.Objects()) {
			_, until[a.Types.Of[v]] = a.Doms.Run(v)
		}
	}
	return until
}

// countBytes adds up the slots of the reachable objects in the spans.
func (a *Analysis) countBytes(tally histogram, spans []goheap.Span) {
	for i := range spans {
		s := &spans[i]
		for o := range s.Count {
			if v := uint32(s.First) + o; a.Doms.Reached(v) {
				tally[a.Types.Of[v]].bytes += s.ElemBytes
			}
		}
	}
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
