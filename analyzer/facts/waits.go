package facts

// Waits is who waits for what, who holds it, and who will never be woken.
type Waits struct {
	// Resources are what goroutines wait for and what waiting goroutines hold;
	// those with the most waiters first.
	Resources      []Resource `json:"resources"`
	ResourcesTotal int        `json:"resources_total"`
	// Edges are by goroutine, then in the order in which it waits.
	Edges      []WaitEdge `json:"edges"`
	EdgesTotal int        `json:"edges_total"`
	// Cycles are deadlocks: goroutines each of which waits for the next. Longest pile behind first.
	Cycles      []WaitCycle `json:"cycles"`
	CyclesTotal int         `json:"cycles_total"`
	// HeadBlockers wait for nobody that waits for another goroutine, and others wait
	// for them; those with the most behind them first.
	HeadBlockers      []HeadBlocker `json:"head_blockers"`
	HeadBlockersTotal int           `json:"head_blockers_total"`
	// Leaks are the blocked goroutines that nothing will wake, complete; nil when
	// that could not be found out.
	Leaks *Leaks `json:"leaks"`
}

// Bounds of the arrays of Waits. What a cycle or a head blocker names is listed
// whatever its place.
const (
	ResourcesCap    = 2000
	WaitEdgesCap    = 5000
	WaitCyclesCap   = 100
	HeadBlockersCap = 100
	HoldersCap      = 100 // of one resource: readers are many
	ReferrersCap    = 20
)

// Resource is something that a goroutine can wait for.
type Resource struct {
	ID      int          `json:"id"` // that Edge.Resource refers to; from 1 on
	Kind    ResourceKind `json:"kind"`
	Address Maybe[Word]  `json:"address"` // of the object, a channel's hchan; unknown for those without one
	// Type is "chan main.Job", "sync.Mutex", "*net.TCPConn" and the like.
	Type Maybe[string] `json:"type"`
	// Name is the variable or type and field that it lies in: "main.mu", "main.Store.mu".
	Name Maybe[string] `json:"name"`
	// WaiterCount is how many goroutines wait for it.
	WaiterCount  int      `json:"waiter_count"`
	Holders      []Holder `json:"holders"`
	HoldersTotal int      `json:"holders_total"`
	// Exactly the one that fits the kind is not nil, and none where its state could
	// not be read or the kind has none.
	Channel   *ChannelState   `json:"channel"`
	Lock      *LockState      `json:"lock"`
	WaitGroup *WaitGroupState `json:"wait_group"`
	Poll      *PollState      `json:"poll"`
	Syscall   *SyscallState   `json:"syscall"`
	Timer     *TimerState     `json:"timer"`
	Context   *ContextState   `json:"context"` // besides Channel, for the channel of a context's Done
}

// ResourceKind is what a resource is.
type ResourceKind string

// The kinds of resources.
const (
	ResourceChannel    ResourceKind = "channel"
	ResourceNilChannel ResourceKind = "nil-channel"  // one for all: nobody ever wakes who waits for it
	ResourceNothing    ResourceKind = "select-none"  // select {}, likewise
	ResourceMutex      ResourceKind = "mutex"        // sync.Mutex
	ResourceRWMutex    ResourceKind = "rwmutex"      // sync.RWMutex
	ResourceWaitGroup  ResourceKind = "wait-group"   // sync.WaitGroup
	ResourceCond       ResourceKind = "cond"         // sync.Cond
	ResourceOnce       ResourceKind = "once"         // sync.Once
	ResourceSemaphore  ResourceKind = "semaphore"    // a runtime semaphore of no known owner
	ResourceFDLock     ResourceKind = "fd-lock"      // the lock that a file or connection has for its readers or writers
	ResourcePoll       ResourceKind = "poll"         // a file descriptor in the network poller
	ResourceSyscall    ResourceKind = "syscall"      // a system call
	ResourceC          ResourceKind = "c"            // C code
	ResourceSleep      ResourceKind = "sleep"        // time.Sleep
	ResourceWorld      ResourceKind = "world"        // a stop of the world, or the world's start
	ResourceGC         ResourceKind = "gc"           // the collector: a cycle, an assist
	ResourceIdle       ResourceKind = "runtime-idle" // the runtime's own workers without work
	ResourceOther      ResourceKind = "other"
)

// Holder is a goroutine that has to do something before the waiters go on.
type Holder struct {
	Goroutine  int64      `json:"goroutine"`
	Confidence Confidence `json:"confidence"`
	// Reader says that it holds a sync.RWMutex for reading.
	Reader bool `json:"reader"`
	// Func, File and Line are where it took the resource.
	TakenAt  *Site    `json:"taken_at"`
	Evidence []string `json:"evidence"`
}

// ChannelState is a channel as it stood.
type ChannelState struct {
	Element   Maybe[string] `json:"element"` // type
	Length    uint64        `json:"length"`
	Capacity  uint64        `json:"capacity"`
	Closed    bool          `json:"closed"`
	Senders   int           `json:"senders"` // that wait
	Receivers int           `json:"receivers"`
	// Timer says that a time.Timer or time.Ticker sends on it.
	Timer *TimerState `json:"timer"`
	// ReferencedBy are what else leads to it by one step: goroutines and variables.
	// It is nil when the heap was not searched.
	ReferencedBy      []Referrer `json:"referenced_by"`
	ReferencedByTotal int        `json:"referenced_by_total"`
}

// Referrer is a goroutine that has a reference on its stack, or a variable.
type Referrer struct {
	Goroutine Maybe[int64]  `json:"goroutine"`
	Variable  Maybe[string] `json:"variable"`
}

// LockState is the decoded words of a sync.Mutex or sync.RWMutex.
type LockState struct {
	Locked   bool `json:"locked"` // for writing
	Starving bool `json:"starving"`
	Woken    bool `json:"woken"`
	// Waiters is what the state word counts, which is not always how many are queued.
	Waiters int64 `json:"waiters"`
	// Readers hold it; WriterWaits says that a writer waits for them, and later readers for it.
	Readers     int64 `json:"readers"`
	WriterWaits bool  `json:"writer_waits"`
}

// WaitGroupState is the decoded words of a sync.WaitGroup.
type WaitGroupState struct {
	Counter int64 `json:"counter"`
	Waiters int64 `json:"waiters"`
}

// PollState is a file descriptor that goroutines wait for in the poller.
type PollState struct {
	FD        Maybe[int64]  `json:"fd"`
	Network   Maybe[string] `json:"network"` // "tcp", "unix", "udp"; unknown for files and pipes
	Local     Maybe[string] `json:"local"`   // address
	Remote    Maybe[string] `json:"remote"`
	Listening Maybe[bool]   `json:"listening"`
	Closing   bool          `json:"closing"`
	// Deadlines are relative to the moment of death, negative when they have passed;
	// unknown when there are none or when that moment is not known.
	ReadDeadlineNS  Maybe[int64] `json:"read_deadline_ns"`
	WriteDeadlineNS Maybe[int64] `json:"write_deadline_ns"`
}

// SyscallState is a system call that a goroutine is in.
type SyscallState struct {
	Number Maybe[int64]  `json:"number"`
	Name   Maybe[string] `json:"name"`
	FD     Maybe[int64]  `json:"fd"` // its first argument, of those calls that take one
	// Target is what the descriptor is, as far as the Go side knows.
	Target *PollState `json:"target"`
}

// TimerState is when a timer fires.
type TimerState struct {
	// FiresInNS is relative to the moment of death, negative when it was due.
	FiresInNS Maybe[int64] `json:"fires_in_ns"`
	PeriodNS  int64        `json:"period_ns"` // 0 for a timer that fires once
	Stopped   bool         `json:"stopped"`
}

// ContextState is the context whose Done channel a resource is.
type ContextState struct {
	// Chain is the context and its parents, as types: "context.timerCtx", "context.cancelCtx".
	Chain []string `json:"chain"`
	// DeadlineInNS is the earliest of the chain, relative to the moment of death.
	DeadlineInNS Maybe[int64] `json:"deadline_in_ns"`
	Canceled     Maybe[bool]  `json:"canceled"`
}

// WaitOp is what a goroutine does while it waits.
type WaitOp string

// What goroutines do while they wait.
const (
	OpSend    WaitOp = "send"
	OpReceive WaitOp = "receive"
	OpLock    WaitOp = "lock"
	OpRLock   WaitOp = "rlock"
	OpWait    WaitOp = "wait"
	OpRead    WaitOp = "read"
	OpWrite   WaitOp = "write"
	OpCall    WaitOp = "call"
	OpSleep   WaitOp = "sleep"
	OpIdle    WaitOp = "idle"
)

// WaitEdge is one goroutine waiting for one resource. A select has one for each case.
type WaitEdge struct {
	Goroutine int64  `json:"goroutine"`
	Resource  int    `json:"resource"`
	Op        WaitOp `json:"op"`
	// Case is the index among the cases of a select, as runtime.selectgo numbers
	// them; unknown for what is no select.
	Case           Maybe[int]   `json:"case"`
	SinceAtLeastNS Maybe[int64] `json:"since_at_least_ns"`
}

// WaitCycle is a deadlock: Goroutines[i] waits for Resources[i], which Goroutines[i+1]
// holds, and the last one's is held by the first. In a knot of several cycles it is
// a shortest one.
type WaitCycle struct {
	Goroutines []int64 `json:"goroutines"`
	Resources  []int   `json:"resources"`
	// Confidence is that of the weakest leg.
	Confidence Confidence `json:"confidence"`
	// Legs say each step in words: "goroutine 21 holds main.a.mu and waits for main.b.mu".
	Legs []string `json:"legs"`
	// Knot are all goroutines that wait for each other around it, as ranges.
	Knot [][2]int64 `json:"knot"`
	// Behind is how many more wait for those, directly or not.
	Behind int `json:"behind"`
}

// HeadBlocker is a goroutine that others wait for.
type HeadBlocker struct {
	Goroutine int64 `json:"goroutine"`
	Direct    int   `json:"direct"`
	Total     int   `json:"total"`
	// Resources are what they wait for directly.
	Resources  []int      `json:"resources"`
	Confidence Confidence `json:"confidence"`
}

// Leaks are verdicts on blocked goroutines.
type Leaks struct {
	Proven   int `json:"proven"`
	Likely   int `json:"likely"`
	Possible int `json:"possible"`
	// NotProven says why no leak can be proven, unknown when they can: a gap may
	// hide what would wake a goroutine.
	NotProven Maybe[string] `json:"not_proven"`
	// Groups are complete, most goroutines first.
	Groups []LeakGroup `json:"groups"`
}

// LeakGroup is goroutines of one group with one verdict.
type LeakGroup struct {
	Verdict    Confidence `json:"verdict"`
	Group      int        `json:"group"` // Goroutines.Groups
	Count      int        `json:"count"`
	GoidRanges [][2]int64 `json:"goid_ranges"`
	// Reason says why in words: "nothing that can run refers to the channel".
	Reason string `json:"reason"`
	// Path leads from a variable to what they wait for; only where one is known.
	Path []string `json:"path"`
	// RetainedBytes is what they keep on the heap.
	RetainedBytes Maybe[uint64] `json:"retained_bytes"`
	StackBytes    uint64        `json:"stack_bytes"`
}
