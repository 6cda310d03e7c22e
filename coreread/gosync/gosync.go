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
	"errors"
	"fmt"
	"sync"

	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// Reader finds out what the goroutines of one process wait for. It is not safe
// for concurrent use, nor beside other methods of its gort.Process.
type Reader struct {
	p       *gort.Process
	offsets offsets
	memory  memory

	linkRegister         bool // a call leaves the return address in a register
	waitingHasSemaphores bool

	decoding   *sync.Mutex // of the sites, by all readers of one process
	sites      map[image.Addr]*site
	recent     [64]recentSite // in front of sites: most goroutines wait in few places
	lastReason string         // the wait reason that was asked for last, and what it tells
	lastTells  reason
	lastKnown  bool
	semaphores *semaphores
	conds      conds
	sided      map[image.Addr]bool // channels whose queues are in sides
	sides      map[image.Addr]bool // by sudog: it sends

	cases, entries []selectCase // the select being looked at: the array's, and the sudogs'
	words          []uint64     // of its frame
	budget         uint64       // records of queues that may be looked at, see passes
	room           uint64       // of these, the ones that are left

	runtimeSemaphores func() []namedWords // found when first asked for

	kept []kept // of all goroutines, by parts of their list; nil until they are asked for
}

// passes is how often the records of a process's queues may be looked at: those
// that a damaged core shows on top of one another end there.
const passes = 8

var errOverlap = errors.New("the queues of goroutines have more entries than fit into the memory")

// charge accounts for a record that is looked at.
func (r *Reader) charge() error { return r.chargeN(1) }

func (r *Reader) chargeN(n uint64) error {
	if r.room < n {
		return errOverlap
	}
	r.room -= n
	return nil
}

// New prepares the reading. It fails for a Go version whose channels and waiting
// goroutines no table, descriptor or debug information describes.
func New(p *gort.Process) (*Reader, error) {
	r := &Reader{p: p, memory: newMemory(p.Image)}
	if err := r.offsets.bind(p.Layout()); err != nil {
		return nil, fmt.Errorf("finding what goroutines of %s wait for: %w", p.Exe.GoVersion(), err)
	}
	r.linkRegister = p.GOARCH() == "arm64"
	r.waitingHasSemaphores = p.Layout().Has(layout.WaitingHasSemaphores)
	r.makeMaps()
	r.decoding, r.semaphores = new(sync.Mutex), new(semaphores)
	r.runtimeSemaphores = sync.OnceValue(r.findRuntimeSemaphores)
	r.budget = passes * r.memory.size() / r.offsets.sudog.bytes
	r.room = r.budget
	return r, nil
}

func (r *Reader) makeMaps() {
	r.sites, r.sided, r.sides = make(map[image.Addr]*site), make(map[image.Addr]bool), make(map[image.Addr]bool)
	r.conds = conds{waiting: make(map[image.Addr]queued), tried: make(map[image.Addr]bool)}
}

const effect = "what some goroutines wait for is unknown"

func (r *Reader) gap(what string, at image.Addr, n uint64) {
	r.p.AddGap(gort.Gap{What: what, Addr: at, Bytes: n, Effect: effect})
}
