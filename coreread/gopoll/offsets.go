package gopoll

import (
	"errors"

	"postmortem/coreread/layout"
)

// offsets are where the fields that this package reads are, in bytes from the
// start of their structures.
type offsets struct {
	poll pollOffsets
}

func (o *offsets) bind(l *layout.Layout) error {
	return errors.Join(o.poll.bind(l))
}

// pollOffsets is runtime.pollDesc.
type pollOffsets struct {
	size, fd, closing, rg, wg, rd, wd, self uint64
}

func (o *pollOffsets) bind(l *layout.Layout) error {
	s := l.Struct("runtime.pollDesc")
	*o = pollOffsets{
		size: s.Size(), fd: s.Offset("fd"), closing: s.Offset("closing"),
		rg: s.Offset("rg"), wg: s.Offset("wg"), rd: s.Offset("rd"), wd: s.Offset("wd"),
		self: s.Offset("self"),
	}
	return s.Err()
}
