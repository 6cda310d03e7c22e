package layout

// GStatus is the state of a goroutine (g.atomicstatus): src/runtime/runtime2.go,
// the same numbers in 1.18 to 1.27; Leaked and DeadExtra since 1.26.
type GStatus uint32

const (
	GIdle      GStatus = 0
	GRunnable  GStatus = 1
	GRunning   GStatus = 2
	GSyscall   GStatus = 3
	GWaiting   GStatus = 4
	GMoribund  GStatus = 5 // not used
	GDead      GStatus = 6 // also the callback goroutines of idle extra Ms until 1.25
	GEnqueue   GStatus = 7 // not used
	GCopystack GStatus = 8
	GPreempted GStatus = 9
	GLeaked    GStatus = 10
	GDeadExtra GStatus = 11 // callback goroutine of an extra M

	// GScan is set on top of a state while something else than the goroutine
	// owns its stack: the collector, a profile, a trace.
	GScan GStatus = 0x1000
)

// Base returns the state without GScan.
func (s GStatus) Base() GStatus { return s &^ GScan }

// Dead reports whether the goroutine is none: never used, finished, or kept
// ready for calls from C.
func (s GStatus) Dead() bool {
	b := s.Base()
	return b == GDead || b == GDeadExtra || b == GMoribund || b == GEnqueue
}

// Known reports whether s is a state that some version gives a goroutine.
func (s GStatus) Known() bool {
	return s.Base() <= GDeadExtra && s.Base() != GMoribund && s.Base() != GEnqueue
}

// String returns the name of the state, as in reports; "" for an unknown one.
func (s GStatus) String() string {
	switch s.Base() {
	case GIdle:
		return "idle"
	case GRunnable:
		return "runnable"
	case GRunning:
		return "running"
	case GSyscall:
		return "syscall"
	case GWaiting:
		return "waiting"
	case GDead, GDeadExtra:
		return "dead"
	case GCopystack:
		return "copystack"
	case GPreempted:
		return "preempted"
	case GLeaked:
		return "leaked"
	}
	return ""
}

// PStatus is the state of a P (p.status), the same numbers in 1.18 to 1.27.
type PStatus uint32

const (
	PIdle    PStatus = 0
	PRunning PStatus = 1
	PSyscall PStatus = 2 // not used since 1.26, see SyscallKeepsP
	PGCStop  PStatus = 3
	PDead    PStatus = 4
)

// String returns the name of the state, as in reports; "" for an unknown one.
func (s PStatus) String() string {
	if s > PDead {
		return ""
	}
	return [...]string{"idle", "running", "syscall", "gcstop", "dead"}[s]
}

// ThrowType is who is to blame for a throw (m.throwing).
type ThrowType int32

const (
	ThrowNone    ThrowType = 0
	ThrowUser    ThrowType = 1 // fatal: the program broke a rule (since 1.19)
	ThrowRuntime ThrowType = 2 // throw, or a fatal signal
)

// ThrowType translates m.throwing: in 1.18 every throw is 1.
func (l *Layout) ThrowType(n int32) ThrowType {
	if n == 1 && !l.Has(ThrowingHasType) {
		return ThrowRuntime
	}
	return ThrowType(n)
}

// GCPhase is runtime.gcphase.
type GCPhase uint32

const (
	GCOff             GCPhase = 0 // sweeping, or done
	GCMark            GCPhase = 1
	GCMarkTermination GCPhase = 2
)

// String returns the name of the phase; "" for an unknown one.
func (p GCPhase) String() string {
	if p > GCMarkTermination {
		return ""
	}
	return [...]string{"off", "mark", "mark termination"}[p]
}

// GCMode is work.mode, of the cycle that is under way or was last.
type GCMode int64

const (
	GCBackground GCMode = 0 // concurrent
	GCForce      GCMode = 1 // stop the world, concurrent sweep
	GCForceBlock GCMode = 2 // stop the world for both
)

// SpanState is mspan.state, the same numbers in 1.18 to 1.27.
type SpanState uint8

const (
	SpanDead   SpanState = 0
	SpanInUse  SpanState = 1 // heap objects
	SpanManual SpanState = 2 // stacks and memory of the runtime itself
)

// FreezeStopWait is sched.stopwait while a crash freezes the world
// (freezetheworld); it is no stop-the-world then.
const FreezeStopWait = 0x7fffffff

// Bounds that are the same in 1.18 to 1.27.
const (
	PageSize      = 8 << 10            // bytes of a page of the heap
	ArenaBytes    = 64 << 20           // bytes of a heap arena on linux
	RunqLen       = 256                // entries of p.runq, a ring
	SemTableLen   = 251                // entries of semtable; an address is in (addr>>3) % SemTableLen
	StackPreempt  = 0xfffffffffffffade // g.stackguard0 of a goroutine that is asked to stop
	StackFork     = 0xfffffffffffffb2e // g.stackguard0 of a goroutine in fork
	TinySpanClass = 5                  // tiny blocks: several objects without pointers in 16 bytes
)

// ArenaBaseOffset is subtracted from an address before its arena index is
// taken: (addr - ArenaBaseOffset) / ArenaBytes (src/runtime/malloc.go).
func (l *Layout) ArenaBaseOffset() uint64 {
	if l.arch == "amd64" {
		return 0xffff800000000000
	}
	return 0
}
