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

	funcs     map[image.Addr]timerFunc  // by func value
	forms     map[image.Addr]addrForm   // by itab
	byChannel map[image.Addr]timerPlace // nil until asked for
	told      map[string]bool           // gaps that are in the ledger

	descs, owners hints
	fds           fdReader
	net           netReader
}

// New prepares the reading.
func New(p *gort.Process) (*Reader, error) {
	r := &Reader{p: p, funcs: map[image.Addr]timerFunc{}, forms: map[image.Addr]addrForm{}, told: map[string]bool{}}
	if err := r.offsets.bind(p.Layout()); err != nil {
		return nil, fmt.Errorf("finding pollers and timers in %s: %w", p.Exe.GoVersion(), err)
	}
	return r, nil
}
