package gosync

import (
	"errors"

	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// offsets are where the fields that this package reads are, in bytes from the
// start of their structures.
type offsets struct {
	schedPC, schedSP uint64 // runtime.g
	waiting, goid    uint64

	sudog  sudogOffsets
	hchan  hchanOffsets
	sema   semaOffsets
	notify notifyOffsets

	caseBytes, caseChan, caseElem uint64 // runtime.scase

	mutex     mutexOffsets
	rwmutex   rwmutexOffsets
	waitGroup waitGroupOffsets
	once      onceOffsets
	cond      condOffsets
	fd        fdOffsets
}

// sudogOffsets is runtime.sudog. Since 1.26 elem and c are pairs of a pointer,
// which may be hidden from the collector, and an integer, which is always there.
type sudogOffsets struct {
	bytes            uint64
	g, next, prev    uint64
	elem, c          uint64
	waitlink, ticket uint64
}

type hchanOffsets struct {
	bytes                    uint64
	length, capacity, buffer uint64
	elemSize, elemType       uint64
	closed                   uint64
	receivers, senders       uint64       // runtime.waitq
	timer                    layout.Field // since 1.23; Size 0 before
}

type semaOffsets struct {
	stride, treap uint64 // from one root of the table to the next; to its treap
}

type notifyOffsets struct {
	bytes                    uint64
	wait, notify, head, tail uint64
}

// The structures of package sync and internal/poll: a version in which one of
// them is unknown can do without.
type mutexOffsets struct {
	err         error
	bytes       uint64
	state, sema uint64
}

type rwmutexOffsets struct {
	err                    error
	bytes                  uint64
	w                      uint64
	writerSem, readerSem   uint64
	readerCount, departing uint64
}

type waitGroupOffsets struct {
	err         error
	bytes       uint64
	state, sema uint64
}

type onceOffsets struct {
	err   error
	bytes uint64
	done  layout.Field
	mutex uint64
}

type condOffsets struct {
	err            error
	bytes          uint64
	locker, notify uint64
}

type fdOffsets struct {
	err          error
	rsema, wsema uint64 // from the start of the FD
	csema        uint64
}

func (o *offsets) bind(l *layout.Layout) error {
	g, c := l.Struct("runtime.g"), l.Struct("runtime.scase")
	o.schedPC, o.schedSP = g.Offset("sched.pc"), g.Offset("sched.sp")
	o.waiting, o.goid = g.Offset("waiting"), g.Offset("goid")
	o.caseBytes, o.caseChan, o.caseElem = c.Size(), c.Offset("c"), c.Offset("elem")
	o.bindSync(l)
	return errors.Join(g.Err(), c.Err(), o.sudog.bind(l), o.hchan.bind(l), o.sema.bind(l), o.notify.bind(l))
}

func (o *sudogOffsets) bind(l *layout.Layout) error {
	s := l.Struct("runtime.sudog")
	*o = sudogOffsets{
		bytes: s.Size(),
		g:     s.Offset("g"), next: s.Offset("next"), prev: s.Offset("prev"),
		elem: s.OneOf("elem.vu", "elem"), c: s.OneOf("c.vu", "c"),
		waitlink: s.Offset("waitlink"), ticket: s.Offset("ticket"),
	}
	return s.Err()
}

func (o *hchanOffsets) bind(l *layout.Layout) error {
	s, q := l.Struct("runtime.hchan"), l.Struct("runtime.waitq")
	*o = hchanOffsets{
		bytes:  s.Size(),
		length: s.Offset("qcount"), capacity: s.Offset("dataqsiz"), buffer: s.Offset("buf"),
		elemSize: s.Offset("elemsize"), elemType: s.Offset("elemtype"), closed: s.Offset("closed"),
		receivers: s.Offset("recvq.first"), senders: s.Offset("sendq.first"),
	}
	o.timer, _ = s.OptionalField("timer")
	return errors.Join(s.Err(), q.Err())
}

func (o *semaOffsets) bind(l *layout.Layout) error {
	s := l.Struct("runtime.semtable[]")
	o.stride, o.treap = s.Size(), s.Offset("root.treap")
	return s.Err()
}

func (o *notifyOffsets) bind(l *layout.Layout) error {
	s := l.Struct("runtime.notifyList")
	*o = notifyOffsets{bytes: s.Size(), wait: s.Offset("wait"), notify: s.Offset("notify"), head: s.Offset("head"), tail: s.Offset("tail")}
	return s.Err()
}

func (o *offsets) bindSync(l *layout.Layout) {
	m := l.Struct("sync.Mutex")
	o.mutex = mutexOffsets{bytes: m.Size(), state: m.OneOf("mu.state", "state"), sema: m.OneOf("mu.sema", "sema")}
	o.mutex.err = m.Err()

	rw := l.Struct("sync.RWMutex")
	o.rwmutex = rwmutexOffsets{
		bytes: rw.Size(), w: rw.Offset("w"),
		writerSem: rw.Offset("writerSem"), readerSem: rw.Offset("readerSem"),
		readerCount: rw.Offset("readerCount"), departing: rw.Offset("readerWait"),
	}
	o.rwmutex.err = errors.Join(rw.Err(), o.mutex.err)

	wg := l.Struct("sync.WaitGroup")
	o.waitGroup = waitGroupOffsets{bytes: wg.Size(), state: wg.OneOf("state", "state1"), sema: wg.OneOf("sema", "state2")}
	o.waitGroup.err = wg.Err()

	once := l.Struct("sync.Once")
	o.once = onceOffsets{bytes: once.Size(), done: once.Field("done"), mutex: once.Offset("m")}
	o.once.err = errors.Join(once.Err(), o.mutex.err)

	cond := l.Struct("sync.Cond")
	o.cond = condOffsets{bytes: cond.Size(), locker: cond.Offset("L"), notify: cond.Offset("notify")}
	o.cond.err = cond.Err()

	fd := l.Struct("internal/poll.FD")
	o.fd = fdOffsets{rsema: fd.Offset("fdmu.rsema"), wsema: fd.Offset("fdmu.wsema"), csema: fd.Offset("csema")}
	o.fd.err = fd.Err()
}

// object returns the address of the object whose field lies at the offset.
func object(field image.Addr, offset uint64) image.Addr { return field - image.Addr(offset) }
