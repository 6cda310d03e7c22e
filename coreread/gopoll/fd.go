package gopoll

import (
	"errors"

	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// FD is an internal/poll.FD: a file descriptor of the packages net and os. Both
// have it as the first field of what they make of it (net.netFD, os.file), so
// that Addr is that one's address, too.
type FD struct {
	Addr  image.Addr
	Sysfd int64
	Desc  image.Addr // pollDesc, 0 when it is not in the poller
	// File says that it is of package os: a file, pipe or device, and else of net.
	File    bool
	Closing bool  // Close was called
	Refs    int64 // operations under way, and one while it is open
}

// Owner returns the descriptor on which g waits for poll: the receiver of a method
// of internal/poll.FD on its stack that has poll as its own.
func (r *Reader) Owner(g *gort.Goroutine, poll *Poll) (FD, bool) {
	return FD{}, false
}

// FD reads the internal/poll.FD at addr.
func (r *Reader) FD(addr image.Addr) (FD, error) {
	return FD{}, errNotYet
}

// Net reads the connection or listener whose internal/poll.FD is at addr.
func (r *Reader) Net(addr image.Addr) (NetFD, error) {
	return NetFD{}, errNotYet
}

var errNotYet = errors.New("not yet")

// NetFD is a net.netFD: a socket of package net.
type NetFD struct {
	FD
	Network   string // "tcp", "unix", "udp"
	Family    int64  // AF_INET and the like
	SockType  int64  // SOCK_STREAM and the like
	Connected bool
	Local     NetAddr // the zero NetAddr where it has none
	Remote    NetAddr
}

// Listening reports whether it accepts connections.
func (n *NetFD) Listening() bool { return false }

// NetAddr is a net.Addr, decoded.
type NetAddr struct {
	Type string // "*net.TCPAddr"; "" for no address
	Text string // as its String method has it: "127.0.0.1:80", "@", "/run/sock"
}
