package waits_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postmortem/analyzer/waits"
)

// model is a graph in plain words, for an oracle that is too slow and too simple
// to be wrong in the same way.
type model struct {
	goroutines int
	modes      []waits.Mode
	waits      [][2]int // goroutine, lane
	holds      [][3]int // lane, goroutine, certainty
}

func (m *model) graph() *waits.Graph {
	g := waits.NewGraph(m.goroutines)
	for _, mode := range m.modes {
		g.AddLane(mode)
	}
	for _, w := range m.waits {
		g.Wait(uint32(w[0]), uint32(w[1]))
	}
	for _, h := range m.holds {
		g.Hold(uint32(h[0]), uint32(h[1]), waits.Certainty(h[2]))
	}
	return g
}

// stuck looks for what can move until nothing changes.
func (m *model) stuck() (goroutines, lanes []bool) {
	goroutines, lanes = make([]bool, m.goroutines), make([]bool, len(m.modes))
	for i := range goroutines {
		goroutines[i] = slices.ContainsFunc(m.waits, func(w [2]int) bool { return w[0] == i })
	}
	for i := range lanes {
		lanes[i] = true
	}
	for changed := true; changed; {
		changed = false
		for i, mode := range m.modes {
			held, still := 0, 0
			for _, h := range m.holds {
				if h[0] == i {
					held++
					if goroutines[h[1]] {
						still++
					}
				}
			}
			moves := false
			switch mode {
			case waits.Anyone:
				moves = true
			case waits.All:
				moves = still == 0
			case waits.Any:
				moves = held == 0 || still < held
			}
			if moves && lanes[i] {
				lanes[i], changed = false, true
			}
		}
		for _, w := range m.waits {
			if goroutines[w[0]] && !lanes[w[1]] {
				goroutines[w[0]], changed = false, true
			}
		}
	}
	return goroutines, lanes
}

const far = 1 << 20

// distances are the fewest steps between goroutines among what is stuck, by steps
// that are at least so sure; that of a goroutine to itself is its shortest circle.
func (m *model) distances(least int) [][]int {
	stuck, lanes := m.stuck()
	d := make([][]int, m.goroutines)
	for i := range d {
		d[i] = slices.Repeat([]int{far}, m.goroutines)
	}
	for _, w := range m.waits {
		for _, h := range m.holds {
			if w[1] == h[0] && stuck[w[0]] && lanes[w[1]] && stuck[h[1]] && h[2] >= least {
				d[w[0]][h[1]] = 1
			}
		}
	}
	for k := range d {
		for i := range d {
			for j := range d {
				d[i][j] = min(d[i][j], d[i][k]+d[k][j])
			}
		}
	}
	return d
}

// knots are the sets of goroutines that reach each other, by their lowest.
func (m *model) knots() map[int][]uint32 {
	d, all := m.distances(1), map[int][]uint32{}
	for i := range d {
		if d[i][i] >= far {
			continue
		}
		lowest := slices.IndexFunc(d[i], func(n int) bool { return n < far })
		for d[lowest][i] >= far {
			lowest++
			for d[i][lowest] >= far {
				lowest++
			}
		}
		all[lowest] = append(all[lowest], uint32(i))
	}
	return all
}

func randomModel(r *rand.Rand, several bool) *model {
	m := &model{goroutines: 1 + r.IntN(9)}
	for range 1 + r.IntN(8) {
		mode := waits.All
		if several {
			mode = waits.Mode(r.IntN(4))
		}
		m.modes = append(m.modes, mode)
	}
	for i := range m.goroutines {
		n := r.IntN(3)
		if !several {
			n = min(n, 1)
		}
		for range n {
			m.waits = append(m.waits, [2]int{i, r.IntN(len(m.modes))})
		}
	}
	for range r.IntN(12) {
		m.holds = append(m.holds, [3]int{r.IntN(len(m.modes)), r.IntN(m.goroutines), 1 + r.IntN(3)})
	}
	return m
}

// TestKnots holds the knots and their circles of random graphs against the oracle.
func TestKnots(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	found := 0
	for i := range 20000 {
		m := randomModel(r, i%2 == 0)
		s := m.graph().Solve(100, 100)
		want, got := m.knots(), map[int][]uint32{}
		for _, k := range s.Knots {
			got[int(k.Members[0])] = k.Members
			checkCycle(t, m, k)
			found++
		}
		if diff := cmp.Diff(want, got); diff != "" || s.KnotsTotal != len(want) {
			t.Fatalf("graph %+v: knots (-oracle +found):\n%s", m, diff)
		}
	}
	if found < 1000 {
		t.Errorf("only %d knots in all graphs: they test nothing", found)
	}
}

func checkCycle(t *testing.T, m *model, k waits.Knot) {
	t.Helper()
	sure, shortest := waits.Certainty(0), far
	for least := 3; least >= 1 && shortest == far; least-- {
		d := m.distances(least)
		for _, v := range k.Members {
			shortest = min(shortest, d[v][v])
		}
		sure = waits.Certainty(least)
	}
	if len(k.Cycle) != shortest || k.Certainty > sure {
		t.Fatalf("graph %+v: cycle %+v (%d), the surest is %d and has %d steps", m, k.Cycle, k.Certainty, sure, shortest)
	}
	for i, s := range k.Cycle {
		next := k.Cycle[(i+1)%len(k.Cycle)]
		waiting := slices.Contains(m.waits, [2]int{int(s.Goroutine), int(s.Lane)})
		held := slices.ContainsFunc(m.holds, func(h [3]int) bool {
			return h[0] == int(s.Lane) && h[1] == int(next.Goroutine) && h[2] >= int(sure)
		})
		if !waiting || !held || s.Goroutine < k.Cycle[0].Goroutine {
			t.Fatalf("graph %+v: step %d of %+v is none", m, i, k.Cycle)
		}
	}
}

// TestHeads holds the heads of graphs in which goroutines wait for one lane each
// against the oracle: then who is behind whom needs no choice.
func TestHeads(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	found := 0
	for range 20000 {
		m := randomModel(r, false)
		want := m.heads()
		got := map[uint32][2]int{}
		s := m.graph().Solve(100, 100)
		for _, h := range s.Heads {
			if !h.InKnot {
				got[h.Goroutine] = [2]int{h.Direct, h.Total}
				found++
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("graph %+v: heads (-oracle +found):\n%s", m, diff)
		}
		if !slices.IsSortedFunc(s.Heads, func(a, b waits.Head) int { return b.Total - a.Total }) {
			t.Fatalf("graph %+v: heads are not sorted: %+v", m, s.Heads)
		}
	}
	if found < 1000 {
		t.Errorf("only %d heads in all graphs: they test nothing", found)
	}
}

// heads are the goroutines that wait for none and have others behind them: how many
// directly and how many in all.
func (m *model) heads() map[uint32][2]int {
	ahead := make([][]bool, m.goroutines) // of a goroutine, whom it waits for
	for i := range ahead {
		ahead[i] = make([]bool, m.goroutines)
	}
	for _, w := range m.waits {
		for _, h := range m.holds {
			if w[1] == h[0] {
				ahead[w[0]][h[1]] = true
			}
		}
	}
	direct := make([]int, m.goroutines)
	for i := range ahead {
		for j := range ahead[i] {
			if ahead[i][j] {
				direct[j]++
			}
		}
	}
	waiting := make([]bool, m.goroutines)
	for i := range ahead {
		waiting[i] = slices.Contains(ahead[i], true)
	}
	for k := range ahead {
		for i := range ahead {
			for j := range ahead {
				ahead[i][j] = ahead[i][j] || ahead[i][k] && ahead[k][j]
			}
		}
	}
	heads := map[uint32][2]int{}
	for j := range ahead {
		total := 0
		for i := range ahead {
			if ahead[i][j] {
				total++
			}
		}
		if total > 0 && !waiting[j] {
			heads[uint32(j)] = [2]int{direct[j], total}
		}
	}
	return heads
}

// TestSelectIsNoDeadlock: a goroutine that waits in two lanes is in a deadlock only
// if nothing can happen in either.
func TestSelectIsNoDeadlock(t *testing.T) {
	for _, test := range []struct {
		other waits.Mode
		knots int
	}{{waits.Anyone, 0}, {waits.All, 0}, {waits.Never, 1}} {
		t.Run(fmt.Sprint(test.other), func(t *testing.T) {
			g := waits.NewGraph(2)
			a, b, other := g.AddLane(waits.All), g.AddLane(waits.Any), g.AddLane(test.other)
			g.Wait(0, a)
			g.Hold(a, 1, waits.Proven)
			g.Wait(1, b)
			g.Wait(1, other)
			g.Hold(b, 0, waits.Proven)
			if s := g.Solve(10, 10); s.KnotsTotal != test.knots {
				t.Errorf("%d knots, want %d", s.KnotsTotal, test.knots)
			}
		})
	}
}

// TestPileGrowsStraight: what takes quadratic time in a queue, a chain, a ring or
// behind many readers would take minutes here.
func TestPileGrowsStraight(t *testing.T) {
	const n = 200_000
	shapes := map[string]func(g *waits.Graph){
		"queue": func(g *waits.Graph) {
			lane := g.AddLane(waits.All)
			g.Hold(lane, 0, waits.Likely)
			for i := uint32(1); i < n; i++ {
				g.Wait(i, lane)
			}
		},
		"chain": func(g *waits.Graph) {
			for i := uint32(1); i < n; i++ {
				lane := g.AddLane(waits.All)
				g.Hold(lane, i-1, waits.Likely)
				g.Wait(i, lane)
			}
		},
		"ring": func(g *waits.Graph) {
			for i := range uint32(n) {
				lane := g.AddLane(waits.All)
				g.Hold(lane, i, waits.Likely)
				g.Wait((i+1)%n, lane)
			}
		},
		"readers": func(g *waits.Graph) {
			writers, readers := g.AddLane(waits.All), g.AddLane(waits.All)
			g.Hold(writers, 0, waits.Proven)
			g.Wait(0, readers)
			for i := uint32(1); i < n/2; i++ {
				g.Hold(readers, i, waits.Likely)
				g.Wait(i+n/2, writers)
			}
		},
		"pairs": func(g *waits.Graph) {
			for i := uint32(0); i < n; i += 2 {
				a, b := g.AddLane(waits.All), g.AddLane(waits.All)
				g.Hold(a, i, waits.Likely)
				g.Hold(b, i+1, waits.Likely)
				g.Wait(i, b)
				g.Wait(i+1, a)
			}
		},
		"many locks of one": func(g *waits.Graph) {
			for i := uint32(1); i < n; i++ {
				lane := g.AddLane(waits.All)
				g.Hold(lane, 0, waits.Likely)
				g.Wait(i, lane)
			}
		},
	}
	totals := map[string]int{"queue": n - 1, "chain": n - 1, "ring": n - 1, "readers": n / 2, "pairs": 1, "many locks of one": n - 1}
	for name, fill := range shapes {
		t.Run(name, func(t *testing.T) {
			g := waits.NewGraph(n)
			fill(g)
			start := time.Now()
			s := g.Solve(100, 100)
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
			if s.Heads[0].Total != totals[name] {
				t.Errorf("%d behind the first, want %d", s.Heads[0].Total, totals[name])
			}
		})
	}
}
