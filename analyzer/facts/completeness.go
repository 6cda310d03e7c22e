package facts

// Completeness says what the report could know.
type Completeness struct {
	Symbols  Symbols       `json:"symbols"`
	Core     CoreState     `json:"core"`
	Identity IdentityState `json:"identity"`
	// MissingBytes is the process's memory that neither core nor binary holds,
	// without reservations that were never accessible.
	MissingBytes Maybe[uint64] `json:"missing_bytes"`
	// UnreadableGoroutines is how many are known to exist and cannot be shown.
	UnreadableGoroutines Maybe[int] `json:"unreadable_goroutines"`
	// UnknownTypeBytes are of reachable objects of the heap.
	UnknownTypeBytes Maybe[uint64] `json:"unknown_type_bytes"`
	// Sections says of each part of the document how much of it is there.
	Sections map[string]Section `json:"sections"`
	// Gaps holds at most GapsCap.
	Gaps      []Gap `json:"gaps"`
	GapsTotal int   `json:"gaps_total"`
}

// GapsCap is how many gaps a document lists.
const GapsCap = 1000

// Symbols is the richest description of the program that the binary holds.
type Symbols string

const (
	SymbolsDWARF  Symbols = "dwarf"
	SymbolsSymtab Symbols = "symtab"
	SymbolsNone   Symbols = "none"
)

// CoreState is how much of the process's memory the core holds.
type CoreState string

const (
	CoreWhole    CoreState = "whole"
	CoreCut      CoreState = "cut"      // the file ends early
	CoreFiltered CoreState = "filtered" // the producer left memory out
)

// IdentityState is whether core and binary are of one build.
type IdentityState string

const (
	IdentityVerified       IdentityState = "verified"
	IdentityUnverifiable   IdentityState = "unverifiable"
	IdentityMismatchForced IdentityState = "mismatch-forced"
)

// Section is the state of one part of the document.
type Section struct {
	State SectionState `json:"state"`
	// Why is known whenever the state is not complete.
	Why Maybe[string] `json:"why"`
}

// SectionState is how much of a part is there.
type SectionState string

const (
	SectionComplete SectionState = "complete"
	SectionPartial  SectionState = "partial"
	SectionSkipped  SectionState = "skipped" // not asked for, or out of budget
	SectionAbsent   SectionState = "absent"  // the input does not hold it
)

// Names of the parts in Completeness.Sections.
const (
	PartTarget     = "target"
	PartCrash      = "crash"
	PartGoroutines = "goroutines"
	PartThreads    = "threads"
	PartScheduler  = "scheduler"
	PartGC         = "gc"
	PartHeap       = "heap"
	PartWaits      = "waits"
	PartRules      = "rules"
)

// Gap is something that could not be read.
type Gap struct {
	// What could not be read ("stack of goroutine 17").
	What    string        `json:"what"`
	Address Maybe[Word]   `json:"address"`
	Bytes   Maybe[uint64] `json:"bytes"`
	// Effect is which statements of the report it weakens.
	Effect string `json:"effect"`
}
