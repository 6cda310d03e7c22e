package heap

import (
	"cmp"
	"math"
	"slices"

	"postmortem/analyzer/dominator"
	"postmortem/analyzer/facts"
	"postmortem/analyzer/graph"
	"postmortem/analyzer/typing"
	"postmortem/coreread/goheap"
)

// What makes a suspect, in parts of what is reachable or of what a node retains.
const (
	suspectShare    = 0.10 // of all that is reachable, to be a suspect
	suspectBytes    = 1 << 20
	onwardShare     = 0.70 // of a node's, in one child: what spreads out lies further down
	groupShare      = 0.50 // of a node's, in children of one type: they are what piles up
	groupObjects    = 2
	maxDescent      = 1 << 16 // steps down to an accumulation point
	maxSuspectPaths = facts.SuspectsCap
)

// finder looks for what holds much of the heap, in the way of Eclipse MAT: big
// single dominators, and many objects of one type below one accumulation point.
type finder struct {
	graph *graph.Graph
	doms  *graph.Dominators
	types *typing.Result

	// big has the nodes that retain a thousandth of all, by number, and largest of
	// each the child among them that retains most; dominator.None when there is none.
	big, largest []uint32
}

func newFinder(a *Analysis, reachable uint64) *finder {
	f := &finder{graph: a.Graph, doms: a.Doms, types: a.Types}
	least := max(reachable/1000, 1)
	for v := range uint32(a.Graph.Edges.Nodes()) {
		if a.Doms.Retained(v) >= least && a.Doms.Reached(v) {
			f.big = append(f.big, v)
		}
	}
	f.largest = slices.Repeat([]uint32{dominator.None}, len(f.big))
	for _, v := range f.big {
		if i, ok := slices.BinarySearch(f.big, a.Doms.Idom[v]); ok {
			if best := &f.largest[i]; *best == dominator.None || a.Doms.Retained(v) > a.Doms.Retained(*best) {
				*best = v
			}
		}
	}
	return f
}

// suspect is a finding before its path is known.
type suspect struct {
	facts.Suspect
	point uint32 // node of the accumulation point
}

// suspects returns what retains a large share of the reachable bytes, most first.
func (f *finder) suspects(reachable uint64) []suspect {
	tops := f.tops(max(uint64(float64(reachable)*suspectShare), suspectBytes))
	points := make([]uint32, len(tops))
	for i, top := range tops {
		points[i] = f.descend(top)
	}
	piles := f.piles(points)
	var list []suspect
	for i, top := range tops {
		s := f.judge(top, points[i], piles[i])
		s.Share = math.Round(float64(s.RetainedBytes)/float64(reachable)*1e4) / 1e4
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b suspect) int {
		return cmp.Or(-cmp.Compare(a.RetainedBytes, b.RetainedBytes), cmp.Compare(a.point, b.point))
	})
	return list[:min(len(list), facts.SuspectsCap)]
}

// tops returns the highest nodes that retain so much: variables, groups of
// goroutines, and objects that several of them share.
func (f *finder) tops(least uint64) (list []uint32) {
	for _, node := range f.children(f.graph.Root(), least) {
		if holder, ok := f.graph.HolderOf(node); ok && f.graph.Roots.Holders[holder].Kind == graph.Package {
			if variables := f.children(node, least); len(variables) > 0 {
				list = append(list, variables...)
				continue
			}
		}
		list = append(list, node)
	}
	return list
}

// children returns the children of a node that retain so much, of the big ones.
func (f *finder) children(node uint32, least uint64) (list []uint32) {
	for _, v := range f.big {
		if f.doms.Idom[v] == node && f.doms.Retained(v) >= least {
			list = append(list, v)
		}
	}
	return list
}

// descend goes down from a node as long as one child has nearly all of it.
func (f *finder) descend(node uint32) uint32 {
	for range maxDescent {
		child := f.largestChild(node)
		if child == dominator.None || float64(f.doms.Retained(child)) < onwardShare*float64(f.doms.Retained(node)) {
			break
		}
		node = child
	}
	return node
}

// largestChild returns the child that retains most; dominator.None when there is
// no big one.
func (f *finder) largestChild(node uint32) uint32 {
	if i, ok := slices.BinarySearch(f.big, node); ok {
		return f.largest[i]
	}
	return dominator.None
}

// judge says what spreads out below a point that was found by descending.
func (f *finder) judge(first, point uint32, piles []pile) suspect {
	if s, ok := f.goroutines(first); ok {
		return s
	}
	if s, ok := f.group(point, piles); ok {
		return s
	}
	// Nothing piles up there: the first object on the way is what holds it all.
	for range maxDescent {
		if _, ok := f.graph.HolderOf(first); !ok || first == point {
			break
		}
		first = f.largestChild(first)
	}
	s := suspect{point: first}
	s.Kind, s.Objects, s.RetainedBytes = facts.SuspectDominator, 1, f.doms.Retained(first)
	if _, ok := f.graph.HolderOf(first); !ok {
		s.Type = f.name(first)
	}
	f.setPoint(&s)
	return s
}

// goroutines says of a group of several goroutines that they are what piles up.
func (f *finder) goroutines(node uint32) (suspect, bool) {
	holder, ok := f.graph.HolderOf(node)
	if !ok || f.graph.Roots.Holders[holder].Kind != graph.Group {
		return suspect{}, false
	}
	s := suspect{point: node}
	for i, h := range f.graph.Roots.Holders {
		if h.Kind == graph.Goroutine && f.doms.Idom[f.graph.Node(uint32(i))] == node {
			s.Objects++
		}
	}
	if s.Objects < groupObjects {
		return suspect{}, false
	}
	s.Kind, s.Type, s.Group = facts.SuspectGroup, facts.Some("goroutine"), facts.Some(int(f.graph.Roots.Holders[holder].ID))
	s.RetainedBytes = f.doms.Retained(node)
	return s, true
}

// pile is objects of one type.
type pile struct{ objects, retained uint64 }

// piles counts by type the objects right below each of the points, or right below
// the holders there.
func (f *finder) piles(points []uint32) [][]pile {
	piles := make([][]pile, len(points))
	of := make(map[uint32][]pile, len(points)) // by parent
	parents := dominator.NewSet(f.graph.Edges.Nodes())
	for i, point := range points {
		if of[point] == nil {
			of[point] = make([]pile, len(f.types.Table))
			parents.Add(point)
		}
		piles[i] = of[point]
	}
	for i := range f.graph.Roots.Holders {
		node := f.graph.Node(uint32(i))
		if above := f.doms.Idom[node]; above != dominator.None && slices.Contains(points, above) {
			of[node] = of[above]
			parents.Add(node)
		}
	}
	last, at := dominator.None, []pile(nil)
	for o, above := range f.doms.Idom[:f.graph.Heap.Objects()] {
		if above == dominator.None || !parents.Has(above) {
			continue
		}
		if above != last {
			last, at = above, of[above]
		}
		p := &at[f.types.Of[o]]
		p.objects++
		p.retained += f.doms.Retained(uint32(o))
	}
	return piles
}

// group looks for a type whose objects in the piles have most of what the node retains.
func (f *finder) group(node uint32, piles []pile) (suspect, bool) {
	best := typing.Key(0)
	for k := range piles {
		if piles[k].retained > piles[best].retained {
			best = typing.Key(k)
		}
	}
	p := &piles[best]
	if p.objects < groupObjects || float64(p.retained) < groupShare*float64(f.doms.Retained(node)) {
		return suspect{}, false
	}
	s := suspect{point: node}
	s.Kind, s.Objects, s.RetainedBytes = facts.SuspectGroup, p.objects, p.retained
	if best != 0 {
		s.Type = facts.Some(f.types.Name(best))
	}
	f.setPoint(&s)
	return s, true
}

// setPoint names the accumulation point, unless it is no object.
func (f *finder) setPoint(s *suspect) {
	if _, ok := f.graph.HolderOf(s.point); !ok {
		s.AccumulationPoint = &facts.AccumulationPoint{
			Address: facts.Word(f.graph.Heap.Address(goheap.Object(s.point))), Type: f.name(s.point),
		}
	}
}

func (f *finder) name(node uint32) facts.Maybe[string] {
	if k := f.types.Of[node]; k != 0 {
		return facts.Some(f.types.Name(k))
	}
	return facts.Maybe[string]{}
}

// chainShare is how much of an object's retained bytes the next one may have
// without being a dominator of its own: a map's header, directory and tables are
// one finding.
const chainShare = 0.98

// dominators returns the objects that retain most, most first, and how many
// would be listed without a cap.
func (f *finder) dominators() (list []uint32, total int) {
	for _, v := range f.big {
		if _, ok := f.graph.HolderOf(v); ok {
			continue
		}
		above := f.doms.Idom[v]
		_, holder := f.graph.HolderOf(above)
		if holder || float64(f.doms.Retained(v)) < chainShare*float64(f.doms.Retained(above)) {
			list = append(list, v)
		}
	}
	slices.SortFunc(list, func(a, b uint32) int {
		return cmp.Or(-cmp.Compare(f.doms.Retained(a), f.doms.Retained(b)), cmp.Compare(a, b))
	})
	total = len(list)
	return list[:min(total, facts.DominatorsCap)], total
}
