package facts

// Crash is why the process died, or that it did not.
type Crash struct {
	Kind CrashKind `json:"kind"`
	// Message is what the runtime printed behind "panic: " or "fatal error: ",
	// without that prefix; of a chain of panics the last one's.
	Message Maybe[string] `json:"message"`
	// Goroutine is the id of the goroutine that panicked or faulted, or that the
	// signal hit.
	Goroutine Maybe[int64] `json:"goroutine"`
	// Thread is its thread's id.
	Thread Maybe[int] `json:"thread"`
	// Frames go from the frame that panicked or faulted outwards; the runtime's
	// own panic machinery is left out.
	Frames       []*Frame `json:"frames"`
	FramesElided int64    `json:"frames_elided"`
	Cycle        *Cycle   `json:"cycle"`
	// Signal is the first one that was delivered; nil when none is known.
	Signal *Signal `json:"signal"`
	// DumpSignal is the one that wrote the core.
	DumpSignal *Signal `json:"dump_signal"`
	// Panics are in the order in which the runtime prints them, the earliest first.
	Panics []Panic `json:"panics"`
	// Values are the arguments and local variables of the crashing goroutine's
	// frames, innermost first, as far as they can be read. They are contents of
	// memory: nil unless they were asked for.
	Values []FrameValues `json:"values"`
	// RuntimePrintTail is the end of what the runtime printed before it began to die.
	RuntimePrintTail Maybe[string] `json:"runtime_print_tail"`
}

// FrameValues is what one function held: its arguments, receiver first, and its
// local variables, named results among them.
type FrameValues struct {
	Func      string        `json:"func"`
	File      Maybe[string] `json:"file"`
	Line      Maybe[int]    `json:"line"`
	PC        Word          `json:"pc"`
	Arguments []Variable    `json:"arguments"`
	Locals    []Variable    `json:"locals"`
	// Problem is why something is not here; unknown when all is.
	Problem Maybe[string] `json:"problem"`
}

// Variable is one argument or local variable: Value in the form of Go source,
// cut short where it is long, or why it is Unreadable.
type Variable struct {
	Name       string        `json:"name"`
	Type       string        `json:"type"`
	Value      Maybe[string] `json:"value"`
	Unreadable Maybe[string] `json:"unreadable"`
}

// CrashKind is how the process ended.
type CrashKind string

const (
	CrashPanic        CrashKind = "panic"         // a panic that nothing recovered
	CrashFatal        CrashKind = "fatal"         // the runtime's throw or fatal error
	CrashSignal       CrashKind = "signal"        // a fault outside Go's panic
	CrashDeadlock     CrashKind = "deadlock"      // all goroutines are asleep
	CrashOutOfMemory  CrashKind = "out-of-memory" // the runtime's own throw
	CrashAbortRequest CrashKind = "abort-request" // SIGQUIT or SIGABRT from outside
	CrashAbortSelf    CrashKind = "abort-self"    // the program's own abort
	CrashSnapshot     CrashKind = "snapshot"      // a living process was dumped
	CrashUnknown      CrashKind = "unknown"
)

// Signal is one delivery of a signal.
type Signal struct {
	Number int `json:"number"`
	// Name is like "SIGSEGV".
	Name     Maybe[string] `json:"name"`
	Code     Maybe[int]    `json:"code"`
	CodeName Maybe[string] `json:"code_name"`
	// FaultAddress is the address that was accessed, for signals that have one.
	FaultAddress Maybe[Word] `json:"fault_address"`
	// PC is the instruction that was interrupted.
	PC Maybe[Word] `json:"pc"`
	// InstructionBytes is the code at PC, in hexadecimal, and Instruction the
	// first of it in Go's assembler.
	InstructionBytes Maybe[string] `json:"instruction_bytes"`
	Instruction      Maybe[string] `json:"instruction"`
	Sender           *Sender       `json:"sender"`
	// Source is where this was read ("signal context of thread 17", "NT_SIGINFO").
	Source Maybe[string] `json:"source"`
}

// Sender is who sent a signal.
type Sender struct {
	PID Maybe[int] `json:"pid"`
	Who SenderWho  `json:"who"`
}

// SenderWho classes the sender of a signal.
type SenderWho string

const (
	SenderSelf    SenderWho = "self"
	SenderOther   SenderWho = "other"
	SenderKernel  SenderWho = "kernel"
	SenderUnknown SenderWho = "unknown"
)

// Panic is one link of the panic chain.
type Panic struct {
	// Message is the value as the runtime prints it; unknown when it prints none
	// or the message is redacted.
	Message Maybe[string] `json:"message"`
	// Type is the value's dynamic type ("runtime.boundsError").
	Type      Maybe[string] `json:"type"`
	Recovered bool          `json:"recovered"`
	Goexit    bool          `json:"goexit"`
}
