package dominator

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// randomLadder is a forest of n nodes; reach is how far up a parent may be.
func randomLadder(r *rand.Rand, n, reach int) ladder {
	l := ladder{up: make([]uint32, n)}
	for i := range l.up {
		l.up[i] = uint32(i)
		if i > 0 && r.IntN(30) != 0 {
			l.up[i] = uint32(i - 1 - r.IntN(min(i, reach)))
		}
	}
	return l
}

// wayUp is a node and its ancestors.
func (l *ladder) wayUp(i uint32) []uint32 {
	way := []uint32{i}
	for ; l.up[i] != i; i = l.up[i] {
		way = append(way, l.up[i])
	}
	return way
}

func TestLadder(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 3))
		plain := randomLadder(r, 1+r.IntN(90), 1+r.IntN(1+int(seed)))
		jumping := ladder{up: plain.up}
		jumping.build(len(plain.up))
		for a := range uint32(len(plain.up)) {
			way := plain.wayUp(a)
			for b := range a {
				other := plain.wayUp(b)
				for _, l := range []*ladder{&plain, &jumping} {
					i := slices.IndexFunc(way, func(v uint32) bool { return slices.Contains(other, v) })
					if i >= 0 && (l.common(a, b) != way[i] || l.common(b, a) != way[i]) {
						t.Fatalf("common(%d, %d) = %d, want %d", a, b, l.common(a, b), way[i])
					}
					if root := way[len(way)-1]; root > b {
						continue
					}
					i = slices.IndexFunc(way, func(v uint32) bool { return v <= b })
					if got := l.lastAbove(a, b); got != way[i-1] {
						t.Fatalf("lastAbove(%d, %d) = %d, want %d", a, b, got, way[i-1])
					}
				}
			}
		}
	}
}
