package gosync

import (
	"context"
	"errors"
	"strings"

	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// means is how a goroutine is made to wait.
type means uint8

const (
	byNothing   means = iota + 1 // nobody can wake it
	byChannel                    // the sudogs in g.waiting
	bySemaphore                  // runtime.semtable
	byNotify                     // runtime.notifyList
)

// reason is what a wait reason tells. Those of goroutines in a synctest bubble
// have an addition in brackets.
type reason struct {
	op    Op // of a semaphore, the op unless the stack tells more
	means means
}

// reasons are by the texts of runtime.waitReasonStrings (src/runtime/runtime2.go).
// All locks are "semacquire" before Go 1.20, and wait groups before 1.24.
var reasons = map[string]reason{
	"chan receive":            {Receive, byChannel},
	"chan send":               {Send, byChannel},
	"select":                  {Select, byChannel},
	"chan receive (nil chan)": {NilReceive, byNothing},
	"chan send (nil chan)":    {NilSend, byNothing},
	"select (no cases)":       {SelectNone, byNothing},
	"semacquire":              {Semacquire, bySemaphore},
	"sync.Mutex.Lock":         {Lock, bySemaphore},
	"sync.RWMutex.RLock":      {RLock, bySemaphore},
	"sync.RWMutex.Lock":       {WLock, bySemaphore},
	"sync.WaitGroup.Wait":     {WaitGroupWait, bySemaphore},
	"sync.Cond.Wait":          {CondWait, byNotify},
}

func reasonOf(text string) (reason, bool) {
	r, ok := reasons[text]
	if !ok && strings.HasSuffix(text, ")") {
		for _, bubble := range [...]string{" (durable)", " (synctest)"} {
			if inside, cut := strings.CutSuffix(text, bubble); cut {
				r, ok = reasons[inside]
			}
		}
	}
	return r, ok
}

// Why a wait's targets are in doubt.
var (
	errNoSudog   = errors.New("no entry of a queue stands for the goroutine")
	errSudogs    = errors.New("the entries of queues that stand for the goroutine are damaged")
	errNoTable   = errors.New("it stands in no queue of a semaphore")
	errNoCond    = errors.New("the condition variable is not found on its stack")
	errNoCaller  = errors.New("its stack does not tell whose semaphore it is")
	errNoLayout  = errors.New("the object's layout is unknown")
	errDisagrees = errors.New("its stack and its wait reason disagree")
)

// Sudogs visits the addresses of the runtime.sudogs that stand for waiting
// goroutines in the queues of channels, semaphores and condition variables, each
// once. What they refer to is not thereby in use.
func (r *Reader) Sudogs(visit func(image.Addr)) {
	// The context has no end, and so there is no error.
	_ = r.Waits(context.Background(), func(w *Wait) {
		for _, t := range w.Targets {
			if t.Sudog != 0 {
				visit(t.Sudog)
			}
		}
	})
}

// Of finds out what one goroutine waits for, and whether that is another one at
// all. It uses the memory of w's Targets again.
func (r *Reader) Of(g *gort.Goroutine, w *Wait) bool {
	parked := (g.Status == layout.GWaiting || g.Status == layout.GLeaked) && g.M == 0
	if !parked {
		return false // one on a thread has the reason of its last wait
	}
	if g.WaitReason != r.lastReason {
		r.lastReason = g.WaitReason
		r.lastTells, r.lastKnown = reasonOf(g.WaitReason)
	}
	if !r.lastKnown {
		return false
	}
	why := r.lastTells
	*w = Wait{Goroutine: g.ID, G: g.Addr, Op: why.op, Targets: w.Targets[:0]}
	switch why.means {
	case byChannel:
		r.channels(g, w)
	case bySemaphore:
		r.semaphoreWait(g, w)
	case byNotify:
		r.condWait(g, w)
	}
	return true
}

// channels reads the sudogs in g.waiting.
func (r *Reader) channels(g *gort.Goroutine, w *Wait) {
	isSelect := w.Op == Select
	r.entries = r.entries[:0]
	head, read := r.memory.word(g.Addr + image.Addr(r.offsets.waiting))
	err := r.list(image.Addr(head), r.offsets.sudog.waitlink, func(at image.Addr, s sudog) error {
		if s.g != g.Addr || s.c == 0 || !isSelect && len(w.Targets) == 1 {
			return errSudogs
		}
		if len(w.Targets) >= maxCases {
			return errSudogs
		}
		r.entries = append(r.entries, selectCase{s.c, s.elem, len(w.Targets)})
		w.Targets = append(w.Targets, Target{Kind: Channel, Addr: s.c, Sudog: at, Send: w.Op == Send, Case: -1, SideUnknown: isSelect})
		return nil
	})
	switch {
	case errors.Is(err, errCircle):
		w.Targets, w.Doubt = w.Targets[:0], err // some are there twice
	case err != nil:
		w.Doubt = errSudogs
	case !read || len(w.Targets) == 0 && !isSelect:
		w.Doubt = errNoSudog
	}
	if !isSelect {
		return
	}
	w.Cases = -1
	if err == nil && r.findCases(g, w) {
		return
	}
	if r.findSides(w); len(w.Targets) == 0 && w.Doubt == nil && !r.firstIsNil(g) {
		w.Doubt = errNoSudog
	}
}

// own returns the sudog in g.waiting of a goroutine that waits for something
// other than channels (since Go 1.26).
func (r *Reader) own(g *gort.Goroutine) (queued, bool) {
	if !r.waitingHasSemaphores {
		return queued{}, false
	}
	at, ok := r.memory.word(g.Addr + image.Addr(r.offsets.waiting))
	if !ok || at == 0 {
		return queued{}, false
	}
	s, err := r.sudog(image.Addr(at))
	if err != nil || s.g != g.Addr || s.c != 0 || s.elem == 0 {
		return queued{}, false
	}
	return queued{sudog: image.Addr(at), at: s.elem}, true
}

func (r *Reader) condWait(g *gort.Goroutine, w *Wait) {
	q, ok := r.own(g)
	if !ok {
		q, ok = r.cond(g)
	}
	if !ok {
		w.Doubt = errNoCond
		return
	}
	t := Target{Kind: Cond, Addr: object(q.at, r.offsets.cond.notify), Sema: q.at, Sudog: q.sudog, Case: -1}
	if r.offsets.cond.err != nil {
		t.Kind, t.Addr, w.Doubt = Unknown, q.at, errNoLayout
	}
	w.Targets = append(w.Targets, t)
}

func (r *Reader) semaphoreWait(g *gort.Goroutine, w *Wait) {
	q, ok := r.own(g)
	if !ok {
		q, ok = r.semaphore(g.Addr)
	}
	c, told := r.caller(g)
	op, kind, addr, err := r.owner(c, told, w.Op, q.at)
	w.Op, w.Doubt = op, err
	if !ok {
		w.Doubt = errNoTable
		return
	}
	w.Targets = append(w.Targets, Target{Kind: kind, Addr: addr, Sema: q.at, Sudog: q.sudog, Case: -1})
}

// owner tells whose semaphore a goroutine waits for, by who called the runtime
// and by the wait reason, of which op was made.
func (r *Reader) owner(c caller, told bool, op Op, sema image.Addr) (Op, Kind, image.Addr, error) {
	kind, err := Semaphore, error(nil)
	at, found := r.callerObject(c, sema)
	switch {
	case !told:
		err = errNoCaller
	case op == Semacquire || op == found.op || op == Lock && c.mutex:
		return found.op, found.kind, at, found.err
	default:
		err = errDisagrees
	}
	// The wait reason alone. A Mutex may be part of something larger.
	switch op {
	case Lock:
		kind = Mutex
		at, found = r.callerObject(caller{roleMutex, true}, sema)
	case RLock:
		at, found = r.callerObject(caller{role: roleRLock}, sema)
	case WLock:
		at, found = r.callerObject(caller{role: roleWLock}, sema)
	case WaitGroupWait:
		at, found = r.callerObject(caller{role: roleWaitGroup}, sema)
	default:
		return op, kind, sema, err
	}
	return op, found.kind, at, err
}

// owned is what a caller waits for.
type owned struct {
	op   Op
	kind Kind
	err  error
}

// callerObject returns the object that a caller's semaphore belongs to.
func (r *Reader) callerObject(c caller, sema image.Addr) (image.Addr, owned) {
	o := &r.offsets
	var what owned
	var offset uint64
	var unknown error
	switch {
	case c.role == roleMutex:
		what, offset, unknown = owned{op: Lock, kind: Mutex}, o.mutex.sema, o.mutex.err
	case c.role == roleOnce && c.mutex:
		what, offset, unknown = owned{op: Lock, kind: Once}, o.once.mutex+o.mutex.sema, o.once.err
	case c.role == roleWLock && c.mutex:
		what, offset, unknown = owned{op: WLock, kind: RWMutex}, o.rwmutex.w+o.mutex.sema, o.rwmutex.err
	case c.role == roleWLock:
		what, offset, unknown = owned{op: WLock, kind: RWMutex}, o.rwmutex.writerSem, o.rwmutex.err
	case c.role == roleRLock:
		what, offset, unknown = owned{op: RLock, kind: RWMutex}, o.rwmutex.readerSem, o.rwmutex.err
	case c.role == roleWaitGroup:
		what, offset, unknown = owned{op: WaitGroupWait, kind: WaitGroup}, o.waitGroup.sema, o.waitGroup.err
	case c.role == roleFDLock && uint64(sema)%8 == o.fd.rsema%8:
		// An FD is at a multiple of 8, and rwlock has one word for readers and one for writers.
		what, offset, unknown = owned{op: FDReadLock, kind: FD}, o.fd.rsema, o.fd.err
	case c.role == roleFDLock:
		what, offset, unknown = owned{op: FDWriteLock, kind: FD}, o.fd.wsema, o.fd.err
	case c.role == roleFDClose:
		what, offset, unknown = owned{op: FDClose, kind: FD}, o.fd.csema, o.fd.err
	default:
		return sema, owned{op: Semacquire, kind: Semaphore}
	}
	if unknown != nil {
		return sema, owned{op: what.op, kind: Semaphore, err: errNoLayout}
	}
	return object(sema, offset), what
}
