package waits

import (
	"cmp"
	"slices"

	"postmortem/analyzer/facts"
	"postmortem/coreread/gopoll"
	"postmortem/coreread/gosync"
	"postmortem/coreread/image"
)

// resource is something that goroutines wait for.
type resource struct {
	kind facts.ResourceKind
	at   image.Addr // 0 for what has no address
	sema image.Addr // a semaphore's word that goroutines wait for, 0 for none
	// label tells resources of one address, or without one, apart, and names the latter:
	// a wait reason in the runtime's words, the function that calls C.
	label string
	// goroutine is one that waits for it, and g its runtime.g.
	goroutine uint32
	g         image.Addr
	waiters   int
	poll      *gopoll.Poll
	holders   []facts.Holder
	// lane is the queue of those that wait for it, behind that of a sync.RWMutex's
	// writers for its readers.
	lane, behind uint32
	never        bool // nobody will do anything about it
}

// key tells resources apart for which several goroutines can wait: by kind and
// address, by kind and label.
type key struct {
	kind  facts.ResourceKind
	at    image.Addr
	label string
}

// edge is a goroutine that waits for a resource.
type edge struct {
	goroutine, resource uint32
	op                  facts.WaitOp
	selectCase          int32 // -1 for what is no select, and when unknown
	behind              bool  // a writer who waits for the readers
}

// kinds are the resources that targets are.
var kinds = [...]facts.ResourceKind{
	gosync.Unknown:   facts.ResourceOther,
	gosync.Channel:   facts.ResourceChannel,
	gosync.Mutex:     facts.ResourceMutex,
	gosync.RWMutex:   facts.ResourceRWMutex,
	gosync.WaitGroup: facts.ResourceWaitGroup,
	gosync.Cond:      facts.ResourceCond,
	gosync.Once:      facts.ResourceOnce,
	gosync.FD:        facts.ResourceFDLock,
	gosync.Semaphore: facts.ResourceSemaphore,
}

// number returns the index of a goroutine in the list; false for one that is not there.
// Most look-ups are of goroutines that follow each other.
func (b *book) number(id uint64) (uint32, bool) {
	if next := b.last + 1; int(next) < len(b.goids) && b.goids[next] == int64(id) {
		b.last = next
		return next, true
	}
	i, ok := slices.BinarySearch(b.goids, int64(id))
	if !ok {
		return 0, false
	}
	b.last = uint32(i)
	return b.last, true
}

// id returns the id of a goroutine by its index.
func (b *book) id(goroutine uint32) int64 { return b.goids[goroutine] }

// resource returns the number of the resource with the key.
func (b *book) resource(k key, goroutine uint32, g image.Addr) uint32 {
	if i, ok := b.find(k); ok {
		return i
	}
	i := uint32(len(b.resources))
	b.resources = append(b.resources, resource{kind: k.kind, at: k.at, label: k.label, goroutine: goroutine, g: g})
	if _, taken := b.byAddress[k.at]; taken || k.label != "" || k.at == 0 {
		b.byKey[k] = i
	} else {
		b.byAddress[k.at] = i
	}
	return i
}

// find returns the number of the resource with the key, if there is one.
func (b *book) find(k key) (uint32, bool) {
	if k.label == "" && k.at != 0 {
		if i, ok := b.byAddress[k.at]; !ok || b.resources[i].kind == k.kind {
			return i, ok
		}
	}
	i, ok := b.byKey[k]
	return i, ok
}

// add enters an edge.
func (b *book) add(e edge) {
	b.entered[e.goroutine] = true
	b.edges = append(b.edges, e)
}

// sortEdges sorts the edges by goroutine, finds those of each, and counts those who wait for each resource.
func (b *book) sortEdges() {
	order := func(x, y edge) int { return cmp.Compare(x.goroutine, y.goroutine) }
	if !slices.IsSortedFunc(b.edges, order) {
		slices.SortStableFunc(b.edges, order)
	}
	b.edgesFrom = make([]uint32, len(b.goids)+1)
	for _, e := range b.edges {
		b.edgesFrom[e.goroutine+1]++
	}
	for i := range b.goids {
		b.edgesFrom[i+1] += b.edgesFrom[i]
	}
	last := make([]uint32, len(b.resources)) // the goroutine that was counted last, plus 1
	for i := range b.resources {
		b.resources[i].waiters = 0
	}
	for _, e := range b.edges {
		if last[e.resource] != e.goroutine+1 {
			last[e.resource] = e.goroutine + 1
			b.resources[e.resource].waiters++
		}
	}
}

// edgesOf returns the edges of a goroutine, of those that were there when they were
// sorted last.
func (b *book) edgesOf(goroutine uint32) []edge {
	return b.edges[b.edgesFrom[goroutine]:b.edgesFrom[goroutine+1]]
}

// waitsFor reports whether a goroutine waits for a resource.
func (b *book) waitsFor(goroutine, resource uint32) bool {
	return slices.ContainsFunc(b.edgesOf(goroutine), func(e edge) bool { return e.resource == resource })
}
