package analyzer

import (
	"context"

	"postmortem/analyzer/waits"
)

// describeWaits fills who waits for whom.
func (a *analysis) describeWaits(ctx context.Context) {
	a.doc.Waits, a.waitsProblem = waits.Describe(ctx, waits.Input{
		Snapshot: a.snap, Goroutines: a.doc.Goroutines, Clocks: a.clocks,
		Heap: a.heap, ShowValues: a.cfg.ShowValues,
	})
}
