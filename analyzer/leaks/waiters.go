package leaks

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"postmortem/analyzer/dominator"
	"postmortem/analyzer/facts"
	"postmortem/analyzer/graph"
	"postmortem/coreread/goheap"
	"postmortem/coreread/gosync"
	"postmortem/coreread/image"
)

// waiter is a goroutine that waits in a way that may be for ever.
type waiter struct {
	goroutine uint64
	g         image.Addr
	holder    uint32 // index in Roots.Holders
	group     int    // facts.Group.ID
	op        gosync.Op
	sends     bool   // all cases of a select send
	targets   [2]int // in search.targets: the first, and behind the last
}

// target is a word of memory that a goroutine waits for.
type target struct {
	at     image.Addr
	sudog  image.Addr    // that stands for the goroutine there; 0 when unknown
	object goheap.Object // that at is in
}

// noWaiter is the number of none.
const noWaiter = dominator.None

// forever are the operations that the collector takes for ones that may never end
// (runtime/mgcmark.go, internalBlocked): not those on the runtime's own semaphores.
var forever = map[gosync.Op]bool{
	gosync.Send: true, gosync.Receive: true, gosync.Select: true, gosync.SelectNone: true, gosync.NilSend: true, gosync.NilReceive: true,
	gosync.Lock: true, gosync.RLock: true, gosync.WLock: true, gosync.WaitGroupWait: true, gosync.CondWait: true,
}

// onChannel reports whether an operation is one on channels.
func onChannel(op gosync.Op) bool {
	return op == gosync.Send || op == gosync.Receive || op == gosync.Select
}

// unwakeable reports whether nothing at all ends such an operation.
func unwakeable(op gosync.Op) bool {
	return op == gosync.SelectNone || op == gosync.NilSend || op == gosync.NilReceive
}

// readWaiters lists the goroutines that may be leaked, and the edges of their sudogs.
func (s *search) readWaiters(ctx context.Context, sync *gosync.Reader) error {
	next := uint32(0) // holders of goroutines are in the order of the runtime's list, too
	s.waiterOf = make([]uint32, len(s.roots.Holders))
	for i := range s.waiterOf {
		s.waiterOf[i] = noWaiter
	}
	s.waiters, s.targets = make([]waiter, 0, len(s.goroutines)), make([]target, 0, len(s.goroutines))
	return sync.Waits(ctx, func(w *gosync.Wait) {
		holder, grouped := s.holderFrom(next, w.Goroutine)
		next = holder + 1
		if !grouped || w.Doubt != nil || !forever[w.Op] {
			return
		}
		group := s.groups[int(s.roots.Holders[s.roots.Holders[holder].Parent].ID)]
		if group == nil || bubbled(group.WaitReason.V) || len(w.Targets) == 0 && !unwakeable(w.Op) && w.Op != gosync.Select {
			return
		}
		s.waiterOf[holder] = uint32(len(s.waiters))
		s.waiters = append(s.waiters, waiter{
			goroutine: w.Goroutine, g: w.G, holder: holder, group: group.ID, op: w.Op, sends: w.Op == gosync.Send,
		})
		s.addTargets(&s.waiters[len(s.waiters)-1], w)
	})
}

// holderFrom returns the holder of a goroutine, of those from the first on, and
// whether the goroutine is in a group of the report. Without one nothing follows.
func (s *search) holderFrom(first uint32, id uint64) (holder uint32, grouped bool) {
	for holder = first; holder < uint32(len(s.roots.Holders)); holder++ {
		h := &s.roots.Holders[holder]
		if h.Kind == graph.Goroutine && h.ID == id {
			return holder, s.roots.Holders[h.Parent].Kind == graph.Group
		}
	}
	return holder, false
}

// bubbled reports whether a goroutine waits inside of a bubble of testing/synctest,
// which wakes it.
func bubbled(reason string) bool {
	return strings.HasSuffix(reason, "(durable)") || strings.HasSuffix(reason, "(synctest)")
}

func (s *search) addTargets(to *waiter, w *gosync.Wait) {
	sends, first := 0, len(s.targets)
	for i := range w.Targets {
		t := &w.Targets[i]
		at := t.Addr
		if t.Sema != 0 {
			at = t.Sema
		}
		s.targets = append(s.targets, target{at: at, sudog: t.Sudog, object: goheap.NoObject})
		if t.Send && !t.SideUnknown {
			sends++
		}
	}
	to.targets = [2]int{first, len(s.targets)}
	to.sends = sends > 0 && sends == len(w.Targets)
}

// findTargets finds the objects that waiters wait for, many side by side, and hides
// them from the sudogs.
func (s *search) findTargets() {
	const batch = 256
	var objects [batch]uint64
	var sudogs [batch]image.Addr
	var places [batch]goheap.Place
	s.edges = make([]uint32, 0, sudogEdges*len(s.targets))
	s.replaced.list = make([]replacement, 0, len(s.targets))
	for rest := s.targets; len(rest) > 0; {
		part := rest[:min(batch, len(rest))]
		rest = rest[len(part):]
		for i, t := range part {
			objects[i], sudogs[i] = uint64(t.at), t.sudog
		}
		s.heap.Heap.FindObjects(objects[:len(part)])
		s.heap.Heap.Locate(sudogs[:len(part)], places[:])
		for i := range part {
			part[i].object = goheap.Object(objects[i])
			if places[i].Offset == 0 {
				s.hide(places[i].Object, part[i].object)
			}
		}
	}
}

// targetsOf returns what a waiter waits for.
func (s *search) targetsOf(w *waiter) []target { return s.targets[w.targets[0]:w.targets[1]] }

// bind finds the fields of the runtime's structures.
func (s *search) bind() error {
	l := s.heap.Heap.Process().Layout().Struct("runtime.sudog")
	_, s.searches = l.Optional("c.vp")
	g := s.heap.Heap.Process().Layout().Struct("runtime.g")
	s.stackLow, s.stackHigh = g.Offset("stack.lo"), g.Offset("stack.hi")
	s.schedLink = g.Offset("schedlink")
	return g.Err()
}

// sudogEdges is how many objects a sudog leads to, as a rule at most.
const sudogEdges = 4

// hide takes the object that a goroutine waits for from what its sudog leads to
// (runtime/mgc.go, setSyncObjectsUntraceable).
func (s *search) hide(sudog, target goheap.Object) {
	if sudog == goheap.NoObject || target == goheap.NoObject {
		return // it keeps its edges, and may keep the goroutine awake
	}
	edges, first := &s.heap.Graph.Edges, len(s.edges)
	for _, to := range edges.Targets[edges.Offsets[sudog]:edges.Offsets[sudog+1]] {
		if to != uint32(target) {
			s.edges = append(s.edges, to)
		}
	}
	s.replaced.add(uint32(sudog), s.edges[first:len(s.edges):len(s.edges)])
}

// ownObjects are the runtime.gs, to which only their holders lead.
func ownObjects(g *graph.Graph) dominator.Set {
	owned := dominator.NewSet(g.Heap.Objects())
	for _, h := range g.Roots.Holders {
		if h.Own != goheap.NoObject {
			owned.Add(uint32(h.Own))
		}
	}
	return owned
}

// find returns the index of a goroutine in the report's list, which is by id. Most
// look-ups are of goroutines that follow each other.
func (s *search) find(id uint64) (int, bool) {
	if next := s.last + 1; next < len(s.goroutines) && uint64(s.goroutines[next].ID) == id {
		s.last = next
		return next, true
	}
	i, ok := slices.BinarySearchFunc(s.goroutines, id, func(g facts.Goroutine, id uint64) int { return cmp.Compare(uint64(g.ID), id) })
	if ok {
		s.last = i
	}
	return i, ok
}
