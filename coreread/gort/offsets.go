package gort

import "postmortem/coreread/layout"

// offsets are the places of the fields that this package reads, resolved once
// for the process's Go version. All are in bytes from the start of the structure.
type offsets struct {
	g gOffsets
	m mOffsets
}

// gOffsets is runtime.g.
type gOffsets struct {
	size                         uint64
	stackLo, stackHi             uint64
	panics, defers               uint64
	m                            uint64
	schedSP, schedPC, schedLR    uint64
	syscallSP, syscallPC         uint64
	status, id                   uint64
	waitSince, waitReason        uint64
	lockedM                      uint64
	sig, sigCode, sigAddr, sigPC uint64
	goPC, startPC                uint64
	parentID                     optional
	runningCleanups              optional
	labels                       uint64
}

// mOffsets is runtime.m.
type mOffsets struct {
	size              uint64
	g0, gsignal, curg uint64
	procID, id        uint64
	p                 uint64
	allLink           uint64
	lockedG           uint64
	dying, throwing   uint64
	preemptOff        uint64
	caughtSig         uint64
	vdsoSP, vdsoPC    uint64
	startFn           uint64
	extraInC          optional
}

func (o *offsets) bind(lay *layout.Layout) error {
	if err := o.g.bind(lay.Struct("runtime.g")); err != nil {
		return err
	}
	return o.m.bind(lay.Struct("runtime.m"))
}

func (o *gOffsets) bind(s *layout.Struct) error {
	*o = gOffsets{
		size:            s.Size(),
		stackLo:         s.Offset("stack.lo"),
		stackHi:         s.Offset("stack.hi"),
		panics:          s.Offset("_panic"),
		defers:          s.Offset("_defer"),
		m:               s.Offset("m"),
		schedSP:         s.Offset("sched.sp"),
		schedPC:         s.Offset("sched.pc"),
		schedLR:         s.Offset("sched.lr"),
		syscallSP:       s.Offset("syscallsp"),
		syscallPC:       s.Offset("syscallpc"),
		status:          s.Offset("atomicstatus"),
		id:              s.Offset("goid"),
		waitSince:       s.Offset("waitsince"),
		waitReason:      s.Offset("waitreason"),
		lockedM:         s.Offset("lockedm"),
		sig:             s.Offset("sig"),
		sigCode:         s.Offset("sigcode0"),
		sigAddr:         s.Offset("sigcode1"),
		sigPC:           s.Offset("sigpc"),
		goPC:            s.Offset("gopc"),
		startPC:         s.Offset("startpc"),
		parentID:        optionalField(s, "parentGoid"),
		runningCleanups: optionalField(s, "runningCleanups"),
		labels:          s.Offset("labels"),
	}
	return s.Err()
}

func (o *mOffsets) bind(s *layout.Struct) error {
	*o = mOffsets{
		size:       s.Size(),
		g0:         s.Offset("g0"),
		gsignal:    s.Offset("gsignal"),
		curg:       s.Offset("curg"),
		procID:     s.Offset("procid"),
		id:         s.Offset("id"),
		p:          s.Offset("p"),
		allLink:    s.Offset("alllink"),
		lockedG:    s.Offset("lockedg"),
		dying:      s.Offset("dying"),
		throwing:   s.Offset("throwing"),
		preemptOff: s.Offset("preemptoff"),
		caughtSig:  s.Offset("caughtsig"),
		vdsoSP:     s.Offset("vdsoSP"),
		vdsoPC:     s.Offset("vdsoPC"),
		startFn:    s.Offset("mstartfn"),
		extraInC:   optionalField(s, "isExtraInC"),
	}
	return s.Err()
}

func optionalField(s *layout.Struct, path string) optional {
	off, ok := s.Optional(path)
	return optional{off: off, present: ok}
}
