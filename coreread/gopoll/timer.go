package gopoll

import (
	"fmt"

	"postmortem/coreread/image"
)

// Timer is a runtime.timer.
type Timer struct {
	Addr  image.Addr
	State TimerState
	Kind  TimerKind
	// When is the reading of the runtime's clock, in nanoseconds, at which it
	// fires next; of a bubble's timer, of the bubble's clock. 0 when it is Stopped.
	When   int64
	Period int64      // ns from one firing to the next; 0 for a timer that fires once
	Func   image.Addr // entry of the function that it calls; 0 when unknown
	Arg    Value      // what it calls it with

	// The one that Kind names is not 0.
	Channel   image.Addr // hchan that it sends the time on
	Callback  image.Addr // func value given to time.AfterFunc
	Goroutine image.Addr // that sleeps
	Desc      image.Addr // pollDesc whose deadline it is

	// Processor is the id of the processor in whose heap the timer was found, -1 for none.
	Processor int32
	// Fake says that it goes by the clock of a bubble of testing/synctest; Bubble
	// is the bubble in whose heap it was found, 0 for none.
	Fake   bool
	Bubble image.Addr
}

// Value is an interface value: type descriptor and data word.
type Value struct{ Type, Data image.Addr }

// TimerState says whether a timer will fire.
type TimerState uint8

// The states of timers.
const (
	Stopped  TimerState = iota // it will not fire: it was stopped, has fired or was never set
	Pending                    // it will fire at When
	Changing                   // it was just being set, stopped or run (Go 1.22 and older)
)

func (s TimerState) String() string {
	return [...]string{"stopped", "pending", "changing"}[min(s, Changing)]
}

// TimerKind is what a timer does when it fires.
type TimerKind uint8

// The kinds of timers.
const (
	OtherTimer    TimerKind = iota // calls Func, which is the runtime's or unknown
	ChannelTimer                   // sends on a channel: time.Timer and time.Ticker
	FuncTimer                      // starts a goroutine: time.AfterFunc
	SleepTimer                     // wakes a goroutine: time.Sleep
	DeadlineTimer                  // ends waits for a file descriptor
)

func (k TimerKind) String() string {
	return [...]string{"other", "channel", "func", "sleep", "deadline"}[min(k, DeadlineTimer)]
}

// timerKinds are the functions that timers call, by name: src/time/sleep.go,
// src/runtime/time.go and src/runtime/netpoll.go, 1.18 to 1.27.
var timerKinds = map[string]TimerKind{
	"time.sendTime":                ChannelTimer,
	"time.goFunc":                  FuncTimer,
	"runtime.goroutineReady":       SleepTimer,
	"runtime.netpollDeadline":      DeadlineTimer,
	"runtime.netpollReadDeadline":  DeadlineTimer,
	"runtime.netpollWriteDeadline": DeadlineTimer,
}

// Values of timer.status until Go 1.22 (src/runtime/time.go).
const (
	timerNoStatus = iota
	timerWaiting
	timerRunning
	timerDeleted
	timerRemoving
	timerRemoved
	timerModifying
	timerModifiedEarlier
	timerModifiedLater
	timerMoving
)

// Timer reads the runtime.timer at addr. An error says that none can be there.
func (r *Reader) Timer(addr image.Addr) (Timer, error) {
	o := &r.offsets.timer
	rec, err := r.record(addr, o.size)
	if err != nil {
		return Timer{}, err
	}
	t := Timer{Addr: addr, Processor: -1, Period: rec.i64(o.period), Arg: rec.value(o.arg), Fake: rec.flag(o.isFake)}
	if o.status.present {
		t.State, t.When, err = oldState(rec.u32(o.status.off), rec.i64(o.when), rec.i64(o.nextWhen.off))
	} else if t.When = rec.i64(o.when); t.When > 0 {
		t.State = Pending // timer.stop and a timer that has fired leave 0 (1.23)
	}
	switch {
	case err != nil:
		return Timer{}, err
	case t.When < 0 || t.Period < 0 || t.State == Pending && t.When == 0:
		return Timer{}, fmt.Errorf("it fires at %d, then every %d ns", t.When, t.Period)
	}
	if f := rec.addr(o.f); f != 0 {
		fn := r.timerFunc(f)
		t.Func, t.Kind = fn.entry, fn.kind
	}
	r.follow(&t)
	return t, nil
}

// oldState is what a status until Go 1.22 means: while a timer is modified, its
// place in the heap is still that of when (src/runtime/time.go, modtimer).
func oldState(status uint32, when, next int64) (TimerState, int64, error) {
	switch status {
	case timerWaiting:
		return Pending, when, nil
	case timerModifiedEarlier, timerModifiedLater, timerMoving:
		return Pending, next, nil
	case timerRunning, timerModifying:
		return Changing, when, nil
	case timerNoStatus, timerDeleted, timerRemoving, timerRemoved:
		return Stopped, 0, nil
	}
	return Stopped, 0, fmt.Errorf("its status %d does not exist", status)
}

// follow finds what t acts on. A timer whose argument is not what its function
// takes is none of that kind.
func (r *Reader) follow(t *Timer) {
	switch data := t.Arg.Data; t.Kind {
	case ChannelTimer:
		t.Channel = data
	case FuncTimer:
		t.Callback = data
	case SleepTimer:
		t.Goroutine = data
	case DeadlineTimer:
		// The interface holds &pd.self (src/runtime/netpoll.go, makeArg).
		if desc, err := r.p.Image.Addr(data); err == nil && desc+image.Addr(r.offsets.poll.self) == data {
			t.Desc = desc
		}
	}
	if t.Channel == 0 && t.Callback == 0 && t.Goroutine == 0 && t.Desc == 0 {
		t.Kind = OtherTimer
	}
}

// timerFunc is what a func value of a timer calls.
type timerFunc struct {
	entry image.Addr
	kind  TimerKind
}

// maxFuncs bounds the func values that are kept: a program has few that timers
// call, a damaged core as many as words.
const maxFuncs = 1 << 12

func (r *Reader) timerFunc(value image.Addr) timerFunc {
	if f, ok := r.funcs[value]; ok {
		return f
	}
	var f timerFunc
	if pc, err := r.p.Image.Addr(value); err == nil {
		if fn, ok := r.p.FuncAt(pc); ok && fn.Entry().Add(r.p.Bias) == pc {
			f = timerFunc{pc, timerKinds[fn.Name()]}
		}
	}
	if len(r.funcs) >= maxFuncs {
		clear(r.funcs)
	}
	r.funcs[value] = f
	return f
}
