// Package gopoll is what wakes goroutines from outside of their program: file
// descriptors in the runtime's network poller, timers and sleeps, and which
// connections and files the descriptors belong to.
//
// It reads what the runtime and the packages net and os keep of them in memory.
// It knows nothing of channels and locks, and asks no kernel: what a descriptor
// of another library is, it cannot say.
package gopoll

import (
	"fmt"

	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// Reader reads pollers and timers of one process. It is not safe for concurrent
// use, nor beside other methods of its gort.Process.
type Reader struct {
	p       *gort.Process
	offsets offsets
}

// New prepares the reading.
func New(p *gort.Process) (*Reader, error) {
	r := &Reader{p: p}
	if err := r.offsets.bind(p.Layout()); err != nil {
		return nil, fmt.Errorf("finding pollers and timers in %s: %w", p.Exe.GoVersion(), err)
	}
	return r, nil
}

const effect = "what these goroutines wait for from outside is not known"

func (r *Reader) gap(what string, at image.Addr, n uint64) {
	r.p.AddGap(gort.Gap{What: what, Addr: at, Bytes: n, Effect: effect})
}
