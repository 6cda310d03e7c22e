package waits

import (
	"cmp"
	"slices"
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/coreread/image"
)

// place is what the order of a resource mostly goes by, without looking at it.
type place struct {
	waiters int
	kind    facts.ResourceKind
	at      image.Addr
	i       uint32
}

// arrange gives the resources their order and IDs.
func (b *book) arrange() {
	places := make([]place, len(b.resources))
	for i := range b.resources {
		r := &b.resources[i]
		places[i] = place{r.waiters, r.kind, r.at, uint32(i)}
	}
	slices.SortFunc(places, func(x, y place) int {
		switch { // most differ at once
		case x.waiters != y.waiters:
			return cmp.Compare(y.waiters, x.waiters)
		case x.kind != y.kind:
			return strings.Compare(string(x.kind), string(y.kind))
		case x.at != y.at:
			return cmp.Compare(x.at, y.at)
		}
		r, s := &b.resources[x.i], &b.resources[y.i]
		return cmp.Or(strings.Compare(r.label, s.label), cmp.Compare(r.goroutine, s.goroutine))
	})
	b.ids = make([]int, len(places))
	b.order = make([]uint32, len(places))
	for n, p := range places {
		b.order[n] = p.i
		b.ids[p.i] = n + 1
	}
}
