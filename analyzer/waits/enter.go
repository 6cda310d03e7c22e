package waits

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/coreread/gopoll"
	"postmortem/coreread/gort"
	"postmortem/coreread/gosync"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// enterSync enters what a goroutine waits for inside of Go.
func (b *book) enterSync(w *gosync.Wait) {
	n, ok := b.number(w.Goroutine)
	if !ok {
		return
	}
	if len(w.Targets) == 0 {
		b.enterNothing(n, w)
		return
	}
	for i := range w.Targets {
		t := &w.Targets[i]
		e := edge{goroutine: n, op: opOf(w.Op, t), selectCase: int32(t.Case)}
		k := key{kind: kinds[t.Kind], at: t.Addr}
		if t.Kind == gosync.FD {
			k.label = fileLocks[w.Op]
		}
		e.resource = b.resource(k, n, w.G)
		b.resources[e.resource].sema = t.Sema
		// A writer takes the lock within first; only then it waits for readers.
		e.behind = t.Kind == gosync.RWMutex && w.Op == gosync.WLock && t.Sema != t.Addr+mutexSema
		b.add(e)
	}
}

// fileLocks tell the locks of one file descriptor apart.
var fileLocks = map[gosync.Op]string{gosync.FDReadLock: forReading, gosync.FDWriteLock: forWriting, gosync.FDClose: forClosing}

// mutexSema is where a sync.Mutex, and the one that a sync.RWMutex begins with,
// has its semaphore, in bytes (sync/mutex.go, in all versions).
const mutexSema = 4

// enterNothing enters a goroutine that waits for no object.
func (b *book) enterNothing(n uint32, w *gosync.Wait) {
	e := edge{goroutine: n, op: facts.OpReceive, selectCase: -1}
	switch w.Op {
	case gosync.SelectNone:
		e.op = facts.OpWait
		e.resource = b.resource(key{kind: facts.ResourceNothing}, n, w.G)
	case gosync.NilSend:
		e.op = facts.OpSend
		e.resource = b.resource(key{kind: facts.ResourceNilChannel}, n, w.G)
	case gosync.NilReceive:
		e.resource = b.resource(key{kind: facts.ResourceNilChannel}, n, w.G)
	case gosync.Select:
		if w.Cases <= 0 || w.Doubt != nil {
			return
		}
		e.resource = b.resource(key{kind: facts.ResourceNilChannel}, n, w.G)
	default:
		return
	}
	b.add(e)
}

func opOf(op gosync.Op, t *gosync.Target) facts.WaitOp {
	switch op {
	case gosync.Send, gosync.Receive, gosync.Select:
		if t.Send {
			return facts.OpSend
		}
		return facts.OpReceive
	case gosync.Lock, gosync.WLock, gosync.FDReadLock, gosync.FDWriteLock:
		return facts.OpLock
	case gosync.RLock:
		return facts.OpRLock
	}
	return facts.OpWait
}

// enterOthers enters the goroutines that do not wait inside of Go.
func (b *book) enterOthers(ctx context.Context) {
	type other struct {
		number uint32
		g      *gort.Goroutine
	}
	var list []other
	b.process.Goroutines(func(g *gort.Goroutine) {
		if n, ok := b.number(g.ID); ok && !b.entered[n] {
			list = append(list, other{n, g})
		}
	})
	slices.SortStableFunc(list, func(x, y other) int { return cmp.Compare(x.number, y.number) })
	for _, o := range list {
		if ctx.Err() != nil {
			return
		}
		b.enterOther(o.number, o.g)
	}
}

// enterOther enters what a goroutine waits for outside of Go, or in the runtime.
func (b *book) enterOther(n uint32, g *gort.Goroutine) {
	switch g.Status {
	case layout.GSyscall:
		if caller, ok := b.inC(n); ok {
			b.resources[b.own(facts.ResourceC, facts.OpCall, n, g)].label = caller
			return
		}
		b.own(facts.ResourceSyscall, facts.OpCall, n, g)
	case layout.GWaiting, layout.GLeaked:
		b.enterWaiting(n, g)
	}
}

// own enters a goroutine that waits for what no other one can wait for.
func (b *book) own(kind facts.ResourceKind, op facts.WaitOp, n uint32, g *gort.Goroutine) uint32 {
	r := uint32(len(b.resources))
	b.resources = append(b.resources, resource{kind: kind, goroutine: n, g: g.Addr})
	b.add(edge{goroutine: n, resource: r, op: op, selectCase: -1})
	return r
}

func (b *book) enterWaiting(n uint32, g *gort.Goroutine) {
	switch g.WaitReason {
	case "sleep":
		b.own(facts.ResourceSleep, facts.OpSleep, n, g)
		return
	case "IO wait":
		b.enterPoll(n, g)
		return
	}
	for _, w := range runtimeWaits {
		if strings.HasPrefix(g.WaitReason, w.prefix) {
			if w.kind != "" {
				r := b.resource(key{kind: w.kind, label: w.label(g.WaitReason)}, n, g.Addr)
				b.add(edge{goroutine: n, resource: r, op: w.op, selectCase: -1})
			}
			return
		}
	}
	if g.WaitReason != "" {
		r := b.resource(key{kind: facts.ResourceOther, label: g.WaitReason}, n, g.Addr)
		b.add(edge{goroutine: n, resource: r, op: facts.OpWait, selectCase: -1})
	}
}

// enterPoll enters a goroutine that waits for a file descriptor.
func (b *book) enterPoll(n uint32, g *gort.Goroutine) {
	op, at := facts.OpRead, image.Addr(0)
	var poll gopoll.Poll
	known := false
	if b.poll != nil {
		var mode gopoll.Mode
		if poll, mode, known = b.poll.Waiting(g); known {
			at = poll.Desc
			if mode == gopoll.Write {
				op = facts.OpWrite
			}
		}
	}
	if !known {
		b.own(facts.ResourcePoll, op, n, g)
		return
	}
	r := b.resource(key{kind: facts.ResourcePoll, at: at}, n, g.Addr)
	if b.resources[r].poll == nil {
		b.resources[r].poll = &poll
	}
	b.add(edge{goroutine: n, resource: r, op: op, selectCase: -1})
}

// runtimeWaits are waits inside of the runtime, by how their reasons begin
// (runtime/runtime2.go, waitReasonStrings). Those without a kind are no waits: the
// goroutine is at work on its thread's stack (isWaitingForSuspendG), or about to go on.
var runtimeWaits = []runtimeWait{
	{"GC worker (idle)", facts.ResourceIdle, facts.OpIdle},
	{"GC sweep wait", facts.ResourceIdle, facts.OpIdle},
	{"GC scavenge wait", facts.ResourceIdle, facts.OpIdle},
	{"finalizer wait", facts.ResourceIdle, facts.OpIdle},
	{"cleanup wait", facts.ResourceIdle, facts.OpIdle},
	{"force gc (idle)", facts.ResourceIdle, facts.OpIdle},
	{"GOMAXPROCS updater (idle)", facts.ResourceIdle, facts.OpIdle},
	{"timer goroutine (idle)", facts.ResourceIdle, facts.OpIdle},
	{"trace reader (blocked)", facts.ResourceIdle, facts.OpIdle},
	{"stopping the world", facts.ResourceWorld, facts.OpWait},
	{"flushing proc caches", facts.ResourceWorld, facts.OpWait},
	{"GC mark termination", facts.ResourceWorld, facts.OpWait},
	{"GC assist wait", facts.ResourceGC, facts.OpWait},
	{"wait for GC cycle", facts.ResourceGC, facts.OpWait},
	{"GC weak to strong wait", facts.ResourceGC, facts.OpWait},
	{"GC worker (active)", "", ""},
	{"GC assist marking", "", ""},
	{"garbage collection", "", ""},
	{"trace goroutine status", "", ""},
	{"trace proc status", "", ""},
	{"page trace flush", "", ""},
	{"dumping heap", "", ""},
	{"preempted", "", ""},
}

type runtimeWait struct {
	prefix string
	kind   facts.ResourceKind
	op     facts.WaitOp
}

// label is by what resources of the kind are told apart: there is one world and
// one collector.
func (w *runtimeWait) label(reason string) string {
	switch w.kind {
	case facts.ResourceIdle:
		return reason
	case facts.ResourceWorld:
		return theWorld
	}
	return ""
}

// inC returns the function by which a goroutine has called C code that has not
// returned. Its stack tells, whatever signal handler its thread is in.
func (b *book) inC(n uint32) (caller string, ok bool) {
	id := b.in.Goroutines.List[n].Group
	if id < 1 || id > len(b.in.Goroutines.Groups) {
		return "", false
	}
	frames := b.in.Goroutines.Groups[id-1].Frames
	for i, f := range frames {
		switch {
		case f.Trust == facts.TrustCgo:
		case f.Func == "runtime.asmcgocall":
		case f.Func == "runtime.cgocall" && i+1 < len(frames):
			return frames[i+1].Func, true
		default:
			return "", false
		}
	}
	return "", false
}
