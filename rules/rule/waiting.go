package rule

import (
	"cmp"
	"fmt"
	"slices"

	"postmortem/analyzer/facts"
)

// Resource finds a resource by its id, and its place in the list; nil and -1 when
// it is not listed.
func Resource(doc *facts.Document, id int) (*facts.Resource, int) {
	if doc.Waits == nil {
		return nil, -1
	}
	i := slices.IndexFunc(doc.Waits.Resources, func(r facts.Resource) bool { return r.ID == id })
	if i < 0 {
		return nil, -1
	}
	return &doc.Waits.Resources[i], i
}

// ResourceRef is the JSON Pointer of the resource at a place of the list.
func ResourceRef(i int) string { return fmt.Sprintf("/waits/resources/%d", i) }

// IsLock reports whether a resource is one that a goroutine holds: a sync.Mutex, a
// sync.RWMutex, or the lock of a sync.Once while its function runs.
func IsLock(r *facts.Resource) bool {
	return r.Kind == facts.ResourceMutex || r.Kind == facts.ResourceRWMutex || r.Kind == facts.ResourceOnce
}

// Leaked reports whether it is proven that nothing will ever wake a goroutine.
func Leaked(doc *facts.Document, goroutine int64) bool {
	if doc.Waits == nil || doc.Waits.Leaks == nil {
		return false
	}
	return slices.ContainsFunc(doc.Waits.Leaks.Groups, func(g facts.LeakGroup) bool {
		return g.Verdict == facts.ConfidenceProven && in(g.GoidRanges, goroutine)
	})
}

func in(ranges [][2]int64, id int64) bool {
	return slices.ContainsFunc(ranges, func(r [2]int64) bool { return r[0] <= id && id <= r[1] })
}

// Timer is what a goroutine waits for that a timer ends; nil when none does, or when
// it waits for other things as well.
func Timer(doc *facts.Document, goroutine int64) *facts.TimerState {
	var found *facts.TimerState
	n := 0
	for _, e := range doc.Waits.Edges {
		if e.Goroutine != goroutine {
			continue
		}
		n++
		if r, _ := Resource(doc, e.Resource); r != nil && r.Timer != nil {
			found = r.Timer
		} else if r != nil && r.Channel != nil {
			found = r.Channel.Timer
		}
	}
	if n != 1 {
		return nil
	}
	return found
}

// Called is a resource as a sentence names it: "main.Store.mu", "chan main.Job at
// 0xc000012345".
func Called(r *facts.Resource) string {
	name := "a " + string(r.Kind)
	if r.Kind == facts.ResourceOnce {
		name = "a sync.Once"
	}
	switch {
	case r.Name.Known && r.Name.V != "":
		return TypeName(r.Name.V)
	case r.Type.Known && r.Type.V != "":
		name = TypeName(r.Type.V)
	}
	if r.Address.Known {
		name += fmt.Sprintf(" at %#x", uint64(r.Address.V))
	}
	return name
}

// Waiters are the goroutines that the document lists as waiting for a resource. It
// lists a bounded number of waits, so that they may be fewer than its WaiterCount.
func Waiters(doc *facts.Document, id int) facts.FindingGoroutines {
	var ids []int64
	for _, e := range doc.Waits.Edges {
		if e.Resource == id {
			ids = append(ids, e.Goroutine)
		}
	}
	return These(ids...)
}

// These are the goroutines with the ids, each once, as ranges.
func These(ids ...int64) facts.FindingGoroutines {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	out := facts.FindingGoroutines{Count: len(ids)}
	for _, id := range ids {
		if n := len(out.GoidRanges); n > 0 && out.GoidRanges[n-1][1] == id-1 {
			out.GoidRanges[n-1][1] = id
			continue
		}
		out.GoidRanges = append(out.GoidRanges, [2]int64{id, id})
	}
	return out
}

// GroupsOf are the groups that goroutines are in, each once.
func GroupsOf(doc *facts.Document, of facts.FindingGoroutines) []int {
	var ids []int
	if doc.Goroutines == nil {
		return nil
	}
	list := doc.Goroutines.List
	for _, r := range of.GoidRanges {
		i, _ := slices.BinarySearchFunc(list, r[0], func(g facts.Goroutine, id int64) int { return cmp.Compare(g.ID, id) })
		for ; i < len(list) && list[i].ID <= r[1]; i++ {
			ids = append(ids, list[i].Group)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Stands is where a goroutine stands and what it does there: "chan send in
// main.(*Hub).notify (hub.go:143)"; "" when that is not known.
func Stands(doc *facts.Document, goroutine int64) string {
	g := GroupOf(doc, goroutine)
	if g == nil {
		return ""
	}
	s := State(g)
	if at := Where(g); at != "" {
		s += " in " + at
	}
	return s
}

// Weaker is the less certain of two confidences.
func Weaker(a, b facts.Confidence) facts.Confidence {
	order := []facts.Confidence{facts.ConfidencePossible, facts.ConfidenceLikely, facts.ConfidenceProven}
	if slices.Index(order, a) < slices.Index(order, b) {
		return a
	}
	return b
}

// InCycle reports whether a resource is a leg of a deadlock.
func InCycle(doc *facts.Document, id int) bool {
	return slices.ContainsFunc(doc.Waits.Cycles, func(c facts.WaitCycle) bool { return slices.Contains(c.Resources, id) })
}

// Kept is the holder of a resource that is best known; nil when none is.
func Kept(r *facts.Resource) *facts.Holder {
	var best *facts.Holder
	for i := range r.Holders {
		h := &r.Holders[i]
		if best == nil || h.Confidence != best.Confidence && Weaker(h.Confidence, best.Confidence) == best.Confidence {
			best = h
		}
	}
	return best
}

// Pile is how many goroutines that wait at one place are too many to be normal: a
// pool of workers or a queue for a lock rarely has as many.
const Pile = 20
