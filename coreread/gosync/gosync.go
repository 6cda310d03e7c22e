// Package gosync is what goroutines wait for inside of Go: channels, and through
// the runtime's semaphores and notify lists the locks, wait groups and condition
// variables of package sync and the locks of file descriptors, each with its state
// words decoded.
//
// It reads the runtime's own records and says which address a goroutine waits
// for; whose variable lies there, who holds a lock and what will wake anybody is
// not its business, nor is what wakes goroutines from outside: the network poller,
// timers and system calls.
package gosync

import (
	"fmt"

	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// Reader finds out what the goroutines of one process wait for. It is not safe
// for concurrent use, nor beside other methods of its gort.Process.
type Reader struct {
	p       *gort.Process
	offsets offsets
	memory  memory
}

// New prepares the reading. It fails for a Go version whose channels and waiting
// goroutines no table, descriptor or debug information describes.
func New(p *gort.Process) (*Reader, error) {
	r := &Reader{p: p, memory: newMemory(p.Image)}
	if err := r.offsets.bind(p.Layout()); err != nil {
		return nil, fmt.Errorf("finding what goroutines of %s wait for: %w", p.Exe.GoVersion(), err)
	}
	return r, nil
}

const effect = "what some goroutines wait for is unknown"

func (r *Reader) gap(what string, at image.Addr, n uint64) {
	r.p.AddGap(gort.Gap{What: what, Addr: at, Bytes: n, Effect: effect})
}
