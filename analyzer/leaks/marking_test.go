package leaks

import (
	"math/rand/v2"
	"slices"
	"testing"

	"postmortem/analyzer/dominator"
)

// TestMarkingAgainstRounds compares the marking with the definition on random
// graphs: rounds of plain searches, each from all that is known to be live.
func TestMarkingAgainstRounds(t *testing.T) {
	leaked, lateWakes := 0, 0
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 7))
		p := randomProblem(r)
		m := newMarking(&p.graph, p.replacements(r), p.waiters, slices.Clone(p.waits))
		for _, v := range p.roots {
			m.mark(v)
		}
		// A part of the roots comes later, as variables do.
		if err := m.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := m.clone()
		for _, v := range p.later {
			m.mark(v)
		}
		if err := m.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		first, _ := p.rounds(p.roots)
		both, rounds := p.rounds(append(slices.Clone(p.roots), p.later...))
		for w := range p.waiters {
			if before.live.Has(uint32(w)) != first[w] || m.live.Has(uint32(w)) != both[w] {
				t.Fatalf("seed %d: waiter %d is live %v and then %v, by rounds %v and %v",
					seed, w, before.live.Has(uint32(w)), m.live.Has(uint32(w)), first[w], both[w])
			}
			if !both[w] {
				leaked++
			}
		}
		if rounds > 2 {
			lateWakes++
		}
	}
	if leaked == 0 || lateWakes == 0 {
		t.Errorf("%d leaked waiters and %d problems with several rounds: the test tests nothing", leaked, lateWakes)
	}
}

type problem struct {
	graph        dominator.Graph
	replaced     map[uint32][]uint32
	waiters      []uint32
	waits        []wait
	roots, later []uint32
}

// replacements has the replaced edges, and of some nodes others before them.
func (p *problem) replacements(r *rand.Rand) *replacedEdges {
	list := &replacedEdges{}
	for v := range p.replaced {
		if r.IntN(2) == 0 {
			list.add(v, []uint32{0})
		}
	}
	for v, edges := range p.replaced {
		list.add(v, edges)
	}
	return list
}

func randomProblem(r *rand.Rand) *problem {
	objects, waiters := 3+r.IntN(15), 1+r.IntN(5)
	p := &problem{replaced: map[uint32][]uint32{}}
	p.graph.Offsets = []uint32{0}
	for range objects + waiters {
		for range r.IntN(3) {
			p.graph.Targets = append(p.graph.Targets, uint32(r.IntN(objects)))
		}
		p.graph.Offsets = append(p.graph.Offsets, uint32(len(p.graph.Targets)))
	}
	for v := range objects {
		if r.IntN(6) == 0 {
			p.replaced[uint32(v)] = nil
			if r.IntN(2) == 0 {
				p.replaced[uint32(v)] = []uint32{uint32(r.IntN(objects))}
			}
		}
	}
	for w := range waiters {
		p.waiters = append(p.waiters, uint32(objects+w))
		for range r.IntN(3) {
			p.waits = append(p.waits, newWait(uint32(r.IntN(objects)), uint32(w)))
		}
	}
	for range r.IntN(3) {
		p.roots = append(p.roots, uint32(r.IntN(objects)))
	}
	for range r.IntN(2) {
		p.later = append(p.later, uint32(r.IntN(objects)))
	}
	return p
}

// rounds tells which waiters are live, and after how many searches nothing changed.
func (p *problem) rounds(roots []uint32) (live []bool, rounds int) {
	live = make([]bool, len(p.waiters))
	for changed := true; changed; rounds++ {
		changed = false
		from := slices.Clone(roots)
		for w, node := range p.waiters {
			if live[w] {
				from = append(from, node)
			}
		}
		reached := p.search(from)
		for _, w := range p.waits {
			if reached[w.object()] && !live[w.waiter()] {
				live[w.waiter()], changed = true, true
			}
		}
	}
	return live, rounds
}

func (p *problem) search(from []uint32) map[uint32]bool {
	seen := map[uint32]bool{}
	var visit func(v uint32)
	visit = func(v uint32) {
		if seen[v] {
			return
		}
		seen[v] = true
		edges, other := p.replaced[v]
		// A node without edges in the graph has none instead of them, either.
		if p.graph.Offsets[v] == p.graph.Offsets[v+1] {
			edges, other = nil, true
		}
		if !other {
			edges = p.graph.Targets[p.graph.Offsets[v]:p.graph.Offsets[v+1]]
		}
		for _, t := range edges {
			visit(t)
		}
	}
	for _, v := range from {
		visit(v)
	}
	return seen
}
