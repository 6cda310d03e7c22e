package analyzer

import (
	"context"
	"flag"
	"testing"
	"time"

	"postmortem/coreread"
	"postmortem/internal/testcores"
)

var (
	benchCore   = flag.String("core", "", "core of BenchmarkWaits instead of a committed one; with -binary")
	benchBinary = flag.String("binary", "", "binary of -core")
)

// BenchmarkWaits times what goroutines wait for against all that comes before it in a
// report without the heap, from opening the core on, and reports the ratio of the two.
func BenchmarkWaits(b *testing.B) {
	cfg := coreread.Config{Core: *benchCore, Binary: *benchBinary}
	if cfg.Core == "" {
		c := testcores.Get(b, "waits-shapes-1.27.3-plain")
		cfg = coreread.Config{Core: c.CorePath(b), Binary: c.BinaryPath(b)}
	}
	ctx := context.Background()
	var before, waits time.Duration
	for b.Loop() {
		start := time.Now()
		snap, err := coreread.Open(ctx, cfg)
		if err != nil {
			b.Fatal(err)
		}
		a := begin(ctx, snap, Config{NoHeap: true})
		a.describeThreads()
		a.describeScheduler()
		a.describeGC()
		a.describeCrash(ctx)
		before += time.Since(start)
		start = time.Now()
		a.describeWaits(ctx)
		waits += time.Since(start)
		if err := snap.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(before.Milliseconds())/float64(b.N), "ms/goroutines")
	b.ReportMetric(float64(waits.Milliseconds())/float64(b.N), "ms/waits")
	b.ReportMetric(float64(waits)/float64(before), "waits/goroutines")
}
