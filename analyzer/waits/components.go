package waits

// components are the strongly connected components of a graph. They are numbered
// so that arcs lead to a component with a lower number or stay.
type components struct {
	of    []uint32 // by node
	first []uint32 // of a component's nodes in nodes; one more at the end
	nodes []uint32 // ascending within a component
}

const noComponent = ^uint32(0)

func (c *components) count() int { return len(c.first) - 1 }

func (c *components) members(i uint32) []uint32 { return c.nodes[c.first[i]:c.first[i+1]] }

// findComponents finds the components of the graph with the arcs that are at least
// so sure. It is Tarjan's algorithm with a stack of its own, linear in the graph.
func findComponents(d *digraph, least Certainty) *components {
	n := d.nodes()
	t := &tarjan{
		digraph: d, least: least, index: make([]uint32, n), low: make([]uint32, n),
		c: &components{of: make([]uint32, n), first: []uint32{0}},
	}
	for i := range t.c.of {
		t.c.of[i] = noComponent
	}
	for v := range uint32(n) {
		if t.index[v] == 0 {
			t.search(v)
		}
	}
	t.c.sort()
	return t.c
}

type tarjan struct {
	*digraph
	least Certainty
	index []uint32 // order of discovery from 1 on; 0 for a node not seen
	low   []uint32
	seen  uint32
	open  []uint32 // nodes whose component is not complete
	path  []visit
	done  uint32 // components
	c     *components
}

// visit is a node on the path of the search and its next arc.
type visit struct{ node, arc uint32 }

func (t *tarjan) enter(v uint32) {
	t.seen++
	t.index[v], t.low[v] = t.seen, t.seen
	t.open = append(t.open, v)
	t.path = append(t.path, visit{v, t.first[v]})
}

func (t *tarjan) search(root uint32) {
	t.enter(root)
	for len(t.path) > 0 {
		top := &t.path[len(t.path)-1]
		v, arc := top.node, top.arc
		if arc == t.first[v+1] {
			t.leave(v)
			continue
		}
		top.arc++
		if t.sure[arc] < t.least {
			continue
		}
		switch w := t.to[arc]; {
		case t.index[w] == 0:
			t.enter(w)
		case t.c.of[w] == noComponent:
			t.low[v] = min(t.low[v], t.index[w])
		}
	}
}

// leave ends the visit of a node, and closes the component that it is the root of.
func (t *tarjan) leave(v uint32) {
	t.path = t.path[:len(t.path)-1]
	if len(t.path) > 0 {
		parent := t.path[len(t.path)-1].node
		t.low[parent] = min(t.low[parent], t.low[v])
	}
	if t.low[v] != t.index[v] {
		return
	}
	for w := noComponent; w != v; {
		w = t.open[len(t.open)-1]
		t.open = t.open[:len(t.open)-1]
		t.c.of[w] = t.done
	}
	t.done++
	t.c.first = append(t.c.first, 0)
}

// sort lists the nodes by component.
func (c *components) sort() {
	for _, i := range c.of {
		c.first[i+1]++
	}
	for i := 1; i < len(c.first); i++ {
		c.first[i] += c.first[i-1]
	}
	next := append([]uint32(nil), c.first...)
	c.nodes = make([]uint32, len(c.of))
	for v, i := range c.of {
		c.nodes[next[i]] = uint32(v)
		next[i]++
	}
}
