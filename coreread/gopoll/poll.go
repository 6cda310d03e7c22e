package gopoll

import (
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// Poll is a file descriptor as the network poller has it: a runtime.pollDesc.
type Poll struct {
	Desc    image.Addr
	FD      int64
	FDKnown bool
	Closing bool // Close was called
	// Deadlines are readings of the runtime's clock, in nanoseconds; NoDeadline
	// and Expired are none.
	ReadDeadline, WriteDeadline int64
	// Reader and Writer are the goroutines that wait, 0 for none.
	Reader, Writer image.Addr
}

// Deadlines that are no time.
const (
	NoDeadline = 0
	Expired    = -1
)

// Mode is what a goroutine waits for in the poller.
type Mode uint8

// The modes.
const (
	Read  Mode = iota + 1 // that there is something to read or to accept
	Write                 // that there is room to write, or that it is connected
)

// Waiting returns what g waits for when it is in the state "IO wait". It is not
// ok for every other goroutine, and where no pollDesc names g as its waiter.
func (r *Reader) Waiting(g *gort.Goroutine) (Poll, Mode, bool) {
	return Poll{}, 0, false
}
