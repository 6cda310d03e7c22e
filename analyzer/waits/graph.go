package waits

// Graph is who waits for what and who has to do something about it. Goroutines
// and lanes are numbered from 0. A lane is a queue of one resource: those who
// stand in it wait for the same holders. A mutex has one; a sync.RWMutex has two,
// since its readers wait for another goroutine than its writer does.
type Graph struct {
	goroutines int
	modes      []Mode // by lane
	waits      []arc  // from goroutine to lane
	holds      []arc  // from lane to goroutine
}

// arc is one step: a goroutine waits in a lane, or a lane is held by a goroutine.
type arc struct {
	from, to uint32
	sure     Certainty
}

// Mode is what has to happen before a goroutine in a lane goes on.
type Mode uint8

// The modes of lanes.
const (
	// All of the holders have to let go; without a known one, somebody unknown has to.
	All Mode = iota
	// Any of the holders has to act, and nobody else can.
	Any
	// Anyone can act, the holders among others.
	Anyone
	// Never: nobody ever acts.
	Never
)

// Certainty grades that a goroutine holds a lane; the higher, the surer.
type Certainty uint8

// The certainties.
const (
	Possible Certainty = iota + 1
	Likely
	Proven
)

// NewGraph returns a graph of so many goroutines.
func NewGraph(goroutines int) *Graph { return &Graph{goroutines: goroutines} }

// AddLane adds a lane and returns its number.
func (g *Graph) AddLane(m Mode) uint32 {
	g.modes = append(g.modes, m)
	return uint32(len(g.modes) - 1)
}

// Wait says that a goroutine stands in a lane. One that stands in several goes on
// when any of them lets it: a select.
func (g *Graph) Wait(goroutine, lane uint32) {
	g.waits = append(g.waits, arc{goroutine, lane, Proven})
}

// Hold says that a goroutine holds a lane.
func (g *Graph) Hold(lane, goroutine uint32, c Certainty) {
	g.holds = append(g.holds, arc{lane, goroutine, c})
}

// node returns the node of a lane; that of a goroutine is its number.
func (g *Graph) node(lane uint32) uint32 { return uint32(g.goroutines) + lane }

// lane returns the lane of a node; false for a goroutine's.
func (g *Graph) lane(node uint32) (uint32, bool) {
	if int(node) < g.goroutines {
		return 0, false
	}
	return node - uint32(g.goroutines), true
}

// whole returns the graph with all its arcs, from and to nodes.
func (g *Graph) whole() *digraph {
	arcs := make([]arc, 0, len(g.waits)+len(g.holds))
	for _, a := range g.waits {
		arcs = append(arcs, arc{a.from, g.node(a.to), a.sure})
	}
	for _, a := range g.holds {
		arcs = append(arcs, arc{g.node(a.from), a.to, a.sure})
	}
	return newDigraph(g.goroutines+len(g.modes), arcs)
}

// digraph is arcs by the node that they leave.
type digraph struct {
	first []uint32 // of a node's arcs in to and sure; one more at the end
	to    []uint32
	sure  []Certainty
}

// newDigraph sorts arcs by where they leave; those of one node keep their order.
func newDigraph(nodes int, arcs []arc) *digraph {
	d := &digraph{first: make([]uint32, nodes+1), to: make([]uint32, len(arcs)), sure: make([]Certainty, len(arcs))}
	for _, a := range arcs {
		d.first[a.from+1]++
	}
	for i := range nodes {
		d.first[i+1] += d.first[i]
	}
	next := append([]uint32(nil), d.first[:nodes]...)
	for _, a := range arcs {
		i := next[a.from]
		d.to[i], d.sure[i] = a.to, a.sure
		next[a.from]++
	}
	return d
}

func (d *digraph) nodes() int { return len(d.first) - 1 }

// next returns the nodes that arcs from v lead to.
func (d *digraph) next(v uint32) []uint32 { return d.to[d.first[v]:d.first[v+1]] }

// reversed returns the graph with its arcs turned round.
func (d *digraph) reversed() *digraph {
	arcs := make([]arc, 0, len(d.to))
	for v := range uint32(d.nodes()) {
		for i := d.first[v]; i < d.first[v+1]; i++ {
			arcs = append(arcs, arc{d.to[i], v, d.sure[i]})
		}
	}
	return newDigraph(d.nodes(), arcs)
}

// filtered returns the graph with the arcs that keep wants.
func (d *digraph) filtered(keep func(from, to uint32) bool) *digraph {
	arcs := make([]arc, 0, len(d.to))
	for v := range uint32(d.nodes()) {
		for i := d.first[v]; i < d.first[v+1]; i++ {
			if keep(v, d.to[i]) {
				arcs = append(arcs, arc{v, d.to[i], d.sure[i]})
			}
		}
	}
	return newDigraph(d.nodes(), arcs)
}
