package heap

import (
	"cmp"
	"slices"

	"postmortem/analyzer/facts"
	"postmortem/analyzer/graph"
	"postmortem/coreread"
	"postmortem/coreread/exe"
	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
)

// goroutineNames is what is known of goroutines by id.
type goroutineNames struct {
	byID map[uint64]*facts.Goroutine
}

func newGoroutineNames(g *facts.Goroutines) *goroutineNames {
	n := &goroutineNames{byID: map[uint64]*facts.Goroutine{}}
	if g != nil {
		for i := range g.List {
			n.byID[uint64(g.List[i].ID)] = &g.List[i]
		}
	}
	return n
}

// group returns the group that a goroutine is in.
func (n *goroutineNames) group(goid uint64) (uint64, bool) {
	g, ok := n.byID[goid]
	if !ok {
		return 0, false
	}
	return uint64(g.Group), true
}

// start returns the function that a goroutine began with.
func (n *goroutineNames) start(goid uint64) (string, bool) {
	g, ok := n.byID[goid]
	if !ok || g.Start == nil {
		return "", false
	}
	return g.Start.Func, true
}

// globals returns the variables that roots are named after: those of the debug
// information, and what only the symbol table names, like values that the
// compiler laid out.
func globals(types *gotypes.Universe, snap *coreread.Snapshot) []graph.Global {
	var list []graph.Global
	add := func(name string, at image.Addr, size uint64) {
		list = append(list, graph.Global{Name: name, Range: image.Range{Start: at, End: at + image.Addr(size)}})
	}
	for _, v := range types.Globals() {
		add(v.Name, v.Addr, v.Bytes)
	}
	m := snap.Exe.Module()
	snap.Exe.EachVariable(func(name string, s exe.Symbol) bool {
		if m.Data <= s.Addr && s.Addr < m.EData || m.BSS <= s.Addr && s.Addr < m.EBSS {
			add(name, s.Addr.Add(snap.Bias), s.Size)
		}
		return true
	})
	return disjoint(list)
}

// disjoint sorts the variables and drops those that lie over an earlier one: of
// two in one place the first named stays.
func disjoint(list []graph.Global) []graph.Global {
	slices.SortStableFunc(list, func(a, b graph.Global) int { return cmp.Compare(a.Range.Start, b.Range.Start) })
	kept := list[:0]
	for _, v := range list {
		if v.Range.Len() > 0 && (len(kept) == 0 || v.Range.Start >= kept[len(kept)-1].Range.End) {
			kept = append(kept, v)
		}
	}
	return kept
}
