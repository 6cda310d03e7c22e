package main

import (
	"runtime"
	"strconv"
	"sync"
	"unsafe"
)

// The verdicts that goroutines have by construction.
const (
	leaked = "leaked" // nothing that can run refers to what it waits for
	blind  = "blind"  // nothing will wake it, but a variable, a pool, a finalizer or the kind of wait hides that
	live   = "live"   // it runs, or something that can run may wake it
)

// A target is what a goroutine waits for.
type target struct {
	kind   string
	addr   uintptr // of the channel (hchan) or of the object of package sync
	send   bool
	source int // position among the cases of a select, in source order
}

// A waiter is one goroutine. Addresses are integers, so that what is noted here refers to nothing.
type waiter struct {
	id      int64
	shape   string
	verdict string
	op      string
	targets [6]target
	n       int
}

type lock struct {
	kind    string
	addr    uintptr
	name    string
	holder  int64 // 0: no living goroutine
	readers [4]int64
}

type poll struct {
	id                     int64
	mode                   string
	fd                     uintptr
	network, local, remote string
	deadline               int64 // Unix time in ns; 0: none
}

// A timer is noted with the span of time in which it was set.
type timer struct {
	id                int64
	kind              string
	channel           uintptr
	from, to, nominal int64 // runtime clock at the earliest and the latest moment at which it fires, and what it was set to, in ns
	period            int64
}

type contextChain struct {
	id       int64
	done     uintptr
	chain    string // types, from the one waited on to the root, with spaces between
	deadline int64  // Unix time in ns of the earliest; 0: none
}

// What is known, not on the heap.
var (
	noting   sync.Mutex
	waiters  [600]waiter
	locks    [60]lock
	polls    [30]poll
	timers   [60]timer
	contexts [30]contextChain

	nWaiters, nLocks, nPolls, nTimers, nContexts int

	started sync.WaitGroup
)

// spawn runs f as a goroutine that will call wait, and returns when it has.
//
//go:noinline
func spawn(f func()) {
	started.Add(1)
	go f()
	started.Wait()
}

// wait notes what the calling goroutine, which is known by shape, is about to wait for, and returns its id.
//
//go:noinline
func wait(shape, verdict, op string, targets ...target) int64 {
	id := goid()
	noting.Lock()
	w := &waiters[nWaiters]
	nWaiters++
	w.id, w.shape, w.verdict, w.op, w.n = id, shape, verdict, op, len(targets)
	copy(w.targets[:], targets)
	noting.Unlock()
	started.Done()
	return id
}

// running is wait for a goroutine that nobody waits for to start.
func running(shape, op string) {
	started.Add(1)
	wait(shape, live, op)
}

// noteLock notes who holds a lock: holder for writing, and readers.
//
//go:noinline
func noteLock(kind, name string, addr uintptr, holder int64, readers ...int64) {
	noting.Lock()
	l := &locks[nLocks]
	nLocks++
	l.kind, l.name, l.addr, l.holder = kind, name, addr, holder
	copy(l.readers[:], readers)
	noting.Unlock()
}

func notePoll(p poll) {
	noting.Lock()
	polls[nPolls] = p
	nPolls++
	noting.Unlock()
}

// noteTimer notes a timer that was set to d ns between the moment since and now.
func noteTimer(kind string, channel uintptr, since, d, period int64) {
	id := goid()
	noting.Lock()
	timers[nTimers] = timer{id: id, kind: kind, channel: channel, from: since + d, to: nanotime() + d, nominal: d, period: period}
	nTimers++
	noting.Unlock()
}

func noteContext(done <-chan struct{}, chain string, deadline int64) {
	id := goid()
	noting.Lock()
	contexts[nContexts] = contextChain{id: id, done: receiver(done), chain: chain, deadline: deadline}
	nContexts++
	noting.Unlock()
}

// goid is the id of the calling goroutine.
func goid() int64 {
	var b [40]byte
	n := runtime.Stack(b[:], false)
	const prefix = "goroutine "
	id := int64(0)
	for _, c := range b[len(prefix):n] {
		if c < '0' || c > '9' {
			break
		}
		id = id*10 + int64(c-'0')
	}
	return id
}

// channel is the address of a channel; sender and receiver those of its ends.
func channel[T any](c chan T) uintptr    { return *(*uintptr)(unsafe.Pointer(&c)) }
func receiver[T any](c <-chan T) uintptr { return *(*uintptr)(unsafe.Pointer(&c)) }

func address[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }

// The kinds of targets.
func sendsTo[T any](c chan T) target        { return target{kind: "channel", addr: channel(c), send: true} }
func receives[T any](c chan T) target       { return target{kind: "channel", addr: channel(c)} }
func receivesFrom[T any](c <-chan T) target { return target{kind: "channel", addr: receiver(c)} }
func nilChannel(send bool) target           { return target{kind: "nil-channel", send: send} }
func mutex(m *sync.Mutex) target            { return target{kind: "mutex", addr: address(m)} }
func rwmutex(m *sync.RWMutex) target        { return target{kind: "rwmutex", addr: address(m)} }
func waitGroup(g *sync.WaitGroup) target    { return target{kind: "wait-group", addr: address(g)} }
func cond(c *sync.Cond) target              { return target{kind: "cond", addr: address(c)} }
func once(o *sync.Once) target              { return target{kind: "once", addr: address(o)} }

// at says which case of a select in source order it is.
func (t target) at(source int) target {
	t.source = source
	return t
}

// told is what is known as members of a JSON object.
func told(profiled bool, found []int64) string {
	b := append([]byte(nil), `,"waits":{"profiled":`...)
	b = strconv.AppendBool(b, profiled)
	b = append(b, `,"profile":`...)
	b = appendIDs(b, found)
	b = list(b, "goroutines", nWaiters, func(b []byte, i int) []byte { return waiters[i].append(b) })
	b = list(b, "locks", nLocks, func(b []byte, i int) []byte {
		l := &locks[i]
		b = number(text(text(b, "kind", l.kind), "name", l.name), "address", int64(l.addr))
		b = append(number(b, "holder", l.holder), `,"readers":`...)
		return appendIDs(b, l.readers[:])
	})
	b = list(b, "polls", nPolls, func(b []byte, i int) []byte {
		p := &polls[i]
		b = number(text(number(b, "goroutine", p.id), "mode", p.mode), "fd", int64(p.fd))
		b = text(text(text(b, "network", p.network), "local", p.local), "remote", p.remote)
		return number(b, "deadline_unix_ns", p.deadline)
	})
	b = list(b, "timers", nTimers, func(b []byte, i int) []byte {
		t := &timers[i]
		b = number(text(number(b, "goroutine", t.id), "kind", t.kind), "channel", int64(t.channel))
		b = number(number(number(b, "from_ns", t.from), "to_ns", t.to), "set_ns", t.nominal)
		return number(b, "period_ns", t.period)
	})
	b = list(b, "contexts", nContexts, func(b []byte, i int) []byte {
		c := &contexts[i]
		b = text(number(number(b, "goroutine", c.id), "done", int64(c.done)), "chain", c.chain)
		return number(b, "deadline_unix_ns", c.deadline)
	})
	b = number(b, "now_ns", nanotime())
	return string(append(b, '}'))
}

func (w *waiter) append(b []byte) []byte {
	b = text(text(text(number(b, "id", w.id), "shape", w.shape), "verdict", w.verdict), "op", w.op)
	sends, receives := 0, 0
	return list(b, "targets", w.n, func(b []byte, i int) []byte {
		t := &w.targets[i]
		number := number(number(text(b, "kind", t.kind), "address", int64(t.addr)), "source", int64(t.source))
		// selectgo has the sends first, and the receives from the end, as the compiler's walk/select.go lays them out.
		c := -1
		if w.op == "select" {
			if t.send {
				c = sends
				sends++
			} else {
				receives++
				c = w.n - receives
			}
		}
		number = append(number, `,"case":`...)
		number = strconv.AppendInt(number, int64(c), 10)
		return strconv.AppendBool(append(number, `,"send":`...), t.send)
	})
}

func list(b []byte, name string, n int, item func([]byte, int) []byte) []byte {
	b = append(strconv.AppendQuote(comma(b), name), ":["...)
	for i := 0; i < n; i++ {
		b = append(item(append(comma(b), '{'), i), '}')
	}
	return append(b, ']')
}

// comma separates from what came before, if anything did.
func comma(b []byte) []byte {
	if c := b[len(b)-1]; c == '{' || c == '[' {
		return b
	}
	return append(b, ',')
}

func number(b []byte, name string, v int64) []byte {
	return strconv.AppendInt(append(strconv.AppendQuote(comma(b), name), ':'), v, 10)
}

func text(b []byte, name, v string) []byte {
	return strconv.AppendQuote(append(strconv.AppendQuote(comma(b), name), ':'), v)
}

// appendIDs leaves out zeros.
func appendIDs(b []byte, ids []int64) []byte {
	b = append(b, '[')
	for _, id := range ids {
		if id != 0 {
			b = strconv.AppendInt(comma(b), id, 10)
		}
	}
	return append(b, ']')
}
