package heap

import "postmortem/analyzer/typing"

// lineages numbers what types the dominators of nodes have. A lineage is the types
// on the way from the root down to a node, each where it comes first; 0 is the
// empty one. Nodes are many and lineages few: those of all elements of a list are
// the same.
type lineages struct {
	list []lineage
	next map[step]uint32
	// recent has steps that were asked for lately, by their hash.
	recent [recentSteps]struct {
		step
		to uint32
	}
}

// lineage is one more type behind those of another.
type lineage struct {
	step
	finalizer bool // it passes the finalizers and cleanups
}

// step leads from a lineage to one more type.
type step struct {
	above uint32
	key   typing.Key
}

// Keys of nodes that are no objects.
const (
	noObject   = ^typing.Key(0)
	finalizers = noObject - 1
)

const recentSteps = 1 << 12

func newLineages() *lineages {
	l := &lineages{list: make([]lineage, 1), next: make(map[step]uint32)}
	for i := range l.recent {
		l.recent[i].key = noObject // which no step leads to
	}
	return l
}

// below returns the lineage of a node of a type whose dominator is of the lineage
// above: the same when that has the type.
func (l *lineages) below(above uint32, key typing.Key) uint32 {
	s := step{above, key}
	r := &l.recent[(uint64(above)<<32|uint64(key))*0x9e3779b97f4a7c15>>52]
	if r.step != s {
		r.step, r.to = s, l.follow(s)
	}
	return r.to
}

func (l *lineages) follow(s step) uint32 {
	to, known := l.next[s]
	if known {
		return to
	}
	for to = s.above; to != 0 && l.list[to].key != s.key; {
		to = l.list[to].above
	}
	if to != 0 {
		to = s.above
	} else {
		to = uint32(len(l.list))
		l.list = append(l.list, lineage{s, s.key == finalizers || l.list[s.above].finalizer})
	}
	l.next[s] = to
	return to
}
