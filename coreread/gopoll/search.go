package gopoll

import (
	"slices"

	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// hints are how far above the stack pointers of other goroutines what they were
// searched for was found, in bytes, most recent first. Goroutines park in few
// places, and each has its values where the others have them.
type hints struct {
	at [8]uint64
	n  int
}

func (h *hints) add(off uint64) {
	i := slices.Index(h.at[:h.n], off)
	if i < 0 {
		h.n = min(h.n+1, len(h.at))
		i = h.n - 1
	}
	copy(h.at[1:i+1], h.at[:i])
	h.at[0] = off
}

// search looks for a word that is wanted on the stack of g, which has left its
// thread, from its stack pointer on and over as many bytes as window says.
// What wanted accepts must be beyond doubt: words of calls long over are
// tried, too.
func (r *Reader) search(g *gort.Goroutine, window uint64, h *hints, wanted func(image.Addr) bool) (image.Addr, bool) {
	stack := r.parked(g, window)
	order := r.p.Image.ByteOrder()
	try := func(off uint64) (image.Addr, bool) {
		word := image.Addr(order.Uint64(stack[off:]))
		return word, plausible(g, word) && wanted(word)
	}
	for _, off := range h.at[:h.n] {
		if off+8 > uint64(len(stack)) {
			continue
		}
		if word, ok := try(off); ok {
			h.add(off)
			return word, true
		}
	}
	for off := uint64(0); off+8 <= uint64(len(stack)); off += 8 {
		if word, ok := try(off); ok {
			h.add(off)
			return word, true
		}
	}
	return 0, false
}

// parked returns the words of the stack of g, which has left its thread, from its
// stack pointer on and at most as many bytes as window says; nil where they cannot
// be read.
func (r *Reader) parked(g *gort.Goroutine, window uint64) []byte {
	sp, err := r.p.Image.Addr(g.Addr + image.Addr(r.offsets.g.schedSP))
	if err != nil || sp%8 != 0 || !g.Stack.Contains(sp) {
		return nil
	}
	return r.p.Image.Present(image.Range{Start: sp, End: sp + image.Addr(min(window, uint64(g.Stack.End-sp)))})
}

// plausible sorts out the words that are no pointers to structures: small numbers
// and the stack's own addresses.
func plausible(g *gort.Goroutine, word image.Addr) bool {
	return word%8 == 0 && word >= 1<<12 && !g.Stack.Contains(word)
}
