package heap

import (
	"cmp"
	"slices"

	"postmortem/analyzer/facts"
	"postmortem/analyzer/graph"
)

// describeHolders fills what variables, packages, goroutines and their groups
// retain. start names the function that a goroutine began with.
func describeHolders(g *graph.Graph, d *graph.Dominators, start func(goid uint64) (string, bool), doc *facts.Heap) {
	doc.Roots, doc.RetainedByGroup = []facts.Root{}, []facts.GroupRetained{}
	doc.Packages, doc.Goroutines = []facts.PackageRetained{}, []facts.GoroutineRetained{}
	for i, h := range g.Roots.Holders {
		retained := d.Retained(g.Node(uint32(i)))
		if i == 0 || retained == 0 {
			continue
		}
		root := facts.Root{RetainedBytes: facts.Some(retained)}
		switch h.Kind {
		case graph.Package:
			if h.Name != "" {
				doc.Packages = append(doc.Packages, facts.PackageRetained{Name: h.Name, RetainedBytes: retained})
			}
			continue
		case graph.Group:
			doc.RetainedByGroup = append(doc.RetainedByGroup, facts.GroupRetained{Group: int(h.ID), Bytes: retained})
			continue
		case graph.Goroutine:
			doc.Goroutines = append(doc.Goroutines, facts.GoroutineRetained{ID: int64(h.ID), RetainedBytes: retained})
			root.Kind, root.Goroutine = facts.RootGoroutine, facts.Some(int64(h.ID))
			if name, ok := start(h.ID); ok {
				root.Name = facts.Some(name)
			}
		case graph.Variable:
			root.Kind = facts.RootGlobal
			if h.At != 0 {
				root.Name, root.Address = facts.Some(h.Name), facts.Some(facts.Word(h.At))
			}
		case graph.Finalizers:
			root.Kind = facts.RootFinalizer
		default:
			root.Kind = facts.RootOther
		}
		doc.Roots = append(doc.Roots, root)
	}
	doc.RootsTotal = top(&doc.Roots, facts.RootsCap, func(a, b facts.Root) int {
		return cmp.Or(-cmp.Compare(a.RetainedBytes.V, b.RetainedBytes.V), cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Goroutine.V, b.Goroutine.V), cmp.Compare(a.Address.V, b.Address.V), cmp.Compare(a.Name.V, b.Name.V))
	})
	doc.RetainedByGroupTotal = top(&doc.RetainedByGroup, facts.RetainedByGroupCap, func(a, b facts.GroupRetained) int {
		return cmp.Or(-cmp.Compare(a.Bytes, b.Bytes), cmp.Compare(a.Group, b.Group))
	})
	doc.PackagesTotal = top(&doc.Packages, facts.PackagesCap, func(a, b facts.PackageRetained) int {
		return cmp.Or(-cmp.Compare(a.RetainedBytes, b.RetainedBytes), cmp.Compare(a.Name, b.Name))
	})
	doc.GoroutinesTotal = top(&doc.Goroutines, facts.GoroutinesRetainedCap, func(a, b facts.GoroutineRetained) int {
		return cmp.Or(-cmp.Compare(a.RetainedBytes, b.RetainedBytes), cmp.Compare(a.ID, b.ID))
	})
}

// top sorts the list and keeps at most so many of it; it returns how many there were.
func top[T any](list *[]T, most int, order func(a, b T) int) int {
	slices.SortFunc(*list, order)
	n := len(*list)
	*list = slices.Clip((*list)[:min(n, most)])
	return n
}
