package waits

// Liveness is what of a graph can still move. A goroutine that waits for nobody
// moves; a lane moves when its mode lets it; a goroutine moves when any lane that
// it stands in does. What is left is stuck for as long as the holders are right.
type liveness struct {
	graph *Graph
	whole *digraph
	back  *digraph
	// order is when a node was found to be able to move, from 1 on; 0 for one that is stuck.
	order []uint32
	queue []uint32
}

// findLive finds what can move, in time linear in the graph: each node is entered
// once, and each arc is looked at once, backwards.
func findLive(g *Graph) *liveness {
	l := &liveness{graph: g, whole: g.whole()}
	l.back = l.whole.reversed()
	l.order = make([]uint32, l.whole.nodes())
	held := make([]uint32, len(g.modes)) // arcs from a lane to holders that are not known to move
	for lane, mode := range g.modes {
		v := g.node(uint32(lane))
		held[lane] = uint32(len(l.whole.next(v)))
		if mode == Anyone || mode != Never && held[lane] == 0 {
			l.move(v)
		}
	}
	for v := range uint32(g.goroutines) {
		if len(l.whole.next(v)) == 0 {
			l.move(v)
		}
	}
	for i := 0; i < len(l.queue); i++ {
		for _, v := range l.back.next(l.queue[i]) {
			lane, ok := g.lane(v)
			switch {
			case !ok:
				l.move(v)
			case g.modes[lane] == Any:
				l.move(v)
			case g.modes[lane] == All:
				if held[lane]--; held[lane] == 0 {
					l.move(v)
				}
			}
		}
	}
	return l
}

func (l *liveness) move(v uint32) {
	if l.order[v] == 0 {
		l.queue = append(l.queue, v)
		l.order[v] = uint32(len(l.queue))
	}
}

// stuck reports whether a node cannot move.
func (l *liveness) stuck(v uint32) bool { return l.order[v] == 0 }

// blocking returns the graph with the arcs that hold somebody up: all from what is
// stuck, and from what can move those to what lets it. Its circles are among what
// is stuck: arcs from what can move lead to what could move before it.
func (l *liveness) blocking() *digraph {
	chosen := make([]uint32, l.graph.goroutines) // of a goroutine that can move, the lane that could first
	for v := range chosen {
		best := ^uint32(0)
		for _, lane := range l.whole.next(uint32(v)) {
			if o := l.order[lane]; o != 0 && o < best {
				best, chosen[v] = o, lane
			}
		}
	}
	return l.whole.filtered(func(from, to uint32) bool {
		if l.stuck(from) {
			return true
		}
		if int(from) < l.graph.goroutines {
			return chosen[from] == to
		}
		return !l.stuck(to) && l.order[to] < l.order[from]
	})
}
