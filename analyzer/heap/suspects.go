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

	// largest is by node its child that retains most, for nodes whose children
	// were visited once: a node may have millions.
	largest map[uint32]uint32
}

// suspect is a finding before its path is known.
type suspect struct {
	facts.Suspect
	point uint32 // node of the accumulation point
}

// suspects returns what retains a large share of the reachable bytes, most first.
func (f *finder) suspects(reachable uint64) []suspect {
	least := max(uint64(float64(reachable)*suspectShare), suspectBytes)
	var list []suspect
	f.eachTop(least, func(node uint32) {
		s := f.judge(node)
		s.Share = math.Round(float64(s.RetainedBytes)/float64(reachable)*1e4) / 1e4
		list = append(list, s)
	})
	slices.SortFunc(list, func(a, b suspect) int {
		return cmp.Or(-cmp.Compare(a.RetainedBytes, b.RetainedBytes), cmp.Compare(a.point, b.point))
	})
	return list[:min(len(list), facts.SuspectsCap)]
}

// eachTop visits the highest nodes that retain so much: variables, groups of
// goroutines, and objects that several of them share.
func (f *finder) eachTop(least uint64, visit func(node uint32)) {
	f.eachChild(f.graph.Root(), func(node uint32) {
		if f.doms.Retained(node) < least {
			return
		}
		if holder, ok := f.graph.HolderOf(node); ok && f.graph.Roots.Holders[holder].Kind == graph.Package {
			found := false
			f.eachChild(node, func(variable uint32) {
				if f.doms.Retained(variable) >= least {
					visit(variable)
					found = true
				}
			})
			if found {
				return
			}
		}
		visit(node)
	})
}

func (f *finder) eachChild(node uint32, visit func(uint32)) {
	for c := range f.doms.Children(node) {
		visit(c)
	}
}

// judge goes down from a node as long as one child has nearly all of it, and
// says what spreads out below.
func (f *finder) judge(node uint32) suspect {
	first := node
	for range maxDescent {
		child := f.largestChild(node)
		if child == dominator.None || float64(f.doms.Retained(child)) < onwardShare*float64(f.doms.Retained(node)) {
			break
		}
		node = child
	}
	if s, ok := f.goroutines(first); ok {
		return s
	}
	if s, ok := f.group(node); ok {
		return s
	}
	// Nothing piles up there: the first object on the way is what holds it all.
	for range maxDescent {
		if _, ok := f.graph.HolderOf(first); !ok || first == node {
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
	f.eachChild(node, func(c uint32) {
		if i, ok := f.graph.HolderOf(c); ok && f.graph.Roots.Holders[i].Kind == graph.Goroutine {
			s.Objects++
		}
	})
	if s.Objects < groupObjects {
		return suspect{}, false
	}
	s.Kind, s.Type, s.Group = facts.SuspectGroup, facts.Some("goroutine"), facts.Some(int(f.graph.Roots.Holders[holder].ID))
	s.RetainedBytes = f.doms.Retained(node)
	return s, true
}

// largestChild returns the child that retains most, dominator.None when there is none.
func (f *finder) largestChild(node uint32) uint32 {
	best, known := f.largest[node]
	if known {
		return best
	}
	best = dominator.None
	f.eachChild(node, func(c uint32) {
		if best == dominator.None || f.doms.Retained(c) > f.doms.Retained(best) {
			best = c
		}
	})
	f.largest[node] = best
	return best
}

// group looks for a type whose objects right below the node, or right below the
// goroutines there, have most of what the node retains.
func (f *finder) group(node uint32) (suspect, bool) {
	type pile struct{ objects, retained uint64 }
	piles := make([]pile, len(f.types.Table))
	count := func(o uint32) {
		p := &piles[f.types.Of[o]]
		p.objects++
		p.retained += f.doms.Retained(o)
	}
	f.eachChild(node, func(c uint32) {
		if _, ok := f.graph.HolderOf(c); !ok {
			count(c)
			return
		}
		f.eachChild(c, func(below uint32) {
			if _, ok := f.graph.HolderOf(below); !ok {
				count(below)
			}
		})
	})
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
// would be listed without a cap: those that retain a thousandth of all.
func (f *finder) dominators(reachable uint64) (list []uint32, total int) {
	least := max(reachable/1000, 1)
	stack := []uint32{f.graph.Root()}
	for len(stack) > 0 {
		node := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		_, holder := f.graph.HolderOf(node)
		largest := dominator.None
		f.eachChild(node, func(c uint32) {
			if largest == dominator.None || f.doms.Retained(c) > f.doms.Retained(largest) {
				largest = c
			}
			if f.doms.Retained(c) < least {
				return
			}
			stack = append(stack, c)
			if _, ok := f.graph.HolderOf(c); ok {
				return
			}
			if holder || float64(f.doms.Retained(c)) < chainShare*float64(f.doms.Retained(node)) {
				list = append(list, c)
			}
		})
		f.largest[node] = largest
	}
	slices.SortFunc(list, func(a, b uint32) int {
		return cmp.Or(-cmp.Compare(f.doms.Retained(a), f.doms.Retained(b)), cmp.Compare(a, b))
	})
	total = len(list)
	return list[:min(total, facts.DominatorsCap)], total
}
