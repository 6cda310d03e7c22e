package gosync

import (
	"fmt"

	"postmortem/coreread/image"
)

// Op is what a goroutine does while it waits.
type Op uint8

// What goroutines do while they wait.
const (
	None          Op = iota
	Send             // to a channel
	Receive          // from a channel, or the next value of a range over one
	Select           // with cases, whether or not any of them has a channel
	SelectNone       // select {}
	NilSend          // to a nil channel
	NilReceive       // from a nil channel
	Lock             // of a sync.Mutex, also the one within a sync.Once
	RLock            // of a sync.RWMutex
	WLock            // of a sync.RWMutex: for the writers before it, or for the readers
	WaitGroupWait    //
	CondWait         // until a sync.Cond is signalled; not the lock that it takes afterwards
	Semacquire       // a semaphore of the runtime itself, or one of which nothing more is known
	FDReadLock       // the lock that a file or connection has for its readers
	FDWriteLock      // the same for its writers
	FDClose          // Close, until the others have let go of the file
	numOps        = iota
)

var opNames = [numOps]string{
	"none", "send", "receive", "select", "select with no cases", "send to nil channel", "receive from nil channel", "lock", "rlock", "wlock",
	"wait for wait group", "wait for condition", "semacquire", "fd read lock", "fd write lock", "fd close",
}

func (o Op) String() string {
	if int(o) < len(opNames) {
		return opNames[o]
	}
	return fmt.Sprintf("op %d", uint8(o))
}

// Kind is what a Target is.
type Kind uint8

// The kinds of targets.
const (
	Unknown   Kind = iota
	Channel        // runtime.hchan
	Mutex          // sync.Mutex
	RWMutex        // sync.RWMutex
	WaitGroup      // sync.WaitGroup
	Cond           // sync.Cond
	Once           // sync.Once: its Mutex
	FD             // internal/poll.FD: its fdMutex, or the semaphore of Close
	Semaphore      // a word of which nothing more is known
	numKinds  = iota
)

var kindNames = [numKinds]string{"unknown", "channel", "mutex", "rwmutex", "wait group", "cond", "once", "fd", "semaphore"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Wait is a goroutine that waits for another one.
type Wait struct {
	Goroutine uint64     // its id
	G         image.Addr // its runtime.g
	Op        Op
	// Targets are what it waits for: one; of a Select one for each case that has a
	// channel, by case where the cases are known, else in the order of the channels'
	// addresses. There is none for SelectNone, NilSend and NilReceive.
	Targets []Target
	// Cases is how many cases a Select has, those with nil channels included; -1
	// when unknown, as where no case has a channel, and 0 for what is no Select.
	Cases int
	// Doubt says why Targets may not be all, or not what it waits for; nil when they are.
	Doubt error
}

// Target is something that a goroutine waits for.
type Target struct {
	Kind  Kind
	Addr  image.Addr // of the runtime.hchan or of the object in Kind; of Sema where that is a Semaphore
	Sema  image.Addr // the semaphore's word, since Go 1.26 also the sync.Cond's notify list; 0 for channels
	Sudog image.Addr // the runtime.sudog that stands for the goroutine in the queue; 0 when unknown
	Send  bool       // of channels: it sends
	// SideUnknown says that whether it sends or receives could not be told.
	SideUnknown bool
	// Case is the index of the case of a Select as runtime.selectgo numbers them,
	// sends first; those with nil channels count. -1 when unknown and for what is no Select.
	Case int
}
