package dominator

// search numbers the reachable nodes from 1 in preorder of a depth-first search,
// and keeps for each number the edges that are not its tree edge.
type search struct {
	g     *Graph
	pace  *pacer
	nodes []visit // by node, and one at the end for the last node's edges

	// By number. The arrays have room for all nodes; count+1 entries are used.
	count  uint32
	order  []uint32 // node
	parent []uint32 // number of the parent in the search tree
	others []uint32 // first of the list of other edges into it, as an edge record; 0 for none

	// records holds two stacks that never overlap, because an edge is on at most
	// one of them: pending visits from the left (node<<32 | number of the source),
	// and edge records from the right (number of the source<<32 | next record).
	// Record r is at records[len(records)-r].
	records []uint64
	linked  uint32 // number of edge records
}

// visit has what the search asks of a node at every edge into it, in one place.
type visit struct {
	first  uint32 // its first edge; it is a leaf when the next node has the same
	number uint32 // 0: not reached
}

// prepare checks the graph's form and allocates.
func (s *search) prepare(root uint32) error {
	g := s.g
	if err := g.checkShape(); err != nil {
		return err
	}
	if err := g.checkNode(root); err != nil {
		return err
	}
	s.nodes = make([]visit, len(g.Offsets))
	last := uint32(0)
	for v, o := range g.Offsets {
		if o < last {
			return errFallingOffset(v)
		}
		last = o
		s.nodes[v].first = o
	}
	s.order = make([]uint32, len(g.Offsets))
	s.parent = make([]uint32, len(g.Offsets))
	s.others = make([]uint32, len(g.Offsets))
	s.records = make([]uint64, len(g.Targets)+1)
	return nil
}

// number gives node v the next number.
func (s *search) number(v, parent uint32) uint32 {
	s.count++
	s.nodes[v].number = s.count
	s.order[s.count] = v
	s.parent[s.count] = parent
	return s.count
}

// link keeps the edge between two numbers.
func (s *search) link(from, to uint32) {
	s.linked++
	s.records[len(s.records)-int(s.linked)] = uint64(from)<<32 | uint64(s.others[to])
	s.others[to] = s.linked
}

// run does the search. A node's leaves are numbered as soon as the node is, so
// that only nodes with edges go over the stack.
func (s *search) run(root uint32) error {
	s.records[0] = uint64(root) << 32
	for top := 1; top > 0; {
		top--
		w, from := uint32(s.records[top]>>32), uint32(s.records[top])
		if k := s.nodes[w].number; k != 0 { // reached meanwhile through a descendant of from
			if s.parent[k] != from {
				s.link(from, k)
			}
			continue
		}
		v := s.number(w, from)
		targets := s.g.Targets[s.nodes[w].first:s.nodes[w+1].first]
		if err := s.pace.spend(1 + len(targets)); err != nil {
			return err
		}
		for _, t := range targets {
			if uint64(t)+1 >= uint64(len(s.nodes)) {
				return errTarget(w, t, s.g.Nodes())
			}
			switch k := s.nodes[t].number; {
			case k == 0 && s.nodes[t].first == s.nodes[t+1].first:
				s.number(t, v)
			case k == 0:
				s.records[top] = uint64(t)<<32 | uint64(v)
				top++
			case k < v:
				s.link(v, k)
			case k > v:
				// A leaf of v, by a repeated edge.
			}
		}
	}
	return nil
}

// tree hands over the arrays that stay. The others list must not be needed any
// more, nor the search tree, whose place the dominator tree has taken.
func (s *search) tree() *Tree {
	idom := s.others[:s.g.Nodes()]
	for v := range idom {
		idom[v] = None
	}
	for i := uint32(2); i <= s.count; i++ {
		idom[s.order[i]] = s.order[s.parent[i]]
	}
	return &Tree{Idom: idom, Order: s.order[1 : s.count+1]}
}
