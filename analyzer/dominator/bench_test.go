package dominator

import (
	"flag"
	"runtime"
	"testing"
)

var benchNodes = flag.Int("nodes", 1_000_000, "nodes of the benchmarks' graph")

func describe(b *testing.B, g *Graph) {
	in := make([]uint8, g.Nodes())
	for _, t := range g.Targets {
		in[t] = min(in[t]+1, 2)
	}
	leaves, single := 0, 0
	for v := range in {
		if g.leaf(uint32(v)) {
			leaves++
		}
		if in[v] == 1 {
			single++
		}
	}
	n := float64(g.Nodes())
	b.Logf("%.0f nodes, %.2f edges per node, %.0f%% leaves, %.0f%% with one edge in", n, float64(len(g.Targets))/n, 100*float64(leaves)/n, 100*float64(single)/n)
}

func BenchmarkCompute(b *testing.B) {
	g := heapLike(*benchNodes, true)
	describe(b, g)
	for b.Loop() {
		runtime.GC()
		t, e, err := compute(b.Context(), g, 0)
		if err != nil {
			b.Fatal(err)
		}
		_ = t
		b.ReportMetric(float64(e.compressed)/float64(g.Nodes()), "compressed/node")
		b.ReportMetric(float64(e.ascended)/float64(g.Nodes()), "ascended/node")
	}
}
