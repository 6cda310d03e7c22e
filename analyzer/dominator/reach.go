package dominator

import (
	"context"
	"unsafe"
)

// Set is a set of nodes, one bit each.
type Set []uint64

// NewSet is an empty set with room for nodes 0 to nodes-1.
func NewSet(nodes int) Set { return make(Set, (nodes+63)/64) }

// Has reports whether v is in the set.
func (s Set) Has(v uint32) bool { return s[v/64]>>(v%64)&1 != 0 }

// Add puts v into the set.
func (s Set) Add(v uint32) { s[v/64] |= 1 << (v % 64) }

// Reachable is the set of nodes that the roots reach, themselves included. Its
// working memory is at most 4 bytes per node.
func Reachable(ctx context.Context, g *Graph, roots ...uint32) (Set, error) {
	if err := g.check(); err != nil {
		return nil, err
	}
	m := marking{g: g, seen: NewSet(g.Nodes())}
	for _, r := range roots {
		if err := g.checkNode(r); err != nil {
			return nil, err
		}
		m.push(r)
	}
	if err := m.run(newPacer(ctx)); err != nil {
		return nil, err
	}
	return m.seen, ctx.Err()
}

// marking goes over the graph from a stack, whose nodes pass through a short queue
// before it is their turn: on entry their offset is asked for, half way their
// edges, so that neither is waited for.
type marking struct {
	g     *Graph
	seen  Set
	stack []uint32
	queue [queueNodes]uint32
	// Of all nodes that passed the queue: entered, had their edges asked for, left.
	entered, asked, left int
}

const queueNodes = 32

func (m *marking) push(v uint32) {
	if !m.seen.Has(v) {
		m.seen.Add(v)
		m.stack = append(m.stack, v)
	}
}

func (m *marking) run(pace *pacer) error {
	for {
		for m.entered-m.left < queueNodes && len(m.stack) > 0 {
			v := m.stack[len(m.stack)-1]
			m.stack = m.stack[:len(m.stack)-1]
			m.queue[m.entered%queueNodes] = v
			m.entered++
			prefetch(unsafe.Pointer(&m.g.Offsets[v]))
		}
		if m.entered == m.left {
			return nil
		}
		for ; m.asked < m.entered && m.asked-m.left < queueNodes/2; m.asked++ {
			v := m.queue[m.asked%queueNodes]
			if !m.g.leaf(v) {
				prefetch(unsafe.Pointer(&m.g.Targets[m.g.Offsets[v]]))
			}
		}
		v := m.queue[m.left%queueNodes]
		m.left++
		targets := m.g.Targets[m.g.Offsets[v]:m.g.Offsets[v+1]]
		if err := pace.spend(1 + len(targets)); err != nil {
			return err
		}
		for _, t := range targets {
			if uint64(t) >= uint64(m.g.Nodes()) {
				return errTarget(v, t, m.g.Nodes())
			}
			m.push(t)
		}
	}
}
