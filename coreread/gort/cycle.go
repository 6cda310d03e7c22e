package gort

import "postmortem/coreread/image"

// Cycle is a run of frames that repeats again and again: a runaway recursion.
type Cycle struct {
	Start   int    // index in Stack.Inner of the first frame of the first round
	Length  int    // frames in one round
	Repeats uint64 // whole rounds that follow one another
}

// Bounds of what counts as runaway recursion: at least minRounds rounds of at
// most maxCycle frames, seen within the frames that a Stack keeps.
const (
	maxCycle  = 24
	minRounds = 3
)

// cycleWatch finds a cycle among the innermost frames and counts how far out it goes.
type cycleWatch struct {
	start, length int
	round         []image.Addr
	at            int
	matched       uint64 // frames that fit, from start on
	ended         bool
}

// begin looks for the shortest cycle in which the innermost frames end.
func (w *cycleWatch) begin(inner []Frame) {
	n := len(inner)
	for length := 1; length <= maxCycle; length++ {
		start := n - length
		for start > 0 && inner[start-1].PC == inner[start-1+length].PC {
			start--
		}
		if n-start < minRounds*length {
			continue
		}
		w.start, w.length, w.matched = start, length, uint64(n-start)
		for _, f := range inner[n-length:] {
			w.round = append(w.round, f.PC)
		}
		return
	}
}

// follow looks at the next frame outwards.
func (w *cycleWatch) follow(pc image.Addr) {
	if w.length == 0 || w.ended {
		return
	}
	if w.round[w.at] != pc {
		w.ended = true
		return
	}
	w.matched++
	if w.at++; w.at == w.length {
		w.at = 0
	}
}

func (w *cycleWatch) cycle() *Cycle {
	if w.length == 0 {
		return nil
	}
	return &Cycle{Start: w.start, Length: w.length, Repeats: w.matched / uint64(w.length)}
}
