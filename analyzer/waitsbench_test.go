package analyzer

import (
	"context"
	"flag"
	"io"
	"testing"
	"time"

	"postmortem/coreread"
	"postmortem/internal/testcores"
	"postmortem/report"
)

var (
	benchCore   = flag.String("core", "", "core of BenchmarkWaits instead of a committed one; with -binary")
	benchBinary = flag.String("binary", "", "binary of -core")
)

// BenchmarkWaits times what goroutines wait for and which of them are leaked against
// the rest of a report, from opening the core to writing JSON, and reports the
// ratio of the two. What only reads the heap is in neither.
func BenchmarkWaits(b *testing.B) {
	b.Run("heap", func(b *testing.B) { benchmarkWaits(b, false) })
	b.Run("no-heap", func(b *testing.B) { benchmarkWaits(b, true) })
}

func benchmarkWaits(b *testing.B, noHeap bool) {
	cfg := coreread.Config{Core: *benchCore, Binary: *benchBinary}
	if cfg.Core == "" {
		c := testcores.Get(b, "waits-shapes-1.27.3-plain")
		cfg = coreread.Config{Core: c.CorePath(b), Binary: c.BinaryPath(b)}
	}
	ctx := context.Background()
	var rest, waits time.Duration
	for b.Loop() {
		start := time.Now()
		snap, err := coreread.Open(ctx, cfg)
		if err != nil {
			b.Fatal(err)
		}
		a := begin(ctx, snap, Config{NoHeap: noHeap})
		a.describeThreads()
		a.describeScheduler()
		a.describeGC()
		a.describeCrash(ctx)
		rest += time.Since(start)
		a.describeHeap(ctx)
		start = time.Now()
		a.describeWaits(ctx)
		waits += time.Since(start)
		start = time.Now()
		a.doc.Waits, a.doc.Heap = nil, nil
		a.judge()
		a.describeCompleteness()
		if err := report.Render(io.Discard, report.Config{Format: report.JSON}, report.NewView(a.doc)); err != nil {
			b.Fatal(err)
		}
		rest += time.Since(start)
		if err := snap.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rest.Milliseconds())/float64(b.N), "ms/goroutines")
	b.ReportMetric(float64(waits.Milliseconds())/float64(b.N), "ms/waits")
	b.ReportMetric(float64(waits)/float64(rest), "waits/goroutines")
}
