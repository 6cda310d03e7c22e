package waits

import (
	"cmp"
	"slices"

	"postmortem/analyzer/facts"
	"postmortem/coreread/gopoll"
	"postmortem/coreread/image"
)

// facts writes the document's part.
func (b *book) facts() *facts.Waits {
	d := &describer{book: b, named: make([]bool, len(b.resources))}
	d.findOwners()
	doc := &facts.Waits{
		Resources: []facts.Resource{}, ResourcesTotal: len(b.resources),
		Edges: []facts.WaitEdge{}, EdgesTotal: len(b.edges),
		Cycles: []facts.WaitCycle{}, CyclesTotal: b.solution.KnotsTotal,
		HeadBlockers: []facts.HeadBlocker{}, HeadBlockersTotal: b.solution.HeadsTotal,
		Leaks: b.leaks,
	}
	d.choose()
	d.describeResources(doc)
	for i := range b.solution.Knots {
		doc.Cycles = append(doc.Cycles, d.cycle(&b.solution.Knots[i]))
	}
	for i := range b.solution.Heads {
		doc.HeadBlockers = append(doc.HeadBlockers, d.head(&b.solution.Heads[i]))
	}
	d.describeEdges(doc)
	return doc
}

// describer writes what a book says.
type describer struct {
	*book
	named  []bool // by resource: whether it is listed
	shown  map[uint32]*facts.Resource
	owners []uint32 // by lane: the resource

	files     map[int64]gopoll.FD // by number; nil before they were looked for
	calls     map[int64]int64     // by id of the M: when its system call was seen; nil before it was asked for
	referrers *referrers

	timerContexts map[image.Addr]typed // see contextReader.timers
}

// findOwners finds the resource of each lane.
func (d *describer) findOwners() {
	d.owners = make([]uint32, len(d.graph.modes))
	for i := range d.resources {
		d.owners[d.resources[i].lane] = uint32(i)
		d.owners[d.resources[i].behind] = uint32(i)
	}
}

// choose decides which resources are listed: what cycles and head blockers name,
// then those with the most who wait, of each kind some.
func (d *describer) choose() {
	left := facts.ResourcesCap
	pick := func(i uint32) (more bool) {
		if left > 0 && !d.named[i] {
			d.named[i] = true
			left--
		}
		return left > 0
	}
	for _, k := range d.solution.Knots {
		for _, s := range k.Cycle {
			pick(d.owners[s.Lane])
		}
	}
	for i := range d.solution.Heads {
		for _, r := range d.headResources(&d.solution.Heads[i]) {
			pick(r)
		}
	}
	kind := func(n int) facts.ResourceKind { return d.resources[d.order[n]].kind }
	spread(len(d.order), resourcesOfKind, kind, func(n int) bool { return pick(d.order[n]) })
}

// How many resources and edges of each kind are listed before any kind has more, so
// that thousands of one do not hide the others.
const (
	resourcesOfKind = 200
	edgesOfKind     = 500
)

// spread picks the first of n things of each kind, then all others, until pick
// wants no more.
func spread(n, ofKind int, kindOf func(i int) facts.ResourceKind, pick func(i int) bool) {
	counts := map[facts.ResourceKind]*int{}
	var last facts.ResourceKind
	var count *int // of the last kind: they come in runs
	for i := range n {
		if kind := kindOf(i); count == nil || kind != last {
			if last, count = kind, counts[kind]; count == nil {
				count = new(int)
				counts[kind] = count
			}
		}
		if *count++; *count <= ofKind && !pick(i) {
			return
		}
	}
	for i := range n {
		if !pick(i) {
			return
		}
	}
}

// headResources are those that a head holds and others wait for directly, those
// with the most who wait first; at most facts.HoldersCap.
func (d *describer) headResources(h *Head) []uint32 {
	var list []uint32
	for _, lane := range h.Lanes {
		list = append(list, d.owners[lane])
	}
	slices.SortFunc(list, func(a, b uint32) int { return cmp.Compare(d.ids[a], d.ids[b]) })
	list = slices.Compact(list)
	return list[:min(len(list), facts.HoldersCap)]
}

func (d *describer) describeResources(doc *facts.Waits) {
	d.shown = map[uint32]*facts.Resource{}
	d.prepare()
	for _, i := range d.order {
		if d.named[i] {
			doc.Resources = append(doc.Resources, d.resourceFacts(i))
		}
	}
	n := 0
	for _, i := range d.order {
		if d.named[i] {
			d.shown[i] = &doc.Resources[n]
			n++
		}
	}
}

// prepare finds what refers to the listed resources.
func (d *describer) prepare() {
	var at []image.Addr
	for i := range d.resources {
		if r := &d.resources[i]; d.named[i] && r.at != 0 && r.kind != facts.ResourcePoll {
			at = append(at, r.at)
		}
	}
	d.referrers = d.names.findReferrers(at)
}

// describeEdges lists edges to listed resources, those of goroutines in cycles
// first when there are too many.
func (d *describer) describeEdges(doc *facts.Waits) {
	chosen := make([]bool, len(d.edges))
	left := facts.WaitEdgesCap
	pick := func(i int) (more bool) {
		if left > 0 && !chosen[i] && d.named[d.edges[i].resource] {
			chosen[i] = true
			left--
		}
		return left > 0
	}
	for _, k := range d.solution.Knots {
		for _, s := range k.Cycle {
			for i := d.edgesFrom[s.Goroutine]; i < d.edgesFrom[s.Goroutine+1]; i++ {
				pick(int(i))
			}
		}
	}
	kind := func(i int) facts.ResourceKind { return d.resources[d.edges[i].resource].kind }
	spread(len(d.edges), edgesOfKind, kind, pick)
	for i, e := range d.edges {
		if !chosen[i] {
			continue
		}
		g := &d.in.Goroutines.List[e.goroutine]
		doc.Edges = append(doc.Edges, facts.WaitEdge{
			Goroutine: g.ID, Resource: d.ids[e.resource], Op: e.op,
			Case:           facts.Maybe[int]{V: int(max(e.selectCase, 0)), Known: e.selectCase >= 0},
			SinceAtLeastNS: d.since(e, g),
		})
	}
}

// since returns how long a goroutine has been waiting at least. The runtime's monitor
// notes when it comes across a system call, if nobody has taken the processor yet.
func (d *describer) since(e edge, g *facts.Goroutine) facts.Maybe[int64] {
	if e.op != facts.OpCall || !g.M.Known || d.in.Clocks == nil {
		return g.WaitedAtLeastNS
	}
	if d.calls == nil {
		d.calls = map[int64]int64{}
		for _, p := range d.process.Scheduler().Processors {
			if m, ok := d.process.MachineAt(p.M); ok && p.InSyscall && p.SyscallSeen != 0 {
				d.calls[m.ID] = p.SyscallSeen
			}
		}
	}
	seen, ok := d.calls[g.M.V]
	if !ok {
		return g.WaitedAtLeastNS
	}
	waited, ok := d.in.Clocks.Since(seen)
	if !ok || g.WaitedAtLeastNS.Known && g.WaitedAtLeastNS.V > int64(waited) {
		return g.WaitedAtLeastNS
	}
	return facts.Some(int64(waited))
}

func (d *describer) cycle(k *Knot) facts.WaitCycle {
	c := facts.WaitCycle{Confidence: confidences[k.Certainty], Behind: k.Behind, Knot: d.ranges(k.Members)}
	for _, s := range k.Cycle {
		c.Goroutines = append(c.Goroutines, d.id(s.Goroutine))
		c.Resources = append(c.Resources, d.ids[d.owners[s.Lane]])
	}
	c.Legs = d.legs(k.Cycle)
	return c
}

// ranges writes goroutines, ascending, as ranges of ids. Only ids that follow each
// other make a range.
func (d *describer) ranges(goroutines []uint32) [][2]int64 {
	list := [][2]int64{}
	for _, n := range goroutines {
		id := d.id(n)
		if l := len(list); l > 0 && list[l-1][1] == id-1 {
			list[l-1][1] = id
			continue
		}
		list = append(list, [2]int64{id, id})
	}
	return list
}

func (d *describer) head(h *Head) facts.HeadBlocker {
	out := facts.HeadBlocker{Resources: []int{}, Goroutine: d.id(h.Goroutine), Direct: h.Direct, Total: h.Total, Confidence: confidences[h.Certainty]}
	for _, r := range d.headResources(h) {
		out.Resources = append(out.Resources, d.ids[r])
	}
	return out
}
