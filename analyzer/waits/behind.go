package waits

import (
	"cmp"
	"slices"
)

// pile counts who is behind what: the goroutines that wait for it, directly or not.
type pile struct {
	graph *Graph
	live  *liveness
	next  *digraph // what blocks
	back  *digraph // the same, turned round
	parts *components

	// most is how many goroutines are behind a component at most: one that is
	// behind it in two ways counts twice. exact says that none is.
	most  []uint64
	exact []bool

	// search
	stamp []uint32 // by node: the search that met it last
	turn  uint32
	queue []uint32
	work  int            // arcs that searches may still follow
	known map[uint32]int // by lane: what is behind it
}

// searchWork is how many arcs the searches for exact counts follow in all, besides
// some for each of the graph. Only goroutines that wait for several at once
// make any search necessary.
const searchWork = 1 << 24

func newPile(live *liveness, next *digraph, parts *components) *pile {
	p := &pile{
		graph: live.graph, live: live, next: next, back: next.reversed(), parts: parts,
		most: make([]uint64, parts.count()), exact: make([]bool, parts.count()),
		stamp: make([]uint32, next.nodes()), work: searchWork + 16*len(next.to), known: map[uint32]int{},
	}
	p.bound()
	return p
}

// goroutinesOf returns how many goroutines a component has.
func (p *pile) goroutinesOf(part uint32) int {
	n, _ := slices.BinarySearch(p.parts.members(part), uint32(p.graph.goroutines))
	return n
}

// bound fills most and exact in one pass over the components, from those that
// nobody waits for on.
func (p *pile) bound() {
	for i := range p.exact {
		p.exact[i] = true
	}
	met := make([]uint32, p.parts.count()) // the component that led here last, plus 1
	var leads []uint32
	for i := p.parts.count() - 1; i >= 0; i-- {
		part := uint32(i)
		leads = leads[:0]
		for _, v := range p.parts.members(part) {
			for _, w := range p.next.next(v) {
				if to := p.parts.of[w]; to != part && met[to] != part+1 {
					met[to] = part + 1
					leads = append(leads, to)
				}
			}
		}
		with := p.most[part] + uint64(p.goroutinesOf(part))
		for _, to := range leads {
			if p.most[to] += with; p.most[to] < with || p.most[to] > 1<<62 {
				p.most[to] = 1 << 62
			}
			p.exact[to] = p.exact[to] && p.exact[part] && len(leads) == 1
		}
	}
}

// behind returns how many goroutines are behind a component, which may be fewer
// than there are when the searches have taken too long.
func (p *pile) behind(part uint32) int {
	if p.exact[part] {
		return int(p.most[part])
	}
	lane, single := p.onlyLane(part)
	if n, ok := p.known[lane]; single && ok {
		return n
	}
	n := p.search(part)
	if single {
		p.known[lane] = n
	}
	return n
}

// onlyLane returns the node of the lane that leads to a component, if there is only one.
func (p *pile) onlyLane(part uint32) (uint32, bool) {
	lane, n := uint32(0), 0
	for _, v := range p.parts.members(part) {
		for _, w := range p.back.next(v) {
			if p.parts.of[w] != part && (n == 0 || w != lane) {
				lane, n = w, n+1
			}
		}
	}
	return lane, n == 1
}

func (p *pile) search(part uint32) int {
	p.turn++
	p.queue = append(p.queue[:0], p.parts.members(part)...)
	for _, v := range p.queue {
		p.stamp[v] = p.turn
	}
	count := 0
	for i := 0; i < len(p.queue) && p.work > 0; i++ {
		arrivals := p.back.next(p.queue[i])
		p.work -= 1 + len(arrivals)
		for _, v := range arrivals {
			if p.stamp[v] == p.turn {
				continue
			}
			p.stamp[v] = p.turn
			p.queue = append(p.queue, v)
			if _, ok := p.graph.lane(v); !ok {
				count++
			}
		}
	}
	return count
}

// direct returns how many goroutines wait in lanes that a goroutine holds, itself
// not counted, and the lanes, ascending.
func (p *pile) direct(goroutine uint32) (count int, lanes []uint32) {
	p.turn++
	p.stamp[goroutine] = p.turn
	for _, lane := range p.back.next(goroutine) {
		if p.stamp[lane] == p.turn {
			continue
		}
		p.stamp[lane] = p.turn
		before := count
		for _, v := range p.back.next(lane) {
			if p.stamp[v] != p.turn {
				p.stamp[v] = p.turn
				count++
			}
		}
		if number, _ := p.graph.lane(lane); count > before {
			lanes = append(lanes, number)
		}
	}
	slices.Sort(lanes)
	return count, lanes
}

// counted is a component, how many goroutines are behind it, and how many with the
// rest of its own.
type counted struct {
	part          uint32
	behind, total int
}

// largest returns the components with the largest totals, at most so many and the
// largest first; of equals the one with the lowest node comes first. It counts
// exactly only what could be among them.
func (p *pile) largest(parts []uint32, most int) []counted {
	bound := func(part uint32) counted {
		return counted{part: part, total: int(p.most[part]) + p.goroutinesOf(part) - 1}
	}
	order := func(a, b counted) int {
		return cmp.Or(cmp.Compare(b.total, a.total), cmp.Compare(p.parts.members(a.part)[0], p.parts.members(b.part)[0]))
	}
	slices.SortFunc(parts, func(a, b uint32) int { return order(bound(a), bound(b)) })
	var list []counted
	for _, part := range parts {
		c := bound(part)
		if len(list) == most && order(list[most-1], c) < 0 {
			break
		}
		c.behind = p.behind(part)
		c.total = c.behind + p.goroutinesOf(part) - 1
		i, _ := slices.BinarySearchFunc(list, c, order)
		list = slices.Insert(list, i, c)
		list = list[:min(most, len(list))]
	}
	return list
}
