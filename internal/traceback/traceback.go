// Package traceback reads the text that a Go process prints to standard error as it dies: its panics, its fatal error or
// signal, and the stacks of its goroutines, as Go 1.18 to 1.27 write them with any setting of GOTRACEBACK. It reads text and
// nothing else: it knows neither binaries nor cores, and takes no word of the text for true.
//
// The formats come from runtime/traceback.go, runtime/panic.go and runtime/signal_unix.go of these versions.
package traceback

import "sort"

// A Print is all that one process has printed, taken apart.
type Print struct {
	Panics  []Panic  // as printed: the first panic first, the one that nobody recovered last
	Fatal   []Fatal  // "fatal error: …", in order
	Signals []Signal // in order: those that became a panic, and one for each thread that printed
	Parts   []Part   // what each thread printed, divided by "-----"; at least one
	Blocks  []Block  // stacks, in order, from the first line on that speaks of the death (all of them where none does)
	Earlier []Block  // stacks printed before that, such as by net/http for a recovered panic
	Notes   []Note   // every other line that is not blank, in order
}

// A Note is a line that belongs to nothing else.
type Note struct {
	Line int // 1-based
	Text string
}

// A Panic is one "panic: …" line with the lines that its value continues on.
type Panic struct {
	Line       int
	Value      string // as printed, less the tab before continuation lines; lines end in \n, but for the last
	Recovered  bool   // "[recovered]"
	Repanicked bool   // "[recovered, repanicked]": the same value again, printed once
}

// A Fatal is one "fatal error: …" or "fatal: …" message.
type Fatal struct {
	Line int
	Text string
}

// A Signal is either "[signal SIGSEGV: segmentation violation code=… addr=… pc=…]", one that became a panic, or the head of
// what a thread prints that a signal ended: "SIGQUIT: quit" and "PC=… m=… sigcode=…".
type Signal struct {
	Line    int
	Panic   bool   // in brackets: it became a panic
	Name    string // "SIGSEGV", or the number as printed where the runtime has no name for it
	Text    string // "segmentation violation"
	Code    int64  // si_code
	Addr    uint64 // si_addr
	HasAddr bool   // the address was printed
	PC      uint64 // address of the instruction
	M       int64  // the thread's m.id; -1: not printed
	InCgo   bool   // "signal arrived during cgo execution"
}

// A Part is what one thread has printed.
type Part struct {
	Line      int        // its first line
	Signal    int        // index in Print.Signals of the signal at its head; -1: none
	Registers []Register // the register dump at its end, in order
}

// A Register is a line of a register dump.
type Register struct {
	Line  int
	Name  string
	Value uint64
}

// A Block is one printed stack.
type Block struct {
	Line         int  // of its header
	Part         int  // index in Print.Parts
	RuntimeStack bool // "runtime stack:", the stack of a thread's g0; there is no ID then
	Goroutine
}

// A Goroutine is what a header and the lines below it say.
type Goroutine struct {
	ID      uint64 // 0: the g0 of a thread
	HasM    bool   // the header has gp= and m= (Go 1.23 and newer, GOTRACEBACK=system or crash)
	GP      uint64 // address of the g
	M       int64  // m.id; -1: m=nil, or not printed
	MP      uint64 // address of the m; 0: none
	Status  string // the wait reason of a waiting goroutine, else the status: "chan receive", "running", "syscall"
	Leaked  bool
	Scan    bool
	Durable bool // "(durable)": idle in the eyes of testing/synctest
	Minutes int64
	Locked  bool   // "locked to thread"
	Bubble  uint64 // synctest bubble, or group in Go 1.24; 0: none
	Labels  []Label

	Frames           []Frame
	Elided           []Elision
	StackUnavailable bool // "goroutine running on other thread; stack unavailable"
	CreatedBy        *Creator
	Ancestors        []Ancestor // GODEBUG=tracebackancestors
	Notes            []Note     // lines among the frames that are none, such as the unwinder's complaints
}

// A Label is a goroutine label (GODEBUG=tracebacklabels=1).
type Label struct{ Key, Value string }

// A Frame is one call, innermost first.
type Frame struct {
	Func    string // as printed: "panic" is runtime.gopanic, "[...]" stands for type arguments
	Args    string // between the parentheses; "..." for an inlined call
	File    string
	Line    int
	Offset  uint64 // pc less the function's entry; 0: not printed
	HasPC   bool   // fp=, sp= and pc= are there
	FP      uint64 // the caller's SP, that is the DWARF call frame address
	SP      uint64
	PC      uint64
	Inlined bool // the caller in the source is the next frame; it has no frame of its own
	NonGo   bool // C code, by the traceback functions of runtime.SetCgoTraceback
}

// An Elision is a place where frames were left out.
type Elision struct {
	At    int // index in Frames of the frame after the gap; len(Frames) at the end
	Count int // -1: the text does not say how many
}

// A Creator is the "created by" line.
type Creator struct {
	Func      string
	Goroutine uint64 // 0: not printed (before Go 1.21)
	File      string
	Line      int
	Offset    uint64
}

// An Ancestor is the stack that a creator had, "[originating from goroutine 7]:".
type Ancestor struct {
	ID        uint64
	Frames    []Frame
	Elided    []Elision
	CreatedBy *Creator
}

// ByID is the first block of each goroutine; later blocks of the same id show it as another thread saw it. Id 0 and
// runtime stacks, which many threads have, are left out.
func (p *Print) ByID() map[uint64]*Block {
	m := make(map[uint64]*Block, len(p.Blocks))
	for i := range p.Blocks {
		b := &p.Blocks[i]
		if b.RuntimeStack || b.ID == 0 || m[b.ID] != nil {
			continue
		}
		m[b.ID] = b
	}
	return m
}

// IDs are the ids of ByID, ascending.
func (p *Print) IDs() []uint64 {
	var l []uint64
	for id := range p.ByID() {
		l = append(l, id)
	}
	sort.Slice(l, func(i, j int) bool { return l[i] < l[j] })
	return l
}

// Crashing is the first block, that of the goroutine that died; nil where none was printed.
func (p *Print) Crashing() *Block {
	if len(p.Blocks) == 0 {
		return nil
	}
	return &p.Blocks[0]
}
