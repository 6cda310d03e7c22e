package facts

// Thread is one thread of the process.
type Thread struct {
	TID int `json:"tid"`
	// Goroutine is the id of the one it runs; unknown, too, for a thread that runs none.
	Goroutine Maybe[int64] `json:"goroutine"`
	M         Maybe[int64] `json:"m"`
	// Signal is the number of the signal that the core names for this thread, 0 for none.
	Signal    Maybe[int]      `json:"signal"`
	Registers map[string]Word `json:"registers"`
	// RegistersOf says of which moment Registers and InstructionBytes are.
	RegistersOf RegistersOf `json:"registers_of"`
	// InstructionBytes is the code at the pc, in hexadecimal.
	InstructionBytes Maybe[string] `json:"instruction_bytes"`
	State            ThreadState   `json:"state"`
	// Frames are innermost first, C frames as library+offset.
	Frames       []*Frame `json:"frames"`
	FramesElided int64    `json:"frames_elided"`
}

// RegistersOf is a moment in a thread's life.
type RegistersOf string

const (
	// RegistersAtDump is when the core was written.
	RegistersAtDump RegistersOf = "dump"
	// RegistersAtSignal is when the first signal came whose handler the thread
	// is still in.
	RegistersAtSignal RegistersOf = "signal"
)

// ThreadState is what a thread was doing.
type ThreadState string

const (
	ThreadGo            ThreadState = "go"             // runs a goroutine's code
	ThreadRuntime       ThreadState = "runtime"        // runs the runtime's own code on its system stack
	ThreadSyscall       ThreadState = "syscall"        // in a system call
	ThreadFutex         ThreadState = "futex"          // asleep until another thread wakes it
	ThreadNetpoll       ThreadState = "netpoll"        // waits for the network and timers
	ThreadSignalHandler ThreadState = "signal-handler" // runs Go's signal handler
	ThreadC             ThreadState = "c"              // in C code
	ThreadUnknown       ThreadState = "unknown"
)

// Scheduler is the state of the Go scheduler.
type Scheduler struct {
	GOMAXPROCS Maybe[int] `json:"gomaxprocs"`
	Ms         Maybe[int] `json:"ms"`
	IdleMs     Maybe[int] `json:"idle_ms"`
	SpinningMs Maybe[int] `json:"spinning_ms"`
	// RunQueue is the length of the global queue.
	RunQueue Maybe[int] `json:"run_queue"`
	PerP     []P        `json:"per_p"`
}

// P is one of GOMAXPROCS processors.
type P struct {
	ID int `json:"id"`
	// Status is "idle", "running", "syscall", "gcstop" or "dead".
	Status   Maybe[string] `json:"status"`
	RunQueue Maybe[int]    `json:"run_queue"`
	// M is the id of the M that holds it; unknown, too, when none does.
	M Maybe[int64] `json:"m"`
}

// GC is the state of the garbage collector.
type GC struct {
	// Phase is "off", "mark" or "mark termination".
	Phase  Maybe[string] `json:"phase"`
	Cycles Maybe[int64]  `json:"cycles"`
	// ForcedCycles are those of Cycles that the program asked for with runtime.GC.
	ForcedCycles  Maybe[int64]  `json:"forced_cycles"`
	StopTheWorld  StopTheWorld  `json:"stop_the_world"`
	Barrier       Barrier       `json:"barrier"`
	HeapLiveBytes Maybe[uint64] `json:"heap_live_bytes"`
	HeapGoalBytes Maybe[uint64] `json:"heap_goal_bytes"`
	// HeapMarkedBytes is what the last cycle found live.
	HeapMarkedBytes Maybe[uint64] `json:"heap_marked_bytes"`
	// GOGC is the percentage, -1 when the collector is off.
	GOGC        Maybe[int64] `json:"gogc"`
	MemoryLimit MemoryLimit  `json:"memory_limit"`
	Pauses      Pauses       `json:"pauses"`
	// LastGCAgeNS is from the end of the last cycle to Time.LastSeen.
	LastGCAgeNS Maybe[int64] `json:"last_gc_age_ns"`
	// CPULimiter is whether the collector's CPU limiter was on.
	CPULimiter Maybe[bool] `json:"cpu_limiter"`
}

// StopTheWorld is whether all goroutines were being stopped. The freeze that a
// crash does is none.
type StopTheWorld struct {
	InProgress Maybe[bool]   `json:"in_progress"`
	Reason     Maybe[string] `json:"reason"`
	// Goroutine is the one on whose behalf the world is stopped.
	Goroutine Maybe[int64] `json:"goroutine"`
	// WaitingFor is what has not stopped.
	WaitingFor []NotStopped `json:"waiting_for"`
}

// Barrier is a wait until every processor has passed a safe point, as the collector
// does it between its phases. The program runs on meanwhile, the collection does not.
type Barrier struct {
	InProgress Maybe[bool] `json:"in_progress"`
	// Goroutine is the one that waits.
	Goroutine Maybe[int64] `json:"goroutine"`
	// WaitingFor is what has not passed one.
	WaitingFor []NotStopped `json:"waiting_for"`
}

// NotStopped is a processor that runs on although it is to stop, or to pass a safe point.
type NotStopped struct {
	P         Maybe[int]   `json:"p"`
	Goroutine Maybe[int64] `json:"goroutine"`
	Thread    Maybe[int]   `json:"thread"`
	// Doing says in words where it stands ("running g6 in main.spin").
	Doing Maybe[string] `json:"doing"`
	// RunsAtLeastNS is how long it has not given up its time slice; unknown where
	// the runtime's monitor had not looked yet.
	RunsAtLeastNS Maybe[int64] `json:"runs_at_least_ns"`
}

// MemoryLimit is GOMEMLIMIT.
type MemoryLimit struct {
	Set   Maybe[bool]   `json:"set"`
	Bytes Maybe[uint64] `json:"bytes"`
	// UsedBytes is what the runtime holds against the limit: all that it has mapped
	// and not given back. Go 1.18 keeps no such count.
	UsedBytes Maybe[uint64] `json:"used_bytes"`
}

// Pauses are stop-the-world pauses of the collector.
type Pauses struct {
	Count  Maybe[int64] `json:"count"`
	LastNS Maybe[int64] `json:"last_ns"`
	P50NS  Maybe[int64] `json:"p50_ns"`
	P95NS  Maybe[int64] `json:"p95_ns"`
	MaxNS  Maybe[int64] `json:"max_ns"`
}
