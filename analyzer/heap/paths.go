package heap

import (
	"fmt"
	"slices"

	"postmortem/analyzer/dominator"
	"postmortem/analyzer/facts"
	"postmortem/analyzer/graph"
	"postmortem/analyzer/typing"
	"postmortem/coreread/goheap"
	"postmortem/coreread/image"
)

// namer writes down how objects are reached.
type namer struct {
	graph *graph.Graph
	types *typing.Result
	start func(goid uint64) (string, bool)
}

// typeOf returns the name of an object's type.
func (n *namer) typeOf(o goheap.Object) facts.Maybe[string] {
	k := n.types.Of[o]
	if k == 0 {
		return facts.Maybe[string]{}
	}
	return facts.Some(n.types.Name(k))
}

// path writes the steps of a path of nodes from the root: the holder, then for
// each object its type and the field that leads on. The last object's own type
// is the last step. Of a long path the first and the last steps are written.
func (n *namer) path(nodes []uint32) (steps []string, total int) {
	for len(nodes) > 0 && n.gathers(nodes) {
		nodes = nodes[1:]
	}
	total = len(nodes)
	for i, node := range nodes {
		if total > facts.PathCap && i >= facts.PathCap/2 && i < total-facts.PathCap/2 {
			continue
		}
		next := dominator.None
		if i+1 < len(nodes) {
			next = nodes[i+1]
		}
		steps = append(steps, n.step(node, next))
	}
	return steps, total
}

// gathers reports whether the first node of a path is a holder that only gathers
// the next one.
func (n *namer) gathers(nodes []uint32) bool {
	if len(nodes) < 2 {
		return false
	}
	_, next := n.graph.HolderOf(nodes[1])
	return next
}

// maxChain bounds the dominators that are gone through for one path: the last
// element of a list has as many as the list has elements.
const maxChain = 1 << 16

// chain returns the dominators of a node from the root on, and the node; nil when
// there are too many.
func (n *namer) chain(doms *graph.Dominators, node uint32) []uint32 {
	var nodes []uint32
	for v := node; v != dominator.None; v = doms.Idom[v] {
		if len(nodes) == maxChain {
			return nil
		}
		nodes = append(nodes, v)
	}
	slices.Reverse(nodes)
	return nodes
}

// step writes one node of a path.
func (n *namer) step(node, next uint32) string {
	holder, ok := n.graph.HolderOf(node)
	if !ok {
		return n.object(goheap.Object(node), next)
	}
	h := &n.graph.Roots.Holders[holder]
	switch h.Kind {
	case graph.Variable, graph.Package:
		return h.Name
	case graph.Goroutine:
		if name, ok := n.start(h.ID); ok {
			return fmt.Sprintf("goroutine %d (%s)", h.ID, name)
		}
		return fmt.Sprintf("goroutine %d", h.ID)
	case graph.Group:
		return fmt.Sprintf("goroutines of group %d", h.ID)
	case graph.Finalizers:
		return "finalizers and cleanups"
	case graph.RuntimeInternal:
		return "the runtime"
	}
	return "several roots"
}

// object writes an object's type and, where one is known, the field in which it
// refers to the next.
func (n *namer) object(o goheap.Object, next uint32) string {
	name, key := "?", n.types.Of[o]
	if key != 0 {
		name = n.types.Name(key)
	}
	if next == dominator.None || key == 0 {
		return name
	}
	if off, ok := n.fieldTo(o, goheap.Object(next)); ok {
		return name + n.types.FieldPath(key, off)
	}
	return name
}

// fieldTo returns the offset in o's value of the first pointer to the next object.
func (n *namer) fieldTo(o, next goheap.Object) (uint64, bool) {
	h := n.graph.Heap
	memory := h.Memory(o)
	found, ok := uint64(0), false
	h.EachPointer(o, func(off uint64) bool {
		if off+8 > uint64(len(memory)) {
			return false
		}
		value := h.Process().Image.ByteOrder().Uint64(memory[off:])
		found, ok = off, h.FindObject(image.Addr(value)) == next
		return !ok
	})
	return found, ok
}
