package leaks

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"postmortem/analyzer/dominator"
	"postmortem/analyzer/facts"
	"postmortem/analyzer/graph"
	"postmortem/coreread"
	"postmortem/coreread/goheap"
	"postmortem/coreread/gosync"
	"postmortem/coreread/image"
)

// gathering is the waiters of one group with one verdict and reason.
type gathering struct {
	group   int
	verdict facts.Confidence
	reason  string
}

// report writes what was found.
func (s *search) report(ctx context.Context, verdicts []verdict) (*facts.Leaks, error) {
	doc := &facts.Leaks{NotProven: s.notProven(), Groups: []facts.LeakGroup{}}
	members := make(map[gathering][]uint32)
	for w, v := range verdicts {
		if v == awake {
			continue
		}
		k := gathering{s.waiters[w].group, facts.ConfidencePossible, s.waiters[w].reason(v)}
		switch {
		case v == leaked && !doc.NotProven.Known:
			k.verdict = facts.ConfidenceProven
			doc.Proven++
		case v >= unused:
			k.verdict = facts.ConfidenceLikely
			doc.Likely++
		default:
			doc.Possible++
		}
		members[k] = append(members[k], uint32(w))
	}
	paths, err := s.paths(ctx, verdicts, members)
	if err != nil {
		return nil, err
	}
	for k, list := range members {
		doc.Groups = append(doc.Groups, s.describe(k, list, paths[k]))
	}
	slices.SortFunc(doc.Groups, func(a, b facts.LeakGroup) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Group, b.Group), cmp.Compare(a.Verdict, b.Verdict), cmp.Compare(a.Reason, b.Reason))
	})
	return doc, nil
}

// notProven says what may hide a reference to what goroutines wait for.
func (s *search) notProven() facts.Maybe[string] {
	snap, h := s.heap.Snapshot(), s.heap.Heap
	switch {
	case snap.Identity.State == coreread.Mismatch:
		return facts.Some("the binary is not the one that ran")
	case snap.Core.Cut != nil:
		return facts.Some("the core file is cut: what is missing may refer to what goroutines wait for")
	case h.Lost > 0 || !h.Whole:
		return facts.Some("a part of the heap is not in the core, and may refer to what goroutines wait for")
	}
	for _, g := range h.Process().Gaps() {
		if g.HidesReferences {
			return facts.Some(fmt.Sprintf("what could not be read may refer to what goroutines wait for: %s", g.What))
		}
	}
	return facts.Maybe[string]{}
}

// describe writes one group.
func (s *search) describe(k gathering, members []uint32, path []string) facts.LeakGroup {
	g := facts.LeakGroup{
		Verdict: k.verdict, Group: k.group, Count: len(members), Reason: k.reason, Path: path,
		GoidRanges: [][2]int64{},
	}
	if g.Path == nil {
		g.Path = []string{}
	}
	ids := make([]int64, 0, len(members))
	var retained uint64
	for _, w := range members {
		ids = append(ids, int64(s.waiters[w].goroutine))
		holder := s.waiters[w].holder
		if whole := s.roots.Holders[holder].Parent; len(members) == s.groups[k.group].Count && s.roots.Holders[whole].Kind == graph.Group {
			retained = s.heap.Doms.Retained(s.heap.Graph.Node(whole))
		} else {
			retained += s.heap.Doms.Retained(s.heap.Graph.Node(holder))
		}
		g.StackBytes += s.stackBytes(s.waiters[w].g)
	}
	g.RetainedBytes = facts.Some(retained)
	slices.Sort(ids)
	for _, id := range ids {
		if n := len(g.GoidRanges); n > 0 && g.GoidRanges[n-1][1]+1 == id {
			g.GoidRanges[n-1][1] = id
		} else {
			g.GoidRanges = append(g.GoidRanges, [2]int64{id, id})
		}
	}
	return g
}

// maxStack bounds a stack that is believed, bytes.
const maxStack = 1 << 30

// stackBytes returns the size of the stack of the runtime.g at an address.
func (s *search) stackBytes(g image.Addr) uint64 {
	c := s.heap.Heap.Process().Image.Cursor()
	low, high := c.Addr(g+image.Addr(s.stackLow)), c.Addr(g+image.Addr(s.stackHigh))
	if c.Err() != nil || high < low || high-low > maxStack {
		return 0
	}
	return uint64(high - low)
}

// reason says why a waiter has its verdict.
func (w *waiter) reason(v verdict) string {
	what := w.what()
	switch v {
	case leaked:
		switch {
		case w.op == gosync.SelectNone:
			return "select {} never ends"
		case w.op == gosync.NilSend:
			return "a send to a nil channel never ends"
		case w.op == gosync.NilReceive:
			return "a receive from a nil channel never ends"
		case w.targets[0] == w.targets[1]:
			return "all channels of the select are nil"
		}
		return "nothing that can run refers to " + what
	case unused:
		if w.locks() {
			return "no code that is under way has to do with what leads to " + what
		}
		return "no code but that which waits has to do with what leads to " + what
	case stalled:
		return "no code that is under way has to do with what leads to " + what
	}
	return fmt.Sprintf("it has been waiting for %s for more than %v minutes", what, longWait.Minutes())
}

// what names what a waiter waits for.
func (w *waiter) what() string {
	switch {
	case w.op == gosync.Select && w.targets[1]-w.targets[0] > 1:
		return "a channel of the select"
	case onChannel(w.op):
		return "the channel"
	case w.op == gosync.WaitGroupWait:
		return "the wait group"
	case w.op == gosync.CondWait:
		return "the condition variable"
	}
	return "the lock"
}

// paths returns how a variable leads to what the first waiter of each gathering
// waits for, where only variables and finalizers do.
func (s *search) paths(ctx context.Context, verdicts []verdict, members map[gathering][]uint32) (map[gathering][]string, error) {
	paths := make(map[gathering][]string)
	wanted := make(map[uint32]bool) // objects
	for k, list := range members {
		w := &s.waiters[list[0]]
		if v := verdicts[list[0]]; v != unused && v != stalled {
			continue
		}
		for _, t := range s.targetsOf(w) {
			if t.object != goheap.NoObject {
				wanted[uint32(t.object)] = true
			} else if v, ok := s.heap.VariableAt(t.at); ok {
				paths[k] = []string{v.Name}
			}
		}
	}
	if len(wanted) == 0 {
		return paths, nil
	}
	found, err := s.shortest(ctx, wanted)
	for k, list := range members {
		w := &s.waiters[list[0]]
		for _, t := range s.targetsOf(w) {
			nodes := found[uint32(t.object)]
			if paths[k] == nil && nodes != nil {
				paths[k] = s.name(nodes, w)
			}
		}
	}
	return paths, err
}

// name writes a path whose last node is the object that holds what w waits for.
func (s *search) name(nodes []uint32, w *waiter) []string {
	path := s.heap.Path(nodes)
	o := goheap.Object(nodes[len(nodes)-1])
	for _, t := range s.targetsOf(w) {
		found, off, ok := s.heap.Heap.Find(t.at)
		if k := s.heap.Types.Of[o]; ok && found == o && k != 0 && off > 0 && len(path) > 0 && !onChannel(w.op) {
			path[len(path)-1] += s.heap.Types.FieldPath(k, uint64(off))
			break
		}
	}
	return path
}

// shortest finds shortest paths from variables, and from finalizers, to objects.
func (s *search) shortest(ctx context.Context, wanted map[uint32]bool) (map[uint32][]uint32, error) {
	g := s.heap.Graph
	parents := make([]uint32, g.Edges.Nodes())
	for i := range parents {
		parents[i] = dominator.None
	}
	var queue []uint32
	for i, h := range s.roots.Holders {
		if s.isProgram(uint32(i)) || h.Kind == graph.Finalizers {
			parents[g.Node(uint32(i))] = g.Root()
			queue = append(queue, g.Node(uint32(i)))
		}
	}
	found := make(map[uint32][]uint32)
	for n := 0; n < len(queue) && len(found) < len(wanted); n++ {
		if n%patience == 0 && ctx.Err() != nil {
			return found, ctx.Err()
		}
		v := queue[n]
		if wanted[v] {
			found[v] = s.ascend(parents, v)
		}
		for _, t := range s.marking.edges(v) {
			if parents[t] == dominator.None {
				parents[t] = v
				queue = append(queue, t)
			}
		}
	}
	return found, nil
}

// maxSteps bounds the nodes of a path: that to the end of a list is as long as the list.
const maxSteps = 1 << 12

// ascend returns the path to a node.
func (s *search) ascend(parents []uint32, v uint32) (path []uint32) {
	for ; v != s.heap.Graph.Root(); v = parents[v] {
		if len(path) == maxSteps {
			return nil
		}
		path = append(path, v)
	}
	slices.Reverse(path)
	return path
}
