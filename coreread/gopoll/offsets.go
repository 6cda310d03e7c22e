package gopoll

import (
	"errors"

	"postmortem/coreread/layout"
)

// optional is a field that only some Go versions have.
type optional struct {
	off     uint64
	present bool
}

func maybe(s *layout.Struct, paths ...string) optional {
	for _, path := range paths {
		if off, ok := s.Optional(path); ok {
			return optional{off, true}
		}
	}
	return optional{}
}

// offsets are where the fields that this package reads are, in bytes from the
// start of their structures.
type offsets struct {
	poll  pollOffsets
	timer timerOffsets
	heap  heapOffsets
	g     gOffsets

	chanTimer optional // hchan.timer, since 1.23
}

func (o *offsets) bind(l *layout.Layout) error {
	c := l.Struct("runtime.hchan")
	o.chanTimer = maybe(c, "timer")
	return errors.Join(o.poll.bind(l), o.timer.bind(l), o.heap.bind(l), o.g.bind(l), c.Err())
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

// timerOffsets is runtime.timer.
type timerOffsets struct {
	size, when, period, f, arg uint64
	nextWhen, status           optional // until 1.22
	isChan                     optional // since 1.23
	isFake                     optional // since 1.24
}

func (o *timerOffsets) bind(l *layout.Layout) error {
	s := l.Struct("runtime.timer")
	*o = timerOffsets{
		size: s.Size(), when: s.Offset("when"), period: s.Offset("period"), f: s.Offset("f"), arg: s.Offset("arg"),
		isChan: maybe(s, "isChan"), isFake: maybe(s, "isFake"),
	}
	if !l.Has(layout.TimersRewritten) {
		o.nextWhen = optional{s.Offset("nextwhen"), true}
		o.status = optional{s.Offset("status"), true}
	}
	return s.Err()
}

// heapOffsets is where the heaps of timers are.
type heapOffsets struct {
	slice         uint64 // p.timers, since 1.23 p.timers.heap
	stride, timer uint64 // of an element, and in it the pointer to the timer

	bubble    string   // structure of a bubble, "" until 1.23
	inBubble  optional // its timers.heap
	bubbleNow uint64
}

func (o *heapOffsets) bind(l *layout.Layout) error {
	p := l.Struct("runtime.p")
	if !l.Has(layout.TimersRewritten) {
		*o = heapOffsets{slice: p.Offset("timers"), stride: 8}
		return p.Err()
	}
	when := l.Struct("runtime.timerWhen")
	*o = heapOffsets{slice: p.Offset("timers.heap"), stride: when.Size(), timer: when.Offset("timer")}
	if err := errors.Join(p.Err(), when.Err()); err != nil {
		return err
	}
	if _, ok := l.Struct("runtime.g").Optional("bubble"); ok {
		o.bubble = "runtime.synctestBubble"
	} else if _, ok := l.Struct("runtime.g").Optional("syncGroup"); ok {
		o.bubble = "runtime.synctestGroup"
	}
	if o.bubble == "" {
		return nil
	}
	b := l.Struct(o.bubble)
	o.inBubble, o.bubbleNow = optional{b.Offset("timers.heap"), true}, b.Offset("now")
	return b.Err()
}

// gOffsets is runtime.g.
type gOffsets struct {
	schedSP, timer uint64
	sleepWhen      optional // since 1.23
	bubble         optional // since 1.24
}

func (o *gOffsets) bind(l *layout.Layout) error {
	s := l.Struct("runtime.g")
	*o = gOffsets{schedSP: s.Offset("sched.sp"), timer: s.Offset("timer"), sleepWhen: maybe(s, "sleepWhen"), bubble: maybe(s, "bubble", "syncGroup")}
	return s.Err()
}
