package dominator

import (
	"flag"
	"fmt"
	"testing"
)

var benchNodes = flag.Int("nodes", 1_000_000, "nodes of the benchmarks' graph")

// eachHeap runs a benchmark on heap-like graphs: one whose nodes almost all hang
// below the root, and one where they do below one map.
func eachHeap(b *testing.B, run func(b *testing.B, g *Graph)) {
	for _, owned := range []bool{false, true} {
		g := heapLike(*benchNodes, owned)
		b.Run(fmt.Sprintf("owned=%v", owned), func(b *testing.B) {
			run(b, g)
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(g.Nodes()), "ns/node")
		})
	}
}

func BenchmarkCompute(b *testing.B) {
	eachHeap(b, func(b *testing.B, g *Graph) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Compute(b.Context(), g, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkRetain(b *testing.B) {
	eachHeap(b, func(b *testing.B, g *Graph) {
		tree, err := Compute(b.Context(), g, 0)
		if err != nil {
			b.Fatal(err)
		}
		sizes := make([]uint64, g.Nodes())
		for b.Loop() {
			tree.Retain(sizes)
		}
	})
}

func BenchmarkReachable(b *testing.B) {
	eachHeap(b, func(b *testing.B, g *Graph) {
		for b.Loop() {
			if _, err := Reachable(b.Context(), g, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkPaths(b *testing.B) {
	eachHeap(b, func(b *testing.B, g *Graph) {
		for b.Loop() {
			if _, err := Paths(b.Context(), g, 0, uint32(g.Nodes()-1), uint32(g.Nodes()/2)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
