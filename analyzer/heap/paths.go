package heap

import (
	"fmt"

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
// is the last step.
func (n *namer) path(nodes []uint32) (steps []string, total int) {
	for i, node := range nodes {
		next := dominator.None
		if i+1 < len(nodes) {
			next = nodes[i+1]
		}
		if step := n.step(node, next); step != "" {
			steps = append(steps, step)
		}
	}
	total = len(steps)
	if total > facts.PathCap {
		half := facts.PathCap / 2
		steps = append(steps[:half:half], steps[total-half:]...)
	}
	return steps, total
}

// step writes one node of a path: "" for a holder that only gathers others.
func (n *namer) step(node, next uint32) string {
	holder, ok := n.graph.HolderOf(node)
	if !ok {
		return n.object(goheap.Object(node), next)
	}
	if next != dominator.None {
		if _, ok := n.graph.HolderOf(next); ok {
			return ""
		}
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
