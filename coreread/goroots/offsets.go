package goroots

import (
	"errors"

	"postmortem/coreread/layout"
)

// optional is a field that only some Go versions have.
type optional struct {
	off     uint64
	present bool
}

func maybe(s *layout.Struct, path string) optional {
	off, ok := s.Optional(path)
	return optional{off, ok}
}

// offsets are where the fields that this package reads are, in bytes from the
// start of their structures.
type offsets struct {
	context, panics, defers uint64 // runtime.g
	asyncSafePoint          uint64
	vectors                 optional // g.xRegs.state (1.26)
	vectorBytes             uint64   // of runtime.xRegState

	deferHeap, deferFunc, deferLink uint64 // runtime._defer
	deferBytes                      uint64

	cache, tiny uint64 // p.mcache, mcache.tiny

	special specialOffsets
	queues  queueOffsets
}

func (o *offsets) bind(l *layout.Layout) error {
	g := l.Struct("runtime.g")
	o.context, o.panics, o.defers = g.Offset("sched.ctxt"), g.Offset("_panic"), g.Offset("_defer")
	o.asyncSafePoint = g.Offset("asyncSafePoint")
	if o.vectors = maybe(g, "xRegs.state"); o.vectors.present {
		state := l.Struct("runtime.xRegState")
		if o.vectorBytes = state.Size(); state.Err() != nil {
			return state.Err()
		}
	}
	if err := g.Err(); err != nil {
		return err
	}
	d := l.Struct("runtime._defer")
	o.deferHeap, o.deferFunc, o.deferLink, o.deferBytes = d.Offset("heap"), d.Offset("fn"), d.Offset("link"), d.Size()
	p, cache := l.Struct("runtime.p"), l.Struct("runtime.mcache")
	o.cache, o.tiny = p.Offset("mcache"), cache.Offset("tiny")
	return errors.Join(d.Err(), p.Err(), cache.Err(), o.special.bind(l), o.queues.bind(l))
}
