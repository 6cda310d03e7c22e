package layout

// Feature is something that the runtime does differently from some version on,
// and that no field of a struct tells. What a field tells (g.parentGoid,
// sudog.elem.vu, schedt.runq.size) readers ask of the Struct instead.
type Feature uint8

const (
	// LabelsAreSlice: g.labels points to a slice of {key, value} strings, no
	// longer to a map[string]string (src/runtime/pprof/label.go).
	LabelsAreSlice Feature = iota
	// SyscallKeepsP: a P whose goroutine is in a system call stays PRunning with
	// p.m set; before, it is PSyscall and only m.oldp leads to it (proc.go, reentersyscall).
	SyscallKeepsP
	// ExtraMIsDeadExtra: the goroutine of an extra M that waits for a call from C
	// is GDeadExtra; before, it is GDead (proc.go, oneNewExtraM).
	ExtraMIsDeadExtra
	// WaitingHasSemaphores: g.waiting is also set in waits on semaphores and
	// sync.Cond, and only its first sudog is the goroutine's own then (sema.go).
	WaitingHasSemaphores
	// STWHasReason: the goroutine that calls stopTheWorld waits with "stopping
	// the world" (proc.go); before, its wait reason is stale.
	STWHasReason
	// GCSTWHasReason: also when the collector itself stops the world (proc.go,
	// stopTheWorldWithSema).
	GCSTWHasReason
	// ThrowingHasType: m.throwing is a throw type, not just 1 (panic.go).
	ThrowingHasType
	// LocksCountMutexes: each runtime mutex that an M holds adds MutexLocks to
	// m.locks; before, it adds 1 like everything else (lock_spinbit.go, mutexMLocksDelta).
	LocksCountMutexes
	// SpinbitMutex: mutex.key has flag bits and the address of a waiting M; before,
	// it is 0, 1 or 2 (lock_spinbit.go, lock_futex.go).
	SpinbitMutex

	// DeferSlots: the open-coded defer information has one offset of
	// consecutive closure slots; before, one offset for each defer
	// (cmd/compile/internal/ssagen, 1.22).
	DeferSlots
	// RecoverKeepsSigcode: g.sigcode0 and sigcode1 are still the fault's after a
	// recover; before, recovery passes sp and pc in them (panic.go).
	RecoverKeepsSigcode
	// SigtrampIsTop: sigtramp carries the flag that ends a stack (sys_linux_*.s).
	SigtrampIsTop
	// SystemstackSwitchHasFrame: what systemstack saves for the goroutine is a pc
	// after the prologue of systemstack_switch, with its frame; before, the entry
	// without one (asm_*.s, gosave_systemstack_switch).
	SystemstackSwitchHasFrame
	// CallerBPInMcall: mcall saves the frame pointer of its caller in g.sched.bp;
	// before, its own (asm_amd64.s).
	CallerBPInMcall
	// AsyncPreemptVectorsApart: asyncPreempt's frame has no vector registers,
	// they are in g.xRegs (preempt_*.s).
	AsyncPreemptVectorsApart

	// PanicLinesIndented: where the text of a panic or a fatal error has several
	// lines, those after the first are printed with a tab before them (error.go,
	// printindented).
	PanicLinesIndented
	// RepanicPrintedOnce: a value that was recovered and panicked again is printed
	// once, with a mark (panic.go, printpanics).
	RepanicPrintedOnce
	// RepanicNeedsRecover: only where that panic was recovered as well is it
	// marked as recovered (panic.go, printpanics).
	RepanicNeedsRecover
	// ShortFloats: floats are printed with as many digits as tell them apart;
	// before, with seven always (print.go, printfloat64).
	ShortFloats
	// NilPanicIsRuntimeError: the text of a PanicNilError begins as those of the
	// runtime's other errors do (panic.go).
	NilPanicIsRuntimeError
	// SlicesConvertToArrays: a slice can be converted to an array, and the text of
	// a conversion that fails speaks of both; before, only of a pointer to one
	// (error.go, boundsErrorFmts).
	SlicesConvertToArrays

	// AllocHeaders: pointers in heap objects are told by a bitmap in the span, by
	// a header before the object, or by mspan.largeType; before, by
	// heapArena.bitmap (mbitmap.go).
	AllocHeaders
	// GreenTea: spans of one page with objects of 16 to 512 bytes end in 128
	// bytes of mark bits (mgcmark_greenteagc.go).
	GreenTea
	// SpanLimitIsObjects: mspan.limit of a span in use is the end of its objects;
	// before, of its pages (mheap.go).
	SpanLimitIsObjects
	// ScanIndexWaits: mspan.freeIndexForScan stays behind freeindex while the
	// collector marks, since what is made then is marked already (malloc.go).
	ScanIndexWaits
	// CleanupGoroutines: cleanups run on goroutines of their own; before, on the
	// finalizer's (mcleanup.go).
	CleanupGoroutines

	// ProfileCycleHasFlag: the number of the heap profile's cycle is in mProfCycle,
	// above a flag bit; before, in mProf (mprof.go).
	ProfileCycleHasFlag
	// MutexEventsScaled: a mutex's profile record is scaled by the sampling rate when
	// an event is recorded; before, when the profile is written (mprof.go, pprof.go).
	MutexEventsScaled
	// PhysicalProfileStacks: block and mutex profiles record return addresses as they
	// are on the stack; before, inlined calls have entries of their own (mprof.go).
	PhysicalProfileStacks
	// HeapProfileHidesInternal: a heap profile leaves out also the functions of
	// internal/runtime that lead to the allocation (runtime/pprof/protomem.go).
	HeapProfileHidesInternal
	// ShortInlineTree: entries of inline trees have 16 bytes and the parent's pc at
	// 8; before, 20 bytes and 16 (symtabinl.go, inlinedCall).
	ShortInlineTree

	// TimersRewritten: timers know the heap that they are in, and the timer of a
	// channel is in one only while a goroutine waits for it (time.go).
	TimersRewritten
	// SwissMaps: maps are internal/runtime/maps.Map; before, runtime.hmap.
	SwissMaps
	// TraceV2: execution traces are written by generations, into buffers of the M.
	TraceV2

	// PreemptedPCIsExact: a traceback takes the pc of a goroutine that asyncPreempt
	// or a debugger interrupted as the instruction itself; before, as a return
	// address, as it never did with sigpanic's caller (traceback.go).
	PreemptedPCIsExact
)

// featureRow turns a feature on in a range of releases: since inclusive, until
// exclusive, open when zero. A row with an experiment is on or off as the
// binary's version says, otherwise on unless it is optIn.
type featureRow struct {
	feature      Feature
	since, until release
	arch         string // "" for every architecture
	experiment   string
	optIn        bool
}

var featureRows = []featureRow{
	{feature: LabelsAreSlice, since: 2400},
	{feature: SyscallKeepsP, since: 2600},
	{feature: ExtraMIsDeadExtra, since: 2600},
	{feature: WaitingHasSemaphores, since: 2600},
	{feature: STWHasReason, since: 2000},
	{feature: GCSTWHasReason, since: 2311, until: 2400},
	{feature: GCSTWHasReason, since: 2405},
	{feature: ThrowingHasType, since: 1900},
	{feature: LocksCountMutexes, since: 2700},
	{feature: SpinbitMutex, since: 2400, until: 2500, experiment: "spinbitmutex"},
	{feature: SpinbitMutex, since: 2500},

	{feature: DeferSlots, since: 2200},
	{feature: RecoverKeepsSigcode, since: 2200},
	{feature: SigtrampIsTop, since: 1900},
	{feature: SystemstackSwitchHasFrame, since: 2100, arch: "amd64"},
	{feature: SystemstackSwitchHasFrame, since: 1800, arch: "arm64"},
	{feature: CallerBPInMcall, since: 2100, arch: "amd64"},
	{feature: AsyncPreemptVectorsApart, since: 2600},

	{feature: PanicLinesIndented, since: 2300},
	{feature: RepanicPrintedOnce, since: 2500},
	{feature: RepanicNeedsRecover, since: 2600},
	{feature: ShortFloats, since: 2600},
	{feature: NilPanicIsRuntimeError, since: 2700},
	{feature: SlicesConvertToArrays, since: 2000},

	{feature: AllocHeaders, since: 2200, until: 2300, experiment: "allocheaders"},
	{feature: AllocHeaders, since: 2300},
	{feature: GreenTea, since: 2500, until: 2600, experiment: "greenteagc", optIn: true},
	{feature: GreenTea, since: 2600, experiment: "greenteagc"},
	{feature: SpanLimitIsObjects, since: 2311, until: 2400},
	{feature: SpanLimitIsObjects, since: 2405},
	{feature: ScanIndexWaits, since: 2500},
	{feature: CleanupGoroutines, since: 2500},

	{feature: ProfileCycleHasFlag, since: 1900},
	{feature: MutexEventsScaled, since: 2000},
	{feature: PhysicalProfileStacks, since: 2300},
	{feature: HeapProfileHidesInternal, since: 2400},
	{feature: ShortInlineTree, since: 2000},

	{feature: TimersRewritten, since: 2300},
	{feature: SwissMaps, since: 2400, until: 2600, experiment: "swissmap"},
	{feature: SwissMaps, since: 2600},
	{feature: TraceV2, since: 2200, until: 2300, experiment: "exectracer2"},
	{feature: TraceV2, since: 2300},
	{feature: PreemptedPCIsExact, since: 2100},
}

// Has reports whether the binary's runtime has the feature. A version newer
// than every row has what the newest has.
func (l *Layout) Has(f Feature) bool {
	for _, r := range featureRows {
		if r.feature != f || (r.arch != "" && r.arch != l.arch) || !l.version.within(r.since.version(), r.until.version()) {
			continue
		}
		if r.experiment == "" {
			return true
		}
		on, set := l.version.Experiment(r.experiment)
		return on || (!set && !r.optIn)
	}
	return false
}

// MutexLocks is what a held runtime mutex adds to m.locks with LocksCountMutexes.
const MutexLocks = 16

// Bits of mutex.key with SpinbitMutex (src/runtime/lock_spinbit.go). The bits
// above MutexFlags are those of the address of the M that waits first: its
// descriptor begins MutexMOffset above, since heap objects of that size have a
// header; &m0 has none.
const (
	MutexLocked      = 0x001
	MutexSleeping    = 0x002
	MutexSpinning    = 0x100
	MutexStackLocked = 0x200
	MutexFlags       = 0x3ff
	MutexMOffset     = 8
)

// Values of mutex.key without SpinbitMutex (src/runtime/lock_futex.go).
const (
	FutexUnlocked = 0
	FutexLocked   = 1
	FutexSleeping = 2 // locked, and threads sleep on it
)

// taggedRow is the form of the tagged pointers of lock-free stacks (lfstack).
type taggedRow struct {
	since, until        release
	addrBits, alignBits uint
}

var taggedRows = []taggedRow{
	{1800, 2500, 48, 3},
	{2500, 2504, 48, 9},
	{2504, open, 49, 9},
}

// UntagPointer returns the address in the word of a lock-free stack
// (src/runtime/tagptr_64bit.go): the upper bits of the address, sign-extended
// on amd64, with its low zero bits left out and a counter in their place.
func (l *Layout) UntagPointer(word uint64) uint64 {
	for _, r := range taggedRows {
		if !l.version.within(r.since.version(), r.until.version()) {
			continue
		}
		tagBits := 64 - r.addrBits + r.alignBits
		if l.arch == "amd64" {
			return uint64(int64(word)>>tagBits) << r.alignBits
		}
		return word >> tagBits << r.alignBits
	}
	return 0
}
