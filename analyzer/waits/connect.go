package waits

import (
	"slices"

	"postmortem/analyzer/facts"
)

// certainties are how sure the confidences are.
var certainties = map[facts.Confidence]Certainty{
	facts.ConfidencePossible: Possible, facts.ConfidenceLikely: Likely, facts.ConfidenceProven: Proven,
}

// confidences are the same the other way round.
var confidences = [...]facts.Confidence{Possible: facts.ConfidencePossible, Likely: facts.ConfidenceLikely, Proven: facts.ConfidenceProven}

// connect makes the graph and solves it.
func (b *book) connect() {
	b.graph = NewGraph(len(b.in.Goroutines.List))
	for i := range b.resources {
		r := &b.resources[i]
		r.lane = b.graph.AddLane(r.mode())
		r.behind = r.lane
		if r.kind == facts.ResourceRWMutex {
			r.behind = b.graph.AddLane(All)
		}
		for _, h := range r.surest() {
			n, ok := b.number(uint64(h.Goroutine))
			if !ok {
				continue
			}
			lane := r.lane
			if h.Reader {
				lane = r.behind
			}
			b.graph.Hold(lane, n, certainties[h.Confidence])
		}
	}
	for _, e := range b.edges {
		if e.behind {
			// Who comes later waits for the writer that waits for the readers.
			b.graph.Hold(b.resources[e.resource].lane, e.goroutine, Proven)
		}
	}
	b.connectWaits()
	b.solution = b.graph.Solve(facts.WaitCyclesCap, facts.HeadBlockersCap)
}

// connectWaits enters who waits in which lane. Left out is who is alone: holds
// nothing, and waits in lanes only that nobody is known to hold.
func (b *book) connectWaits() {
	held, holds := make([]bool, len(b.graph.modes)), make([]bool, len(b.goids))
	for _, a := range b.graph.holds {
		held[a.from], holds[a.to] = true, true
	}
	for g := range uint32(len(b.goids)) {
		edges := b.edgesOf(g)
		lane := func(e edge) uint32 {
			if e.behind {
				return b.resources[e.resource].behind
			}
			return b.resources[e.resource].lane
		}
		if !holds[g] && !slices.ContainsFunc(edges, func(e edge) bool { return held[lane(e)] }) {
			continue
		}
		for _, e := range edges {
			b.graph.Wait(g, lane(e))
		}
	}
}

// surest are the holders of whom one can be the one that holds it: of a lock that
// only one can hold, those with the highest confidence. Readers are all.
func (r *resource) surest() []facts.Holder {
	if r.kind != facts.ResourceMutex && r.kind != facts.ResourceOnce && r.kind != facts.ResourceRWMutex {
		return r.holders
	}
	best := Certainty(0)
	for _, h := range r.holders {
		if !h.Reader {
			best = max(best, certainties[h.Confidence])
		}
	}
	var list []facts.Holder
	for _, h := range r.holders {
		if h.Reader || certainties[h.Confidence] == best {
			list = append(list, h)
		}
	}
	return list
}

// mode is what lets go on those who wait for it.
func (r *resource) mode() Mode {
	switch r.kind {
	case facts.ResourceNilChannel, facts.ResourceNothing:
		return Never
	case facts.ResourceChannel, facts.ResourceCond:
		switch {
		case !r.never:
			return Anyone
		case len(r.holders) == 0:
			return Never
		}
		return Any
	case facts.ResourceMutex, facts.ResourceOnce, facts.ResourceRWMutex:
		return Any
	}
	if r.never && len(r.holders) == 0 {
		return Never
	}
	return All
}
