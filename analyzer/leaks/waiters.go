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
	sends     bool // all cases of a select send
	kind      gosync.Kind
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

// onChannel reports whether an operation is one of those whose sudogs have their
// channel hidden; the others' have their semaphore (runtime/mgc.go,
// setSyncObjectsUntraceable).
func onChannel(op gosync.Op) bool {
	return op == gosync.Send || op == gosync.Receive || op == gosync.Select
}

// unwakeable reports whether nothing at all ends such an operation.
func unwakeable(op gosync.Op) bool {
	return op == gosync.SelectNone || op == gosync.NilSend || op == gosync.NilReceive
}

// waiters lists the goroutines that may be leaked, and the edges of their sudogs.
func (s *search) readWaiters(ctx context.Context, sync *gosync.Reader) error {
	holders := make([]uint32, len(s.goroutines)) // 0, the root, for none
	for i, h := range s.roots.Holders {
		if j, ok := s.find(h.ID); ok && h.Kind == graph.Goroutine {
			holders[j] = uint32(i)
		}
	}
	s.replaced = make(map[uint32][]uint32, len(s.goroutines))
	s.waiterOf = make([]uint32, len(s.roots.Holders))
	for i := range s.waiterOf {
		s.waiterOf[i] = noWaiter
	}
	return sync.Waits(ctx, func(w *gosync.Wait) {
		i, ok := s.find(w.Goroutine)
		if !ok || holders[i] == 0 || w.Doubt != nil || !forever[w.Op] {
			return
		}
		holder, group := holders[i], s.goroutines[i].Group
		if s.waiterOf[holder] != noWaiter || bubbled(s.groups[group].WaitReason.V) ||
			len(w.Targets) == 0 && !unwakeable(w.Op) && w.Op != gosync.Select {
			return
		}
		s.waiterOf[holder] = uint32(len(s.waiters))
		s.waiters = append(s.waiters, waiter{
			goroutine: w.Goroutine, g: w.G, holder: holder, group: group, op: w.Op, sends: w.Op == gosync.Send,
		})
		s.addTargets(&s.waiters[len(s.waiters)-1], w)
	})
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
		to.kind = t.Kind
		to.targets = append(to.targets, at)
		if t.Send && !t.SideUnknown {
			sends++
		}
		if t.Sudog != 0 {
			to.sudogs = append(to.sudogs, t.Sudog)
			s.hide(t.Sudog, onChannel(w.Op))
		}
	}
	to.sends = sends > 0 && sends == len(w.Targets)
}

// sudogFields are the words of a runtime.sudog that lead to what a goroutine waits for.
type sudogFields struct {
	elem, channel uint64
	err           error
}

// bind finds the fields of the runtime's structures.
func (s *search) bind() error {
	l := s.heap.Heap.Process().Layout().Struct("runtime.sudog")
	s.sudog = sudogFields{elem: l.OneOf("elem.vp", "elem"), channel: l.OneOf("c.vp", "c")}
	s.sudog.err = l.Err()
	_, s.searches = l.Optional("c.vp")
	g := s.heap.Heap.Process().Layout().Struct("runtime.g")
	s.stackLow, s.stackHigh = g.Offset("stack.lo"), g.Offset("stack.hi")
	s.schedLink = g.Offset("schedlink")
	return g.Err()
}

// hide takes what a goroutine waits for from the edges of its sudog.
func (s *search) hide(sudog image.Addr, channel bool) {
	o, off, ok := s.heap.Heap.Find(sudog)
	if !ok || off != 0 || s.sudog.err != nil {
		return // it keeps its edges, and the goroutine awake
	}
	hidden := s.sudog.elem
	if channel {
		hidden = s.sudog.channel
	}
	memory := s.heap.Heap.Memory(o)
	first := len(s.edges)
	s.heap.Heap.EachPointer(o, func(off uint64) bool {
		if off == hidden || off+8 > uint64(len(memory)) {
			return true
		}
		to := s.heap.Heap.FindObject(image.Addr(s.order.Uint64(memory[off:])))
		if to != goheap.NoObject && !s.owned.Has(uint32(to)) {
			s.edges = append(s.edges, uint32(to))
		}
		return true
	})
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
