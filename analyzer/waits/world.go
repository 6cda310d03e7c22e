package waits

import (
	"fmt"

	"postmortem/analyzer/facts"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// The runtime's own resources, by label.
const (
	theWorld   = "the world" // to be stopped
	safePoints = "a safe point of every processor"
)

// holdRuntime enters who holds up a stop of the world, the collector's wait for
// safe points, and those who wait for either.
func (b *book) holdRuntime() {
	if s := b.process.StopTheWorld(); s != nil && s.InProgress {
		if !s.Complete {
			b.holdUp(theWorld, s.Goroutine, s.Waiting)
		}
		b.holdWorld(s)
	}
	if barrier := b.process.Barrier(); barrier != nil {
		b.holdUp(safePoints, barrier.Goroutine, barrier.Waiting)
		b.holdKind(facts.ResourceGC, barrier.Goroutine, "the collection waits for safe points on its behalf")
	}
}

// holdUp enters a goroutine that waits until all processors have stopped or passed
// a safe point, and those that run on.
func (b *book) holdUp(label string, waits image.Addr, running []gort.NotStopped) {
	n, known := b.numberAt(waits)
	r := b.resource(key{kind: facts.ResourceWorld, label: label}, n, waits)
	if known {
		edges := b.edgesOf(n)
		if len(edges) == 0 {
			b.add(edge{goroutine: n, resource: r, op: facts.OpWait, selectCase: -1})
		}
		for i := range edges { // it has been entered by its wait reason, which does not tell which of the two
			if b.resources[edges[i].resource].kind == facts.ResourceWorld {
				edges[i].resource = r
			}
		}
	}
	for _, w := range running {
		g, ok := b.numberAt(w.Goroutine)
		if !ok || g == n && known {
			continue
		}
		h := facts.Holder{
			Goroutine: b.id(g), Confidence: facts.ConfidenceProven,
			Evidence: []string{fmt.Sprintf("processor %d has not stopped: %s", w.Processor.ID, w.Doing)},
		}
		if w.Dying {
			// A signal from outside hits who runs; a panic keeps its processor, too.
			h.Confidence = facts.ConfidenceLikely
			h.Evidence = append(h.Evidence, "the process was about to die on its thread")
		}
		b.resources[r].hold(h)
	}
}

// holdWorld enters that who stops the world holds what others wait for that want
// to do the same, and what waits for the collector.
func (b *book) holdWorld(s *gort.StopTheWorld) {
	n, ok := b.numberAt(s.Goroutine)
	if !ok {
		return
	}
	reason := "it stops the world"
	if s.Reason != "" {
		reason += ": " + s.Reason
	}
	if a, _, err := b.in.Snapshot.Exe.Global("runtime.worldsema"); err == nil {
		if i, ok := b.find(key{kind: facts.ResourceSemaphore, at: a.Add(b.in.Snapshot.Bias)}); ok {
			b.resources[i].hold(facts.Holder{Goroutine: b.id(n), Confidence: facts.ConfidenceLikely, Evidence: []string{reason}})
		}
	}
	b.holdKind(facts.ResourceGC, s.Goroutine, reason)
}

// holdKind enters a holder of the only resource of a kind, if somebody waits for it.
func (b *book) holdKind(kind facts.ResourceKind, g image.Addr, evidence string) {
	i, waited := b.find(key{kind: kind})
	n, ok := b.numberAt(g)
	if waited && ok {
		b.resources[i].hold(facts.Holder{Goroutine: b.id(n), Confidence: facts.ConfidenceLikely, Evidence: []string{evidence}})
	}
}

// hold enters a holder.
func (r *resource) hold(h facts.Holder) { r.holders = append(r.holders, h) }

// numberAt returns the index of the goroutine whose runtime.g is at an address.
func (b *book) numberAt(g image.Addr) (uint32, bool) {
	if g == 0 {
		return 0, false
	}
	read, err := b.process.GoroutineAt(g)
	if err != nil {
		return 0, false
	}
	return b.number(read.ID)
}
