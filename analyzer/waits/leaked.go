package waits

import (
	"context"
	"fmt"

	"postmortem/analyzer/facts"
	"postmortem/analyzer/leaks"
)

// findLeaks finds the leaked goroutines, and enters that nobody will do anything
// about what those wait for that are proven to be. The problem says why nothing
// is known.
func (b *book) findLeaks(ctx context.Context) (problem string) {
	if b.in.Heap == nil || b.sync == nil || b.poll == nil {
		return ""
	}
	var err error
	if b.leaks, err = leaks.Find(ctx, b.in.Heap, b.sync, b.poll, b.in.Goroutines); err != nil {
		return fmt.Sprintf("looking for leaked goroutines: %v", err)
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
	return ""
}
