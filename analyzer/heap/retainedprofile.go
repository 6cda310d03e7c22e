package heap

import (
	"github.com/google/pprof/profile"

	"postmortem/analyzer/dominator"
	"postmortem/analyzer/graph"
	"postmortem/analyzer/typing"
	"postmortem/coreread/goheap"
)

// Bounds of the tree of dominator paths. What lies deeper, or comes later, counts
// with the node above it, so that the sum stays whole.
const (
	maxPathDepth = 100
	maxPathNodes = 1 << 20
)

// pathTree is the dominator paths of all reachable objects, by names: objects of
// one type below one path are one node, and so is a chain of objects of one type,
// like a linked list.
type pathTree struct {
	nodes    []pathNode
	children map[pathStep]uint32
	labels   []string
	byLabel  map[string]uint32
}

type pathNode struct {
	parent, label uint32
	depth         uint32
	objects       int64
	bytes         int64
}

// pathStep is a step down from a node of the tree.
type pathStep struct{ parent, label uint32 }

// label returns the number of a name.
func (t *pathTree) label(name string) uint32 {
	n, ok := t.byLabel[name]
	if !ok {
		n = uint32(len(t.labels))
		t.labels = append(t.labels, name)
		t.byLabel[name] = n
	}
	return n
}

// below returns the node for a name below another node.
func (t *pathTree) below(parent, label uint32) uint32 {
	p := &t.nodes[parent]
	if parent != 0 && p.label == label {
		return parent
	}
	step := pathStep{parent, label}
	n, ok := t.children[step]
	if !ok {
		if p.depth >= maxPathDepth || len(t.nodes) >= maxPathNodes {
			return parent
		}
		n = uint32(len(t.nodes))
		t.nodes = append(t.nodes, pathNode{parent: parent, label: label, depth: p.depth + 1})
		t.children[step] = n
	}
	return n
}

// paths builds the tree.
func (a *Analysis) paths() *pathTree {
	t := &pathTree{nodes: make([]pathNode, 1), children: map[pathStep]uint32{}, byLabel: map[string]uint32{}}
	labels := make([]uint32, len(a.Types.Table))
	for k := range labels {
		name := a.Types.Name(typing.Key(k))
		if k == 0 {
			name = "unknown type"
		}
		labels[k] = t.label(name)
	}
	at := make([]uint32, a.Graph.Edges.Nodes()) // by node of the graph, its node in the tree
	for _, v := range a.Doms.Order {
		above := uint32(0)
		if d := a.Doms.Idom[v]; d != dominator.None {
			above = at[d]
		}
		holder, ok := a.Graph.HolderOf(v)
		if ok {
			at[v] = t.holder(above, &a.Graph.Roots.Holders[holder], a.names)
			continue
		}
		at[v] = t.below(above, labels[a.Types.Of[v]])
		n := &t.nodes[at[v]]
		n.objects++
		n.bytes += int64(a.Heap.Size(goheap.Object(v)))
	}
	return t
}

// holder returns the node for a holder; those of all goroutines that began with
// one function are the same.
func (t *pathTree) holder(above uint32, h *graph.Holder, names *goroutineNames) uint32 {
	switch h.Kind {
	case graph.Package:
		if h.Name != "" {
			return t.below(above, t.label("package "+h.Name))
		}
	case graph.Variable:
		return t.below(above, t.label(h.Name))
	case graph.Goroutine:
		name := "goroutines"
		if start, ok := names.start(h.ID); ok {
			name = "goroutines of " + start
		}
		return t.below(above, t.label(name))
	case graph.Finalizers:
		return t.below(above, t.label("finalizers and cleanups"))
	case graph.RuntimeInternal:
		return t.below(above, t.label("the runtime"))
	}
	return above
}

// RetainedProfile returns the reachable objects as a profile whose stacks are
// dominator paths: the innermost frame is the type of the objects, its caller
// what alone keeps them, and so on. Its total is the reachable bytes.
func (a *Analysis) RetainedProfile() *profile.Profile {
	t := a.paths()
	p := &profile.Profile{
		SampleType:        []*profile.ValueType{{Type: "objects", Unit: "count"}, {Type: "space", Unit: "bytes"}},
		DefaultSampleType: "space",
		PeriodType:        &profile.ValueType{Type: "space", Unit: "bytes"},
		Period:            1,
	}
	locations := make([]*profile.Location, len(t.labels))
	location := func(label uint32) *profile.Location {
		if locations[label] == nil {
			f := &profile.Function{ID: uint64(len(p.Function) + 1), Name: t.labels[label], SystemName: t.labels[label]}
			l := &profile.Location{ID: f.ID, Line: []profile.Line{{Function: f}}}
			p.Function, p.Location = append(p.Function, f), append(p.Location, l)
			locations[label] = l
		}
		return locations[label]
	}
	root := t.label("shared between roots")
	locations = append(locations, make([]*profile.Location, len(t.labels)-len(locations))...)
	for i := range t.nodes {
		n := &t.nodes[i]
		if n.objects == 0 {
			continue
		}
		s := &profile.Sample{Value: []int64{n.objects, n.bytes}}
		for at := uint32(i); at != 0; at = t.nodes[at].parent {
			s.Location = append(s.Location, location(t.nodes[at].label))
		}
		if len(s.Location) == 0 {
			s.Location = append(s.Location, location(root))
		}
		p.Sample = append(p.Sample, s)
	}
	return p
}
