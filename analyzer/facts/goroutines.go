package facts

// Goroutines is every goroutine that is not dead, the runtime's own included.
type Goroutines struct {
	Total int `json:"total"`
	User  int `json:"user"`
	// System are those that a traceback hides by default.
	System int `json:"system"`

	ByStatus map[Status]int `json:"by_status"`
	// ByWaitReason counts the waiting ones only.
	ByWaitReason map[string]int   `json:"by_wait_reason"`
	ByQuadrant   map[Quadrant]int `json:"by_quadrant"`
	// Groups are largest first.
	Groups []Group `json:"groups"`
	// List is by id.
	List []Goroutine `json:"list"`
}

// Group is goroutines with equal pcs, status, wait reason and creator.
type Group struct {
	// ID is what Goroutine.Group refers to: 1 for the first of the list, and so on.
	ID int `json:"id"`
	// Fingerprint is equal for the same stack in another core of the same build.
	Fingerprint string        `json:"fingerprint"`
	Count       int           `json:"count"`
	Status      Status        `json:"status"`
	WaitReason  Maybe[string] `json:"wait_reason"`
	Quadrant    Quadrant      `json:"quadrant"`
	// System is whether the runtime owns its goroutines.
	System bool `json:"system"`
	// GoidRanges are [first, last], both inclusive, ascending and complete.
	GoidRanges      [][2]int64 `json:"goid_ranges"`
	WaitedAtLeastNS WaitSpread `json:"waited_at_least_ns"`
	// CreatedBy is the go statement; nil for the first goroutine and where unknown.
	CreatedBy     *Site    `json:"created_by"`
	LabelKeys     []string `json:"label_keys"`
	PendingDefers []Defer  `json:"pending_defers"`
	// Frames are innermost first: what the runtime ran for it on the thread's
	// system stack, then the innermost and the outermost FramesKept of
	// the stack. Frames may be shared between groups and are not to be changed.
	Frames []*Frame `json:"frames"`
	// FramesElided is how many frames between the two halves are left out.
	FramesElided int64  `json:"frames_elided"`
	Cycle        *Cycle `json:"cycle"`
}

// FramesKept is how many frames of each end of a stack are stored.
const FramesKept = 100

// WaitSpread is how long the goroutines of a group have waited: lower bounds.
type WaitSpread struct {
	Min    Maybe[int64] `json:"min"`
	Median Maybe[int64] `json:"median"`
	Max    Maybe[int64] `json:"max"`
	// Unknown is how many have no bound.
	Unknown int `json:"unknown"`
}

// Site is a place in the source.
type Site struct {
	Func string        `json:"func"`
	File Maybe[string] `json:"file"`
	Line Maybe[int]    `json:"line"`
}

// Defer is a deferred call that has not run.
type Defer struct {
	// Func is the deferred function, File and Line the defer statement.
	Func  string        `json:"func"`
	File  Maybe[string] `json:"file"`
	Line  Maybe[int]    `json:"line"`
	Count int           `json:"count"`
	// InApp is whether the function that deferred the call is the program's own.
	InApp bool `json:"in_app"`
}

// Cycle is the repeating part of a runaway recursion.
type Cycle struct {
	// Funcs are the functions of one round, innermost first.
	Funcs []string `json:"funcs"`
	// Repeats is how many whole rounds the stack holds.
	Repeats int64 `json:"repeats"`
	// Start is the first frame of the first round, counted from the innermost
	// frame of the whole stack, which is 0.
	Start int64 `json:"start"`
}

// Goroutine is one entry of the list.
type Goroutine struct {
	ID int64 `json:"id"`
	// Group is a Group.ID.
	Group int `json:"group"`
	// Start is the function that the go statement called; shared between entries.
	Start *Site `json:"start"`
	// Parent is the id of the goroutine that ran the go statement, 0 for none.
	Parent Maybe[int64] `json:"parent"`
	// Thread and M are unknown, too, for a goroutine that is on no thread.
	Thread          Maybe[int]   `json:"thread"`
	M               Maybe[int64] `json:"m"`
	Locked          bool         `json:"locked"`
	WaitedAtLeastNS Maybe[int64] `json:"waited_at_least_ns"`
	// Labels are the profiler labels; a value is nil where it is hidden. Shared
	// between entries.
	Labels map[string]*string `json:"labels"`
}

// Status is the state of a goroutine.
type Status string

const (
	StatusIdle      Status = "idle"
	StatusRunnable  Status = "runnable"
	StatusRunning   Status = "running"
	StatusSyscall   Status = "syscall"
	StatusWaiting   Status = "waiting"
	StatusCopystack Status = "copystack"
	StatusPreempted Status = "preempted"
	StatusLeaked    Status = "leaked"
)

// Quadrant is what a goroutine is held up by.
type Quadrant string

const (
	QuadrantChannel  Quadrant = "channel"
	QuadrantNetpoll  Quadrant = "netpoll"
	QuadrantSyscall  Quadrant = "syscall"
	QuadrantGC       Quadrant = "gc"
	QuadrantLock     Quadrant = "lock"
	QuadrantTimer    Quadrant = "timer"
	QuadrantRunning  Quadrant = "running"
	QuadrantRunnable Quadrant = "runnable"
	QuadrantOther    Quadrant = "other"
)

// Frame is one function on a stack, an inlined one included.
type Frame struct {
	// Func is the name as in a Go traceback ("main.(*Server).serve"), or
	// "library+0x1234" for C code.
	Func string        `json:"func"`
	File Maybe[string] `json:"file"`
	Line Maybe[int]    `json:"line"`
	// Source is File relative to its module.
	Source Maybe[string] `json:"source"`
	// Module is the path of the module, "std" for the standard library.
	Module Maybe[string] `json:"module"`
	InApp  bool          `json:"in_app"`
	PC     Maybe[Word]   `json:"pc"`
	// StaticPC is the pc in the binary's own, unrelocated addresses.
	StaticPC Maybe[Word] `json:"static_pc"`
	Inlined  bool        `json:"inlined"`
	Trust    Trust       `json:"trust"`
}

// Trust is how a frame was found.
type Trust string

const (
	TrustPclntab      Trust = "pclntab"
	TrustRegisters    Trust = "registers"
	TrustFramePointer Trust = "frame-pointer"
	TrustScan         Trust = "scan"
	TrustCgo          Trust = "cgo"
)
