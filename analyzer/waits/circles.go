package waits

import "slices"

// circles finds a shortest circle in each knot.
type circles struct {
	graph *Graph
	next  *digraph
	parts *components
	// bySure are the components of what is at least Possible, Likely and Proven.
	bySure [Proven + 1]*components

	from  []uint32 // by node: where the search came from
	depth []uint32
	stamp []uint32
	turn  uint32
	queue []uint32
	work  int // arcs that may still be followed
}

// circleWork bounds the arcs that are followed in looking for circles that are
// shorter than the first one found: a knot of some thousand goroutines that wait for
// several each may be shown by a longer circle.
const circleWork = 1 << 24

func newCircles(g *Graph, next *digraph, parts *components) *circles {
	c := &circles{
		graph: g, next: next, parts: parts,
		from: make([]uint32, next.nodes()), depth: make([]uint32, next.nodes()), stamp: make([]uint32, next.nodes()), work: circleWork,
	}
	c.bySure[Possible] = parts
	c.bySure[Likely] = findComponents(next, Likely)
	c.bySure[Proven] = findComponents(next, Proven)
	return c
}

// knot describes the knot that a component is.
func (c *circles) knot(k counted) Knot {
	members := c.parts.members(k.part)
	n, _ := slices.BinarySearch(members, uint32(c.graph.goroutines))
	out := Knot{Members: members[:n], Behind: k.behind}
	for sure := Proven; sure >= Possible && out.Cycle == nil; sure-- {
		out.Cycle, out.Certainty = c.shortest(members[:n], sure), sure
	}
	if c.branches(out.Cycle) {
		out.Certainty = min(out.Certainty, c.weakest(members))
	}
	return out
}

// shortest returns a shortest circle of arcs that are at least so sure; nil when
// there is none.
func (c *circles) shortest(goroutines []uint32, least Certainty) []Step {
	var best []uint32
	parts := c.bySure[least]
	done := noComponent // the last component that was found to be nothing but a circle
	for _, v := range goroutines {
		part := parts.of[v]
		size := len(parts.members(part))
		if size < 2 || part == done || best != nil && c.work < 0 {
			continue
		}
		bound := uint32(size)
		if best != nil {
			bound = uint32(len(best)) - 1
		}
		if found := c.around(v, least, bound); found != nil {
			best = found
		}
		if c.plain(part, least) {
			done = part
		}
	}
	if best == nil {
		return nil
	}
	return c.steps(best)
}

// plain reports whether a component is a circle without any other arcs.
func (c *circles) plain(part uint32, least Certainty) bool {
	parts := c.bySure[least]
	for _, v := range parts.members(part) {
		inside := 0
		for a := c.next.first[v]; a < c.next.first[v+1]; a++ {
			c.work--
			if c.next.sure[a] >= least && parts.of[c.next.to[a]] == part {
				inside++
			}
		}
		if inside > 1 {
			return false
		}
	}
	return true
}

// steps writes the nodes of a circle as steps from the lowest goroutine on.
func (c *circles) steps(best []uint32) []Step {
	lowest := 0
	for i, v := range best {
		if _, lane := c.graph.lane(v); !lane && v < best[lowest] {
			lowest = i
		}
	}
	best = slices.Concat(best[lowest:], best[:lowest])
	steps := make([]Step, 0, len(best)/2)
	for i := 0; i+1 < len(best); i += 2 {
		lane, _ := c.graph.lane(best[i+1])
		steps = append(steps, Step{best[i], lane})
	}
	return steps
}

// around returns the nodes of a shortest circle through a goroutine, which begins
// with it, of at most so many nodes; nil when there is none.
func (c *circles) around(start uint32, least Certainty, bound uint32) []uint32 {
	parts := c.bySure[least]
	c.turn++
	c.queue = append(c.queue[:0], start)
	c.stamp[start], c.depth[start] = c.turn, 1
	for i := 0; i < len(c.queue); i++ {
		v := c.queue[i]
		if c.depth[v] > bound {
			return nil
		}
		for a := c.next.first[v]; a < c.next.first[v+1]; a++ {
			c.work--
			w := c.next.to[a]
			if c.next.sure[a] < least || parts.of[w] != parts.of[start] {
				continue
			}
			if w == start {
				return c.trace(v)
			}
			if c.stamp[w] != c.turn {
				c.stamp[w], c.depth[w], c.from[w] = c.turn, c.depth[v]+1, v
				c.queue = append(c.queue, w)
			}
		}
	}
	return nil
}

// trace returns the nodes from the start of the search to v.
func (c *circles) trace(v uint32) []uint32 {
	path := make([]uint32, c.depth[v])
	for i := len(path) - 1; i >= 0; i-- {
		path[i] = v
		v = c.from[v]
	}
	return path
}

// branches reports whether a circle rests on more than its own steps: a goroutine
// that waits in several lanes, or a lane that any of several holders can serve.
func (c *circles) branches(cycle []Step) bool {
	for _, s := range cycle {
		several := c.graph.modes[s.Lane] == Any && len(c.next.next(c.graph.node(s.Lane))) > 1
		if several || len(c.next.next(s.Goroutine)) > 1 {
			return true
		}
	}
	return false
}

// weakest returns the certainty of the weakest arc from nodes of a knot.
func (c *circles) weakest(members []uint32) Certainty {
	least := Proven
	for _, v := range members {
		for a := c.next.first[v]; a < c.next.first[v+1]; a++ {
			least = min(least, c.next.sure[a])
		}
	}
	return least
}
