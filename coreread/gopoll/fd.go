package gopoll

import (
	"errors"
	"fmt"

	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// FD is an internal/poll.FD: a file descriptor of the packages net and os. Both
// have it as the first field of what they make of it (net.netFD, os.file), so
// that Addr is that one's address, too.
type FD struct {
	Addr  image.Addr
	Sysfd int64      // the kernel's number; -1 when it is closed
	Desc  image.Addr // pollDesc, 0 when it is not in the poller
	// File says that it is of package os: a file, a pipe or a device; else it is a
	// socket of package net.
	File    bool
	Stream  bool // reads and writes are of bytes and not of packets
	Closing bool // Close was called
	// Reading and Writing say that somebody has the lock for reads or for writes.
	Reading, Writing bool
	// Refs is how many operations are under way, Close included; ReadWaiters and
	// WriteWaiters are how many goroutines wait for others' reads and writes to end.
	Refs, ReadWaiters, WriteWaiters int64
}

// Parts of fdMutex.state (src/internal/poll/fd_mutex.go).
const (
	fdClosed         = 1 << 0
	fdReading        = 1 << 1
	fdWriting        = 1 << 2
	fdCount          = 1<<20 - 1 // each of the three counts
	fdRefShift       = 3
	fdReadWaitShift  = 23
	fdWriteWaitShift = 43
)

// fdReader reads internal/poll.FD; it is bound when first needed: a program need
// not have any.
type fdReader struct {
	tried                                      bool
	err                                        error
	size, state, sysfd, desc, isFile, isStream uint64
}

func (r *Reader) bindFD() error {
	o := &r.fds
	if !o.tried {
		s := r.p.Layout().Struct("internal/poll.FD")
		*o = fdReader{
			tried: true, size: s.Size(), state: s.Offset("fdmu.state"), sysfd: s.Offset("Sysfd"),
			desc: s.Offset("pd.runtimeCtx"), isFile: s.Offset("isFile"), isStream: s.Offset("IsStream"),
		}
		o.err = s.Err()
	}
	return o.err
}

var errNoFD = errors.New("there is no internal/poll.FD")

// FD reads the internal/poll.FD at addr. It is an error when what stands there
// contradicts itself or the poller: a FD in the poller has the number that the
// poller knows.
func (r *Reader) FD(addr image.Addr) (FD, error) {
	if err := r.bindFD(); err != nil {
		return FD{}, err
	}
	o := &r.fds
	rec, err := r.record(addr, o.size)
	if err != nil {
		return FD{}, err
	}
	state := uint64(rec.i64(o.state))
	f := FD{
		Addr: addr, Sysfd: rec.i64(o.sysfd), Desc: rec.addr(o.desc), File: rec.u8(o.isFile) != 0, Stream: rec.u8(o.isStream) != 0,
		Closing:      state&fdClosed != 0,
		Reading:      state&fdReading != 0,
		Writing:      state&fdWriting != 0,
		Refs:         int64(state >> fdRefShift & fdCount),
		ReadWaiters:  int64(state >> fdReadWaitShift & fdCount),
		WriteWaiters: int64(state >> fdWriteWaitShift & fdCount),
	}
	if f.Sysfd < -1 || f.Sysfd > maxFD || state>>63 != 0 || rec.u8(o.isFile) > 1 || rec.u8(o.isStream) > 1 {
		return FD{}, errNoFD
	}
	if f.Desc == 0 {
		return f, nil
	}
	p, err := r.Poll(f.Desc)
	if err != nil {
		return FD{}, fmt.Errorf("%w: what should be its pollDesc is none: %w", errNoFD, err)
	}
	if p.FD != f.Sysfd {
		return FD{}, fmt.Errorf("%w: it has the number %d, the poller %d", errNoFD, f.Sysfd, p.FD)
	}
	return f, nil
}

// ownerWindow is how far above the stack pointer of a goroutine in the poller the
// FD that it waits for is looked for, in bytes: in the frame of a method of FD
// and in that of its caller.
const ownerWindow = 2 << 10

// Owner returns the FD on which g waits for poll: the receiver of the method of
// internal/poll.FD on its stack. It is believed because poll is the pollDesc that
// it has, and it has the number that poll has.
func (r *Reader) Owner(g *gort.Goroutine, poll *Poll) (f FD, ok bool) {
	if r.bindFD() != nil {
		return FD{}, false
	}
	desc := image.Addr(r.fds.desc)
	_, ok = r.search(g, ownerWindow, &r.owners, func(word image.Addr) bool {
		if v, err := r.p.Image.Addr(word + desc); err != nil || v != poll.Desc {
			return false
		}
		var err error
		f, err = r.FD(word)
		return err == nil
	})
	if !ok {
		return FD{}, false
	}
	return f, true
}
