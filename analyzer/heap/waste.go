package heap

import (
	"context"
	"encoding/binary"

	"postmortem/analyzer/facts"
	"postmortem/analyzer/graph"
	"postmortem/coreread/goheap"
	"postmortem/internal/parallel"
)

// waste finds reachable memory that the program could do without. A part for
// which the time was not enough, or whose types are not known, is nil.
func (a *Analysis) waste(ctx context.Context) *facts.Waste {
	w := &facts.Waste{}
	duplicates := a.duplicateStrings(ctx)
	h := newHeaders(a)
	if h.read(ctx); ctx.Err() != nil {
		return w
	}
	r := newReferrers(h)
	spare := h.spareArrays(r)
	sparse := h.sparseMaps(r)
	if r.find(ctx); ctx.Err() != nil {
		return w
	}
	w.DuplicateStrings = duplicates
	w.SpareSlices = spare.facts()
	w.SparseMaps = sparse.facts()
	return w
}

// finalizerOnly counts what can be reached through finalizers and cleanups only:
// objects with a finalizer, what they refer to, and what cleanups will be given.
func (a *Analysis) finalizerOnly(objects uint64) *facts.Tally {
	t := &facts.Tally{Objects: objects}
	for i := range a.Graph.Roots.Holders {
		if a.Graph.Roots.Holders[i].Kind == graph.Finalizers {
			t.Bytes += a.Doms.Retained(a.Graph.Node(uint32(i)))
		}
	}
	return t
}

// spanJob is a run of spans, the last exclusive.
type spanJob struct{ first, end int }

// spanJobBytes is about how much memory one job covers, and so how often a
// context is looked at.
const spanJobBytes = 4 << 20

func spanJobs(h *goheap.Heap) (jobs []spanJob) {
	var bytes uint64
	first := 0
	for i := range h.Spans {
		if bytes += h.Spans[i].Bytes; bytes >= spanJobBytes || i == len(h.Spans)-1 {
			jobs = append(jobs, spanJob{first, i + 1})
			first, bytes = i+1, 0
		}
	}
	return jobs
}

// inParallel calls f for 0 to n-1 with so many workers, until the context ends.
// The worker is numbered from 0.
func inParallel(ctx context.Context, workers, n int, f func(worker, i int)) {
	parallel.Each(workers, n, func(worker, i int) {
		if ctx.Err() == nil {
			f(worker, i)
		}
	})
}

func word64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }
