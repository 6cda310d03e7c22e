package testcores

// Waits is what a process of the program waits knows of its goroutines, by construction.
type Waits struct {
	// Profiled says that Profile is what the runtime's own goroutineleak profile found, taken when all goroutines were
	// parked but the one that took it. The goroutines in it had the status leaked (10) from then on, and their header in
	// the print says so: "[chan send (leaked)]".
	Profiled bool    `json:"profiled"`
	Profile  []int64 `json:"profile"` // goroutine ids

	Goroutines []WaitingGoroutine `json:"goroutines"` // in order of their start; without those of the standard library and one that has not run
	Locks      []WaitLock         `json:"locks"`      // those of which is known who holds them
	Polls      []WaitPoll         `json:"polls"`
	Timers     []WaitTimer        `json:"timers"`
	Contexts   []WaitContext      `json:"contexts"`
	NowNS      int64              `json:"now_ns"` // the runtime's clock, shortly before the end
}

// The verdicts of WaitingGoroutine.
const (
	// VerdictLeaked: nothing that can run refers to what the goroutine waits for. This is what the runtime's profile lists.
	VerdictLeaked = "leaked"
	// VerdictBlind: nothing will ever wake it, but a variable, a cache or a finalizer refers to what it waits for, or it
	// waits in a way that the runtime never calls leaked; the runtime's profile does not list it.
	VerdictBlind = "blind"
	// VerdictLive: it runs, or something that can run may wake it.
	VerdictLive = "live"
)

// WaitingGoroutine is one goroutine.
type WaitingGoroutine struct {
	ID    int64  `json:"id"`
	Shape string `json:"shape"` // says in words which case it is; goroutines in the same case share it, and so do all versions
	// Verdict is one of the constants.
	Verdict string `json:"verdict"`
	// Op is send, receive, select, select-none, lock, rlock, wait, read, write, call, sleep, coroutine or run.
	Op string `json:"op"`
	// Targets are what it waits for: one; of a select one for each case, in source order; none of select {} and of what
	// has no object.
	Targets []WaitTarget `json:"targets"`
}

// WaitTarget is what a goroutine waits for.
type WaitTarget struct {
	// Kind is channel, nil-channel, mutex, rwmutex, wait-group, cond, once, semaphore.
	Kind string `json:"kind"`
	// Address is that of the channel (hchan) or of the object of package sync; of a once that of the sync.Once, not of the
	// mutex in it; of a semaphore that of its word; 0 of a nil channel.
	Address uint64 `json:"address"`
	Send    bool   `json:"send"`
	Source  int    `json:"source"` // position among the cases of a select in source order
	Case    int    `json:"case"`   // the same as runtime.selectgo numbers them; -1 outside of a select
}

// WaitLock is a lock whose holders are known.
type WaitLock struct {
	Kind    string `json:"kind"` // mutex, rwmutex
	Address uint64 `json:"address"`
	// Name is how the lock should be named, by type and field ("main.ledger.mu") or variable ("main.registryMu"); "" where
	// it is a variable of its own on the heap.
	Name    string  `json:"name"`
	Holder  int64   `json:"holder"`  // goroutine id; 0: no living goroutine has it (for writing, of an rwmutex)
	Readers []int64 `json:"readers"` // goroutine ids of those that live; a reader that has ended is not among them
}

// WaitPoll is a goroutine that waits for a file descriptor.
type WaitPoll struct {
	Goroutine int64  `json:"goroutine"`
	Mode      string `json:"mode"` // read (and accept), write
	FD        int    `json:"fd"`
	Network   string `json:"network"` // tcp, udp, unix; pipe for a pipe
	Local     string `json:"local"`   // "" where there is none
	Remote    string `json:"remote"`
	Deadline  int64  `json:"deadline_unix_ns"` // of the direction, 0: none
}

// WaitTimer is a timer or a sleep that will wake a goroutine, or would.
type WaitTimer struct {
	Goroutine int64  `json:"goroutine"` // that waits for it, or has set it
	Kind      string `json:"kind"`      // sleep, timer, ticker, func (time.AfterFunc), context, stopped
	Channel   uint64 `json:"channel"`   // address; 0: none
	// FromNS and ToNS are bounds of the moment at which it fires next, on the runtime's clock; of a ticker at which it fires first.
	FromNS   int64 `json:"from_ns"`
	ToNS     int64 `json:"to_ns"`
	SetNS    int64 `json:"set_ns"` // how long it was set to
	PeriodNS int64 `json:"period_ns"`
}

// WaitContext is a context that a goroutine waits for.
type WaitContext struct {
	Goroutine int64  `json:"goroutine"`
	Done      uint64 `json:"done"` // address of the channel
	// Chain are the types from the context whose channel it is to the root, with spaces between: "context.cancelCtx context.backgroundCtx".
	Chain    string `json:"chain"`
	Deadline int64  `json:"deadline_unix_ns"` // the earliest of the chain; 0: none
}
