package gosync

import (
	"fmt"

	"postmortem/coreread/image"
)

// MutexState is the state word of a sync.Mutex.
type MutexState struct {
	Locked   bool
	Woken    bool // a goroutine has been woken and tries to take it
	Starving bool // handed straight to the next waiter
	Waiters  int  // that the state counts
}

// Bits of sync.Mutex.state (src/sync/mutex.go, since 1.24 src/internal/sync/mutex.go).
const (
	mutexLocked       = 1
	mutexWoken        = 2
	mutexStarving     = 4
	mutexWaitersShift = 3
)

// Mutex reads the sync.Mutex at the address.
func (r *Reader) Mutex(at image.Addr) (MutexState, error) {
	o := &r.offsets.mutex
	data, err := r.object("mutex", at, o.bytes, o.err)
	if err != nil {
		return MutexState{}, err
	}
	return decodeMutex(r.memory.order.Uint32(data[o.state:])), nil
}

func decodeMutex(state uint32) MutexState {
	return MutexState{
		Locked:   state&mutexLocked != 0,
		Woken:    state&mutexWoken != 0,
		Starving: state&mutexStarving != 0,
		Waiters:  int(state >> mutexWaitersShift),
	}
}

// RWMutexState is the state of a sync.RWMutex.
type RWMutexState struct {
	Writers MutexState // the lock that writers take first
	Locked  bool       // held for writing
	// WriterWaits says that a writer has the writers' lock and waits for Readers to leave.
	WriterWaits bool
	Readers     int // hold it for reading
	// ReadersWait is how many readers wait for the writer that holds it or is before them.
	ReadersWait int
}

// rwmutexMaxReaders is what a writer takes from readerCount to tell readers that
// it is there (src/sync/rwmutex.go).
const rwmutexMaxReaders = 1 << 30

// RWMutex reads the sync.RWMutex at the address.
func (r *Reader) RWMutex(at image.Addr) (RWMutexState, error) {
	o := &r.offsets.rwmutex
	data, err := r.object("rwmutex", at, o.bytes, o.err)
	if err != nil {
		return RWMutexState{}, err
	}
	order := r.memory.order
	s := RWMutexState{Writers: decodeMutex(order.Uint32(data[o.w+r.offsets.mutex.state:]))}
	count, departing := int32(order.Uint32(data[o.readerCount:])), int32(order.Uint32(data[o.departing:]))
	if count >= 0 {
		s.Readers = int(count)
		return s, nil
	}
	readers := int64(count) + rwmutexMaxReaders
	if readers < 0 || departing < 0 || int64(departing) > readers {
		return s, fmt.Errorf("the rwmutex at %v counts %d readers and %d of them to wait for", at, count, departing)
	}
	s.Locked, s.WriterWaits = departing == 0, departing > 0
	s.Readers, s.ReadersWait = int(departing), int(readers)-int(departing)
	return s, nil
}

// WaitGroupState is the state of a sync.WaitGroup.
type WaitGroupState struct {
	Counter int
	Waiters int
}

// waitGroupWaiters leaves out the flag of a wait group in a synctest bubble (since 1.25).
const waitGroupWaiters = 1<<31 - 1

// WaitGroup reads the sync.WaitGroup at the address.
func (r *Reader) WaitGroup(at image.Addr) (WaitGroupState, error) {
	o := &r.offsets.waitGroup
	data, err := r.object("wait group", at, o.bytes, o.err)
	if err != nil {
		return WaitGroupState{}, err
	}
	state := r.memory.order.Uint64(data[o.state:])
	return WaitGroupState{Counter: int(int32(state >> 32)), Waiters: int(state & waitGroupWaiters)}, nil
}

// OnceState is the state of a sync.Once.
type OnceState struct {
	Done  bool       // its function has returned
	Mutex MutexState // locked while the function runs
}

// Once reads the sync.Once at the address.
func (r *Reader) Once(at image.Addr) (OnceState, error) {
	o := &r.offsets.once
	data, err := r.object("once", at, o.bytes, o.err)
	if err != nil {
		return OnceState{}, err
	}
	s := OnceState{Mutex: decodeMutex(r.memory.order.Uint32(data[o.mutex+r.offsets.mutex.state:]))}
	for _, b := range data[o.done.Offset : o.done.Offset+o.done.Size] {
		s.Done = s.Done || b != 0
	}
	return s, nil
}

// CondState is the state of a sync.Cond.
type CondState struct {
	LockerTable image.Addr // itab of the Locker in L; 0 for none
	Locker      image.Addr // what it points to
	// Waiting is how many goroutines have begun to wait and have not been signalled.
	Waiting uint32
	Queue   Queue
}

// Cond reads the sync.Cond at the address.
func (r *Reader) Cond(at image.Addr) (CondState, error) {
	o, n := &r.offsets.cond, &r.offsets.notify
	data, err := r.object("cond", at, o.bytes, o.err)
	if err != nil {
		return CondState{}, err
	}
	order := r.memory.order
	s := CondState{LockerTable: image.Addr(order.Uint64(data[o.locker:])), Locker: image.Addr(order.Uint64(data[o.locker+8:]))}
	list := data[o.notify:]
	s.Waiting = order.Uint32(list[n.wait:]) - order.Uint32(list[n.notify:])
	s.Queue, err = r.queue(image.Addr(order.Uint64(list[n.head:])))
	return s, err
}

// Semaphore reads the word of a semaphore: how many may still pass without waiting.
func (r *Reader) Semaphore(at image.Addr) (uint32, error) {
	data, err := r.object("semaphore", at, 4, nil)
	if err != nil {
		return 0, err
	}
	return r.memory.order.Uint32(data), nil
}

// object reads the bytes of an object; unknown is why its layout is not known.
func (r *Reader) object(what string, at image.Addr, n uint64, unknown error) ([]byte, error) {
	if unknown != nil {
		return nil, fmt.Errorf("reading the %s at %v: %w", what, at, unknown)
	}
	data := r.memory.bytes(at, n)
	if data == nil {
		return nil, fmt.Errorf("reading the %s at %v: %w", what, at, &image.FaultError{Addr: at, Len: n})
	}
	return data, nil
}
