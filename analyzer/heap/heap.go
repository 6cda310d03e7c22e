// Package heap turns the heap of a dead process into the heap part of the
// report: what is on it, what types it has, what keeps it alive and what that
// costs.
//
// The graph, the dominators and the types are others' work; this package counts
// and names.
package heap

import (
	"context"
	"fmt"

	"postmortem/analyzer/facts"
	"postmortem/analyzer/frames"
	"postmortem/analyzer/graph"
	"postmortem/analyzer/typing"
	"postmortem/coreread"
	"postmortem/coreread/goheap"
	"postmortem/coreread/goprof"
	"postmortem/coreread/goroots"
	"postmortem/coreread/gotypes"
	"postmortem/internal/parallel"
)

// Options says how to go about it and what may be shown.
type Options struct {
	Goroutines *facts.Goroutines // groups and names of goroutines; nil when unknown
	Frames     *frames.Builder   // of allocation sites
	ShowValues bool              // whether contents of memory are shown
	Workers    int               // how many processors to use at once
}

// Analysis is the heap of a process with all that was found out about it.
type Analysis struct {
	Heap  *goheap.Heap
	Graph *graph.Graph
	Doms  *graph.Dominators
	Types *typing.Result

	snap      *coreread.Snapshot
	universe  *gotypes.Universe
	opt       Options
	names     *goroutineNames
	variables []graph.Global // by address
}

// Analyze reads the heap, its graph and its types. The error says why there is
// no heap part; what is merely missing from it is a gap of the process.
func Analyze(ctx context.Context, snap *coreread.Snapshot, opt Options) (*Analysis, error) {
	p := snap.Runtime
	types, err := gotypes.New(p)
	if err != nil {
		return nil, err
	}
	// Reading the debug information takes a while on a large binary.
	defer parallel.Beside(func() { types.Globals() })()
	a := &Analysis{snap: snap, universe: types, opt: opt, names: newGoroutineNames(opt.Goroutines)}
	if a.Heap, err = goheap.Read(p, types); err != nil {
		return nil, err
	}
	roots, err := a.collect(ctx, types)
	if err != nil {
		return nil, err
	}
	if a.Graph, err = graph.Build(ctx, a.Heap, roots, opt.Workers); err != nil {
		return nil, err
	}
	// The two take about as long as each other, and share nothing that they write.
	typed := parallel.Beside(func() { a.Types = typing.Infer(ctx, a.Heap, types, roots) })
	a.Doms, err = a.Graph.Dominate(ctx)
	typed()
	if err != nil {
		return nil, err
	}
	return a, nil
}

// collect finds the roots.
func (a *Analysis) collect(ctx context.Context, types *gotypes.Universe) (*graph.Roots, error) {
	r, err := goroots.New(a.snap.Runtime)
	if err != nil {
		return nil, err
	}
	a.variables = globals(types, a.snap)
	roots, err := graph.Collect(ctx, a.Heap, r, graph.Sources{Globals: a.variables, Group: a.names.group})
	if err != nil {
		return nil, fmt.Errorf("looking for what keeps objects alive: %w", err)
	}
	return roots, nil
}

// Facts writes the heap part of the document.
func (a *Analysis) Facts(ctx context.Context, profiles *goprof.Profiles) *facts.Heap {
	doc := &facts.Heap{}
	// Each fills fields of its own.
	found := parallel.Beside(func() {
		a.describeFindings(ctx, doc)
		doc.Waste = a.waste(ctx)
	})
	tally, finalizable := a.histogram()
	a.countObjects(tally, doc)
	a.countConservative(doc)
	a.describeTypes(tally, doc)
	describeHolders(a.Graph, a.Doms, a.names.start, doc)
	found()
	doc.Waste.FinalizerOnly = a.finalizerOnly(finalizable)
	describeProfiles(profiles, doc)
	a.describeSites(profiles, doc)
	describeLayout(a.Heap, doc, objectInfo{typeName: a.typeName, reachable: a.reachable})
	describeAccounting(a.Heap, a.snap, doc)
	return doc
}

// countObjects fills what is reachable and what is not.
func (a *Analysis) countObjects(tally histogram, doc *facts.Heap) {
	var all, reachable facts.Tally
	for i := range a.Heap.Spans {
		s := &a.Heap.Spans[i]
		all.Objects += uint64(s.Count)
		all.Bytes += uint64(s.Count) * s.ElemBytes
	}
	for _, t := range tally {
		reachable.Objects += t.objects
		reachable.Bytes += t.bytes
	}
	doc.Objects, doc.ObjectBytes = all.Objects, all.Bytes
	doc.ReachableObjects, doc.ReachableBytes = facts.Some(reachable.Objects), facts.Some(reachable.Bytes)
	doc.GarbageObjects, doc.GarbageBytes = facts.Some(all.Objects-reachable.Objects), facts.Some(all.Bytes-reachable.Bytes)
	doc.TypeConflicts = facts.Some(a.Types.Conflicts)
}

// countConservative counts the words that may have been no pointers.
func (a *Analysis) countConservative(doc *facts.Heap) {
	var words uint64
	frames := map[uint32]bool{}
	for _, s := range a.Graph.Roots.Slots {
		if s.Conservative {
			words++
			if s.Frame != graph.NoFrame {
				frames[s.Frame] = true
			}
		}
	}
	doc.ConservativeRoots, doc.ConservativeFrames = facts.Some(words), facts.Some(uint64(len(frames)))
}

// typeName returns the name of an object's type.
func (a *Analysis) typeName(o goheap.Object) (string, bool) {
	k := a.Types.Of[o]
	return a.Types.Name(k), k != 0
}

// reachable reports whether an object can be reached.
func (a *Analysis) reachable(o goheap.Object) (reached, known bool) {
	return a.Doms.Reached(uint32(o)), true
}
