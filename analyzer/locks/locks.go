// Package locks infers which goroutines hold the locks that others wait for. A
// sync.Mutex does not record who has taken it; what tells are the deferred calls
// that will give it back, and functions on the stacks that stand between the
// place where their code takes it and the one where it gives it back.
//
// It does not look for waiters and knows nothing of cycles, and where nothing
// tells, it names nobody.
package locks

import (
	"context"
	"debug/elf"

	"postmortem/analyzer/facts"
	"postmortem/analyzer/heap"
	"postmortem/coreread"
	"postmortem/coreread/image"
)

// Lock is a lock that goroutines wait for.
type Lock struct {
	Addr    image.Addr // of the sync.Mutex or sync.RWMutex
	Kind    Kind
	Name    string   // how evidence calls it: "main.Store.mu"; "" when unknown
	Waiters []uint64 // ids of goroutines
}

// Input is what the search reads.
type Input struct {
	Snapshot *coreread.Snapshot
	// Heap is the objects and who refers to them; nil when it was not read. Nothing is
	// inferred from it yet.
	Heap *heap.Analysis
	// Goroutines are the groups of goroutines, which spare walks of their stacks; nil
	// when they are not known.
	Goroutines *facts.Goroutines
}

// Held is a lock that a goroutine holds, contended or not.
type Held struct {
	Addr image.Addr
	Kind Kind
	facts.Holder
}

// Result is what was found.
type Result struct {
	// Holders are those of the locks asked for, strongest evidence first, then by
	// goroutine. A lock that nobody holds, and one of which nothing is known, has none.
	Holders map[image.Addr][]facts.Holder
	// Held are all locks that stacks and deferred calls tell of, by goroutine.
	Held map[uint64][]Held
}

// Find looks for the holders of locks. It reads code of amd64 only: elsewhere
// nothing is known of any lock.
func Find(ctx context.Context, in Input, locks []Lock) *Result {
	if in.Snapshot.Exe.Machine() != elf.EM_X86_64 {
		return &Result{}
	}
	s := newSearch(in, locks)
	s.goroutines(ctx)
	return s.result()
}
