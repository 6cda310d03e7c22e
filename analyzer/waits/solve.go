package waits

import "slices"

// Solution is what a Graph says.
type Solution struct {
	// Knots are the deadlocks, those first in or behind which the most goroutines are.
	Knots      []Knot
	KnotsTotal int
	// Heads are those whom others wait for and who wait for no goroutine
	// themselves; those with the most behind them first.
	Heads      []Head
	HeadsTotal int
}

// Knot is goroutines that all wait for each other.
type Knot struct {
	// Cycle is a shortest circle among them of the surest steps, beginning with the
	// lowest goroutine: each waits in its lane, which the next one holds.
	Cycle     []Step
	Certainty Certainty // of the weakest step
	Members   []uint32  // goroutines, ascending
	Behind    int       // how many others wait for them, directly or not
}

// Step is a goroutine and the lane in which it waits.
type Step struct{ Goroutine, Lane uint32 }

// Head is a goroutine that others wait for. Of a knot that waits for nobody else it
// is the member for which most wait directly.
type Head struct {
	Goroutine uint32
	Knot      int // index in Solution.Knots; -1 for none, and for one that is not listed
	InKnot    bool
	Direct    int      // goroutines in the lanes that it holds
	Total     int      // goroutines that wait for it directly or not; the rest of its knot too
	Lanes     []uint32 // that it holds and others wait in, ascending
	Certainty Certainty
}

// Solve finds the deadlocks and the heads of the graph, at most so many each.
func (g *Graph) Solve(mostKnots, mostHeads int) *Solution {
	live := findLive(g)
	next := live.blocking()
	parts := findComponents(next, Possible)
	p := newPile(live, next, parts)
	knots, heads := p.ends()
	s := &Solution{KnotsTotal: len(knots), HeadsTotal: len(heads)}
	listed := map[uint32]int{}
	if len(knots) > 0 {
		c := newCircles(g, next, parts)
		for i, k := range p.largest(knots, mostKnots) {
			listed[k.part] = i
			s.Knots = append(s.Knots, c.knot(k))
		}
	}
	for _, h := range p.largest(heads, mostHeads) {
		head := p.head(h)
		if i, ok := listed[h.part]; ok && head.InKnot {
			head.Knot = i
		}
		s.Heads = append(s.Heads, head)
	}
	return s
}

// ends returns the components that are knots, and those that nobody else holds up
// and somebody waits for.
func (p *pile) ends() (knots, heads []uint32) {
	for part := range uint32(p.parts.count()) {
		members := p.parts.members(part)
		knot := len(members) > 1
		if knot {
			knots = append(knots, part)
		}
		if int(members[0]) < p.graph.goroutines && (p.most[part] > 0 || p.goroutinesOf(part) > 1) && !p.heldUp(part) {
			heads = append(heads, part)
		}
	}
	return knots, heads
}

// heldUp reports whether a component waits for a goroutine of another one. What
// can move does not hold up a knot: when it has moved, the knot is still there.
func (p *pile) heldUp(part uint32) bool {
	members := p.parts.members(part)
	for _, v := range members {
		for _, w := range p.next.next(v) {
			if p.parts.of[w] == part {
				continue
			}
			if _, lane := p.graph.lane(w); lane && len(p.next.next(w)) == 0 {
				continue
			}
			if len(members) == 1 || p.live.stuck(w) {
				return true
			}
		}
	}
	return false
}

// head describes the head that a component has.
func (p *pile) head(c counted) Head {
	members := p.parts.members(c.part)[:p.goroutinesOf(c.part)]
	h := Head{Knot: -1, InKnot: len(p.parts.members(c.part)) > 1, Direct: -1, Total: c.total}
	for _, v := range members {
		if n, lanes := p.direct(v); n > h.Direct {
			h.Goroutine, h.Direct, h.Lanes = v, n, lanes
		}
	}
	h.Certainty = Proven
	for i := p.back.first[h.Goroutine]; i < p.back.first[h.Goroutine+1]; i++ {
		if lane, _ := p.graph.lane(p.back.to[i]); found(h.Lanes, lane) {
			h.Certainty = min(h.Certainty, p.back.sure[i])
		}
	}
	return h
}

// found reports whether a sorted list has the number.
func found(list []uint32, n uint32) bool {
	_, ok := slices.BinarySearch(list, n)
	return ok
}
