package waits

import (
	"context"
	"fmt"

	"postmortem/analyzer/facts"
	"postmortem/analyzer/heap"
	"postmortem/coreread"
	"postmortem/coreread/gopoll"
	"postmortem/coreread/gort"
	"postmortem/coreread/gosync"
	"postmortem/coreread/image"
	"postmortem/internal/parallel"
)

// Input is what is known of the process already.
type Input struct {
	Snapshot   *coreread.Snapshot
	Goroutines *facts.Goroutines
	Clocks     *gort.Clocks
	// Heap is nil when it was not read: then types of objects are not known, and
	// neither is what refers to a channel.
	Heap       *heap.Analysis
	ShowValues bool // paths of sockets are shown
}

// Describe writes who waits for whom. The problem says why it is nil, or what
// is missing from it; "" when nothing is.
func Describe(ctx context.Context, in Input) (*facts.Waits, string) {
	if in.Goroutines == nil {
		return nil, "the list of goroutines is not in the core"
	}
	b := newBook(in)
	gaps := len(b.process.Gaps())
	var problem string
	if err := b.read(ctx); err != nil {
		problem = err.Error()
	}
	b.holdRuntime()
	b.holdFiles()
	if ctx.Err() == nil {
		b.holdLocks(ctx)
	}
	b.sortEdges()
	if lost := b.holdLeaked(); problem == "" {
		problem = lost
	}
	arranged := parallel.Beside(b.arrange)
	b.connect()
	arranged()
	doc := b.facts()
	if all := b.process.Gaps(); len(all) > gaps && problem == "" {
		problem = fmt.Sprintf("%d places could not be read, among them %s", len(all)-gaps, all[gaps].What)
	}
	return doc, problem
}

// book is the waits of a process as they are collected.
type book struct {
	in      Input
	process *gort.Process
	sync    *gosync.Reader // nil when the version's layout is not known
	poll    *gopoll.Reader

	resources []resource
	byAddress map[image.Addr]uint32 // resources without a label, most of them
	byKey     map[key]uint32        // the others
	edges     []edge
	edgesFrom []uint32 // by goroutine, its first in edges; see sortEdges
	goids     []int64  // of Goroutines.List, side by side
	entered   []bool   // by index of the goroutine in Goroutines.List
	last      uint32   // index of the goroutine that was looked up last
	order     []uint32 // resources, those with the most who wait first
	ids       []int    // by resource: its ID in the document
	names     *namer
	leaks     *facts.Leaks
	leaksErr  error

	graph    *Graph
	solution *Solution
}

func newBook(in Input) *book {
	n := len(in.Goroutines.List)
	b := &book{
		in: in, process: in.Snapshot.Runtime, byAddress: make(map[image.Addr]uint32, n/2), byKey: map[key]uint32{},
		resources: make([]resource, 0, n/2), edges: make([]edge, 0, n), goids: make([]int64, n), entered: make([]bool, n),
		names: newNamer(in),
	}
	for i := range b.goids {
		b.goids[i] = in.Goroutines.List[i].ID
	}
	return b
}

// read enters what goroutines wait for.
func (b *book) read(ctx context.Context) error {
	var err, syncErr error
	reader, pollErr := gopoll.New(b.process)
	if pollErr == nil {
		b.poll = reader
	}
	if b.sync, syncErr = gosync.New(b.process); syncErr == nil {
		syncErr = b.sync.Read(ctx)
	}
	if syncErr == nil {
		// Both only go over what has been read.
		found := parallel.Beside(func() { b.findLeaks(ctx) })
		syncErr = b.sync.Waits(ctx, b.enterSync)
		found()
	}
	switch {
	case syncErr != nil:
		err = fmt.Errorf("what goroutines wait for inside of Go: %w", syncErr)
	case pollErr != nil:
		err = fmt.Errorf("what goroutines wait for outside of Go: %w", pollErr)
	}
	b.enterOthers(ctx)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	b.sortEdges()
	return err
}
