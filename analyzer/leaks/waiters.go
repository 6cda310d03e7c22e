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
	sends     bool         // all cases of a select send
	targets   []image.Addr // words of memory that it waits for
	sudogs    []image.Addr // that stand for it
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
	s.replaced = make(map[uint32][]uint32, len(s.goroutines))
	s.waiterOf = make([]uint32, len(s.roots.Holders))
	for i := range s.waiterOf {
		s.waiterOf[i] = noWaiter
	}
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
	sends := 0
	for i := range w.Targets {
		t := &w.Targets[i]
		at := t.Addr
		if t.Sema != 0 {
			at = t.Sema
		}
		to.targets = append(to.targets, at)
		if t.Send && !t.SideUnknown {
			sends++
		}
		if t.Sudog != 0 {
			to.sudogs = append(to.sudogs, t.Sudog)
			s.hide(t.Sudog, s.heap.Heap.FindObject(at))
		}
	}
	to.sends = sends > 0 && sends == len(w.Targets)
}

// bind finds the fields of the runtime's structures.
func (s *search) bind() error {
	l := s.heap.Heap.Process().Layout().Struct("runtime.sudog")
	_, s.searches = l.Optional("c.vp")
	g := s.heap.Heap.Process().Layout().Struct("runtime.g")
	s.stackLow, s.stackHigh = g.Offset("stack.lo"), g.Offset("stack.hi")
	s.schedLink = g.Offset("schedlink")
	return g.Err()
}

// hide takes the object that a goroutine waits for from what its sudog leads to
// (runtime/mgc.go, setSyncObjectsUntraceable).
func (s *search) hide(sudog image.Addr, target goheap.Object) {
	o, off, ok := s.heap.Heap.Find(sudog)
	if !ok || off != 0 || target == goheap.NoObject {
		return // it keeps its edges, and may keep the goroutine awake
	}
	edges, first := &s.heap.Graph.Edges, len(s.edges)
	for _, to := range edges.Targets[edges.Offsets[o]:edges.Offsets[o+1]] {
		if to != uint32(target) {
			s.edges = append(s.edges, to)
		}
	}
	s.replaced[uint32(o)] = s.edges[first:len(s.edges):len(s.edges)]
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

// find returns the index of a goroutine in the report's list, which is by id.
func (s *search) find(id uint64) (int, bool) {
	return slices.BinarySearchFunc(s.goroutines, id, func(g facts.Goroutine, id uint64) int { return cmp.Compare(uint64(g.ID), id) })
}
