package waits

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"postmortem/analyzer/facts"
	"postmortem/analyzer/graph"
	"postmortem/analyzer/leaks"
	"postmortem/coreread/image"
)

// findLeaks finds the leaked goroutines.
func (b *book) findLeaks(ctx context.Context) {
	if b.in.Heap != nil && b.poll != nil {
		b.leaks, b.leaksErr = leaks.Find(ctx, b.in.Heap, b.sync, b.poll, b.in.Goroutines)
	}
}

// holdLeaked enters that nobody will do anything about what the goroutines wait for
// that are proven to be leaked, and who could have. The problem says why nothing is
// known.
func (b *book) holdLeaked() (problem string) {
	switch {
	case b.in.Heap == nil:
		return "without the heap, leaked goroutines and what refers to channels are not known"
	case b.leaksErr != nil:
		return fmt.Sprintf("looking for leaked goroutines: %v", b.leaksErr)
	case b.leaks == nil:
		return "" // what is not known has been said
	}
	proven := make([]bool, len(b.in.Goroutines.List))
	for _, g := range b.leaks.Groups {
		if g.Verdict != facts.ConfidenceProven {
			continue
		}
		for _, r := range g.GoidRanges {
			for id := r[0]; id <= r[1]; id++ {
				if n, ok := b.number(uint64(id)); ok {
					proven[n] = true
				}
			}
		}
	}
	for _, e := range b.edges {
		if proven[e.goroutine] {
			b.resources[e.resource].never = true
		}
	}
	b.holdReferrers()
	return ""
}

// holdReferrers enters who refers to the channels and wait groups that leaked goroutines
// wait for. Those will not act: they are leaked themselves, or the others were
// not. It tells who waits for whom.
func (b *book) holdReferrers() {
	wanted := map[image.Addr]uint32{}
	var filter addressFilter
	for i := range b.resources {
		if r := &b.resources[i]; r.never && (r.kind == facts.ResourceChannel || r.kind == facts.ResourceWaitGroup) {
			wanted[r.at] = uint32(i)
			filter.add(r.at)
		}
	}
	if len(wanted) == 0 {
		return
	}
	roots := b.in.Heap.Graph.Roots
	seen := map[[2]uint32]bool{} // resource, goroutine
	for i := range roots.Slots {
		s := &roots.Slots[i]
		if s.Conservative || !filter.has(s.Value) || roots.Holders[s.Holder].Kind != graph.Goroutine {
			continue
		}
		r, ok := wanted[s.Value]
		if !ok {
			continue
		}
		n, ok := b.number(roots.Holders[s.Holder].ID)
		if !ok || seen[[2]uint32{r, n}] || b.waitsFor(n, r) {
			continue
		}
		seen[[2]uint32{r, n}] = true
		b.resources[r].hold(facts.Holder{
			Goroutine: b.id(n), Confidence: facts.ConfidencePossible, Evidence: []string{"a variable on its stack that is still in use leads to it"},
		})
	}
	for _, i := range wanted {
		b.resources[i].sortHolders()
	}
}

// sortHolders sorts holders by goroutine. Whoever is alone in leading to a channel
// is likely to be the one; for a wait group all have to act.
func (r *resource) sortHolders() {
	for i := range r.holders {
		if len(r.holders) == 1 || r.kind == facts.ResourceWaitGroup {
			r.holders[i].Confidence = facts.ConfidenceLikely
		}
	}
	slices.SortFunc(r.holders, func(a, b facts.Holder) int { return cmp.Compare(a.Goroutine, b.Goroutine) })
}

// addressFilter is a set of addresses that may hold more than were added.
type addressFilter [1 << 14]uint64

func (f *addressFilter) place(a image.Addr) (word uint32, bit uint64) {
	h := uint32(uint64(a) >> 3 * 0x9e3779b97f4a7c15 >> 44) // 20 bits
	return h / 64, 1 << (h % 64)
}

func (f *addressFilter) add(a image.Addr) {
	word, bit := f.place(a)
	f[word] |= bit
}

func (f *addressFilter) has(a image.Addr) bool {
	word, bit := f.place(a)
	return f[word]&bit != 0
}
