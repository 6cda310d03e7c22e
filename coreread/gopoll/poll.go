package gopoll

import (
	"errors"
	"fmt"

	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
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

func (m Mode) String() string { return [...]string{"none", "read", "write"}[min(m, Write)] }

// States of pollDesc.rg and wg that are no goroutine (src/runtime/netpoll.go).
const (
	pollReady = 1
	pollWait  = 2
)

// maxFD is above the number of any file descriptor: the kernel counts them in an int.
const maxFD = 1<<31 - 1

var errNoDesc = errors.New("there is no pollDesc: it does not hold its own address")

// Poll reads the runtime.pollDesc at desc.
func (r *Reader) Poll(desc image.Addr) (Poll, error) {
	o := &r.offsets.poll
	rec, err := r.record(desc, o.size)
	if err != nil {
		return Poll{}, err
	}
	if rec.addr(o.self) != desc {
		return Poll{}, errNoDesc
	}
	p := Poll{
		Desc: desc, FD: rec.i64(o.fd), Closing: rec.u8(o.closing) != 0,
		ReadDeadline: rec.i64(o.rd), WriteDeadline: rec.i64(o.wd),
		Reader: rec.addr(o.rg), Writer: rec.addr(o.wg),
	}
	p.FDKnown = p.FD >= 0 && p.FD <= maxFD
	for _, g := range []*image.Addr{&p.Reader, &p.Writer} {
		if *g == pollReady || *g == pollWait {
			*g = 0
		}
	}
	if p.ReadDeadline < Expired || p.WriteDeadline < Expired || !p.FDKnown {
		return Poll{}, fmt.Errorf("the pollDesc has the descriptor %d and the deadlines %d and %d", p.FD, p.ReadDeadline, p.WriteDeadline)
	}
	return p, nil
}

// descWindow is how far above the stack pointer of a parked goroutine its pollDesc
// is looked for, in bytes: the frames of runtime.gopark, netpollblock and pollWait,
// and of internal/poll.(*pollDesc).wait, lie there.
const descWindow = 1 << 10

// Waiting returns what g waits for when it is in the state "IO wait". It is not
// ok for every other goroutine, and where no pollDesc names g as the one that
// waits for it: then it is about to go on.
//
// The pollDesc is on g's stack, where the functions that wait keep it, and is
// believed because it points to itself and to g.
func (r *Reader) Waiting(g *gort.Goroutine) (p Poll, mode Mode, ok bool) {
	if g.Status != layout.GWaiting || g.WaitReason != "IO wait" {
		return Poll{}, 0, false
	}
	self, others := image.Addr(r.offsets.poll.self), false
	_, ok = r.search(g, descWindow, &r.descs, func(word image.Addr) bool {
		if v, err := r.p.Image.Addr(word + self); err != nil || v != word {
			return false
		}
		var err error
		if p, err = r.Poll(word); err != nil {
			return false
		}
		switch g.Addr {
		case p.Reader:
			mode = Read
		case p.Writer:
			mode = Write
		default:
			others = true
			return false
		}
		return true
	})
	if !ok {
		if !others {
			r.notFound(g)
		}
		return Poll{}, 0, false
	}
	return p, mode, true
}

// notFound tells, once, that the pollDesc of a goroutine that has one was not found.
func (r *Reader) notFound(g *gort.Goroutine) {
	const what = "descriptors in the network poller"
	if !r.told[what] {
		r.told[what] = true
		r.p.AddGap(gort.Gap{
			What:   fmt.Sprintf("%s: the one that goroutine %d waits for was not found on its stack", what, g.ID),
			Addr:   g.Addr,
			Effect: "which files and connections some goroutines wait for is not known",
		})
	}
}
