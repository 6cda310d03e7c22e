package facts

// Heap is what is on the Go heap, what keeps it alive and what it costs. An object
// is an allocated slot, a block of tiny allocations is one; its bytes are its
// slot's, as MemStats.HeapAlloc counts.
//
// What an object, a root or a group of goroutines retains is what would be garbage
// without it: the objects that can be reached only through it, itself included. A
// goroutine owns its runtime.g and what its stack holds.
type Heap struct {
	// Arenas are by address, at most ArenasCap.
	Arenas      []Arena `json:"arenas"`
	ArenasTotal int     `json:"arenas_total"`
	Spans       Spans   `json:"spans"`

	Objects     uint64 `json:"objects"`
	ObjectBytes uint64 `json:"object_bytes"`
	// Reachable is what the collector would keep at this instant, never less.
	ReachableObjects Maybe[uint64] `json:"reachable_objects"`
	ReachableBytes   Maybe[uint64] `json:"reachable_bytes"`
	// Garbage are allocated slots that nothing reaches: the next cycle would free them.
	GarbageObjects Maybe[uint64] `json:"garbage_objects"`
	GarbageBytes   Maybe[uint64] `json:"garbage_bytes"`

	// Types are the reachable objects by type, most bytes first, at most TypesCap.
	Types      []TypeTotal `json:"types"`
	TypesTotal int         `json:"types_total"`
	// Roots are those that retain most first, at most RootsCap.
	Roots      []Root `json:"roots"`
	RootsTotal int    `json:"roots_total"`
	// RetainedByGroup is what the goroutines of one group retain together, most
	// first, at most RetainedByGroupCap.
	RetainedByGroup      []GroupRetained `json:"retained_by_group"`
	RetainedByGroupTotal int             `json:"retained_by_group_total"`
	// Dominators are the objects that retain most, at most DominatorsCap.
	Dominators      []Dominator `json:"dominators"`
	DominatorsTotal int         `json:"dominators_total"`
	// Accounting are disjoint parts that add up to MappedBytes.
	Accounting []AccountLine `json:"accounting"`
	// Profiles are those whose records the core holds.
	Profiles []Profile `json:"profiles"`

	// MappedBytes is the process's mapped memory, without reservations that were
	// never accessible.
	MappedBytes Maybe[uint64] `json:"mapped_bytes"`
	// Pages is how the arenas' pages are used.
	Pages  Pages  `json:"pages"`
	Stacks Stacks `json:"stacks"`
	// LargeObjects have a span each.
	LargeObjects LargeObjects `json:"large_objects"`
	// TinyBlocks hold several small values without pointers each.
	TinyBlocks Tally `json:"tiny_blocks"`
	Marks      Marks `json:"marks"`
	Books      Books `json:"books"`
	// ConservativeRoots is how many words were taken for pointers because they may
	// be, as the collector does: registers and frames without pointer maps.
	ConservativeRoots Maybe[uint64] `json:"conservative_roots"`
	// ConservativeFrames is in how many frames they are.
	ConservativeFrames Maybe[uint64] `json:"conservative_frames"`

	// TypedBytes and UnknownTypeBytes are of reachable objects and add up to
	// ReachableBytes.
	TypedBytes       Maybe[uint64] `json:"typed_bytes"`
	UnknownTypeBytes Maybe[uint64] `json:"unknown_type_bytes"`
	// TypeConflicts is how many objects were claimed for types of which one at most
	// can be theirs.
	TypeConflicts Maybe[uint64] `json:"type_conflicts"`

	// Packages are by what their global variables retain together, most first, at
	// most PackagesCap.
	Packages      []PackageRetained `json:"packages"`
	PackagesTotal int               `json:"packages_total"`
	// Goroutines are those that retain most, at most GoroutinesRetainedCap.
	Goroutines      []GoroutineRetained `json:"goroutines"`
	GoroutinesTotal int                 `json:"goroutines_total"`
	// Suspects are what one would look at first for a leak, worst first.
	Suspects []Suspect `json:"suspects"`
	Waste    *Waste    `json:"waste"`
	// AllocationSites are of the objects that the runtime's memory profile sampled,
	// most bytes first, at most AllocationSitesCap.
	AllocationSites      []AllocationSite `json:"allocation_sites"`
	AllocationSitesTotal int              `json:"allocation_sites_total"`
}

// Caps of the heap's arrays.
const (
	ArenasCap             = 1000
	TypesCap              = 2000
	RootsCap              = 1000
	RetainedByGroupCap    = 1000
	DominatorsCap         = 200
	LargeObjectsCap       = 100
	PackagesCap           = 1000
	GoroutinesRetainedCap = 1000
	SuspectsCap           = 20
	AllocationSitesCap    = 200
	SiteFramesCap         = 32 // innermost frames of an allocation's stack
	WasteTopCap           = 100
	// PathCap bounds the steps of a path: of a longer one the first and the last
	// half are kept.
	PathCap = 40
)

// Tally is a number of objects and the bytes of their slots.
type Tally struct {
	Objects uint64 `json:"objects"`
	Bytes   uint64 `json:"bytes"`
}

// Arena is a stretch of address space that the runtime reserved for its heap.
type Arena struct {
	Address Word `json:"address"`
	// ReservedBytes is its size, MappedBytes what of it was made accessible,
	// InCoreBytes what of that the core holds.
	ReservedBytes uint64        `json:"reserved_bytes"`
	MappedBytes   Maybe[uint64] `json:"mapped_bytes"`
	InCoreBytes   uint64        `json:"in_core_bytes"`
}

// Spans are runs of pages that hold slots of one size.
type Spans struct {
	// InUse counts the spans of objects and those of stacks.
	InUse int `json:"in_use"`
	// Free counts the runs of pages between them that no span has.
	Free Maybe[int] `json:"free"`
	// ByClass is by class, those with pointers first.
	ByClass []SpanClass `json:"by_class"`
}

// SpanClass is the spans of one size class.
type SpanClass struct {
	// Class is the runtime's number of the size class, 0 for large objects.
	Class int `json:"class"`
	// ObjectBytes is the size of a slot, 0 for large objects.
	ObjectBytes uint64 `json:"object_bytes"`
	// NoScan is whether the objects are free of pointers.
	NoScan    bool   `json:"noscan"`
	Spans     int    `json:"spans"`
	Objects   uint64 `json:"objects"`
	FreeSlots uint64 `json:"free_slots"`
	// Bytes are the spans' pages; what neither objects nor free slots take of them
	// is TailBytes.
	Bytes     uint64 `json:"bytes"`
	TailBytes uint64 `json:"tail_bytes"`
	// UnsweptSpans still hold slots that the last cycle found to be garbage.
	UnsweptSpans int `json:"unswept_spans"`
}

// Pages is how the pages of the heap's mapped memory are used.
type Pages struct {
	InUseBytes Maybe[uint64] `json:"in_use_bytes"`
	// IdleBytes are free pages that were not given back to the system,
	// ReleasedBytes those that were.
	IdleBytes     Maybe[uint64] `json:"idle_bytes"`
	ReleasedBytes Maybe[uint64] `json:"released_bytes"`
	// FreeRuns is how many runs the free pages make, LargestFreeBytes the longest.
	FreeRuns         Maybe[int]    `json:"free_runs"`
	LargestFreeBytes Maybe[uint64] `json:"largest_free_bytes"`
}

// Stacks are the spans that hold goroutines' stacks.
type Stacks struct {
	Spans Maybe[int]    `json:"spans"`
	Bytes Maybe[uint64] `json:"bytes"`
	// InUseBytes is what of that goroutines have.
	InUseBytes Maybe[uint64] `json:"in_use_bytes"`
}

// LargeObjects are those that have a span each.
type LargeObjects struct {
	Objects uint64 `json:"objects"`
	Bytes   uint64 `json:"bytes"`
	// Top are the largest, at most LargeObjectsCap.
	Top      []LargeObject `json:"top"`
	TopTotal int           `json:"top_total"`
}

// LargeObject is one of them.
type LargeObject struct {
	Address Word          `json:"address"`
	Type    Maybe[string] `json:"type"`
	Bytes   uint64        `json:"bytes"`
	// Reachable is unknown where reachability is.
	Reachable Maybe[bool] `json:"reachable"`
}

// Marks is how far the collector was with the objects.
type Marks struct {
	Marked *Tally `json:"marked"`
	// Unmarked are those that the collector has not reached: garbage only once
	// marking is over.
	Unmarked *Tally `json:"unmarked"`
	// AllocatedSince are those made since marking began, which are live to it.
	AllocatedSince *Tally     `json:"allocated_since"`
	UnsweptSpans   Maybe[int] `json:"unswept_spans"`
}

// Books is how many objects there are by three counts that do not depend on each
// other.
type Books struct {
	// SlotsByBits counts the allocated slots one by one.
	SlotsByBits uint64 `json:"slots_by_bits"`
	// SlotsByAllocCount adds up what the spans say of themselves.
	SlotsByAllocCount Maybe[uint64] `json:"slots_by_alloc_count"`
	// SlotsByStatistics is mallocs less frees in the runtime's statistics, with
	// what its per-thread caches had not added yet.
	SlotsByStatistics Maybe[uint64] `json:"slots_by_statistics"`
	BytesByBits       uint64        `json:"bytes_by_bits"`
	BytesByStatistics Maybe[uint64] `json:"bytes_by_statistics"`
	// Agree is whether those that are known are equal.
	Agree Maybe[bool] `json:"agree"`
}

// AccountLine is one part of the process's memory.
type AccountLine struct {
	What  string `json:"what"`
	Bytes uint64 `json:"bytes"`
}

// Profile is what one of the runtime's profiles holds.
type Profile struct {
	// Name is "heap", "block" or "mutex".
	Name string `json:"name"`
	// Rate is the sampling rate: bytes for heap, nanoseconds for block, one in so
	// many for mutex.
	Rate Maybe[int64] `json:"rate"`
	// Records is how many stacks it holds.
	Records int `json:"records"`
	// Objects and Bytes are in use, scaled by the rate; heap only.
	Objects Maybe[uint64] `json:"objects"`
	Bytes   Maybe[uint64] `json:"bytes"`
	// Events and DelayNS are of block and mutex.
	Events  Maybe[uint64] `json:"events"`
	DelayNS Maybe[int64]  `json:"delay_ns"`
}
