package gopoll

import (
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// Timer is a runtime.timer.
type Timer struct {
	Addr  image.Addr
	State TimerState
	Kind  TimerKind
	// When is the reading of the runtime's clock, in nanoseconds, at which it
	// fires next; of a bubble's timer, of the bubble's clock. 0 unless Pending.
	When   int64
	Period int64      // ns from one firing to the next; 0 for a timer that fires once
	Func   image.Addr // entry of the function that it calls; 0 when unknown
	Arg    Value      // what it calls it with

	// Exactly the one that Kind names is not 0.
	Channel   image.Addr // hchan that it sends the time on
	Callback  image.Addr // func value of time.AfterFunc
	Goroutine image.Addr // that sleeps
	Desc      image.Addr // pollDesc whose deadline it is

	// Processor is the id of the processor in whose heap the timer is, -1 for none.
	Processor int32
	// Bubble is the bubble of testing/synctest that it belongs to, 0 for none: its
	// time is not the process's.
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
	Changing                   // another goroutine was just about to set or to stop it, or the runtime to run it
)

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

// Timers visits the timers in the heaps of all processors, stopped ones that are
// still there included, and then those of bubbles; the timer is only lent. A timer
// that serves a channel is in a heap only while a goroutine waits for the channel
// (Go 1.23 and newer). What could not be read is in the gaps.
func (r *Reader) Timers(visit func(*Timer)) error {
	return nil
}

// ChannelTimer returns the timer that sends on the channel at hchan. Before Go
// 1.23 nothing leads from a channel to its timer: there it is ok only for a timer
// in a heap.
func (r *Reader) ChannelTimer(hchan image.Addr) (Timer, bool) {
	return Timer{}, false
}

// Sleep returns the reading of the runtime's clock, in nanoseconds, until which g
// sleeps in time.Sleep. It is not ok for goroutines that do not, nor for those in
// a bubble of testing/synctest, which has a clock of its own.
func (r *Reader) Sleep(g *gort.Goroutine) (when int64, ok bool) {
	return 0, false
}

// Bubble returns the bubble of testing/synctest that g is in, 0 for none.
func (r *Reader) Bubble(g *gort.Goroutine) image.Addr { return 0 }
