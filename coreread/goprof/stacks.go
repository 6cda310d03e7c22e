package goprof

import (
	"postmortem/coreread/exe"
	"postmortem/coreread/layout"
)

// allocation returns the stack of a bucket as a heap profile shows it.
func (ps *Profiles) allocation(b *MemoryBucket) []call {
	return ps.calls.logical(ps.calls.withoutAllocator(ps.stack(b.Bucket)))
}

// AllocationStack returns the functions that led to the allocations of
// Memory.Buckets[bucket], innermost first, as a heap profile shows them. A
// function that is not Go's is an empty SourceFrame.
func (ps *Profiles) AllocationStack(bucket int) []exe.SourceFrame {
	return sources(ps.allocation(&ps.Memory.Buckets[bucket]))
}

// ContentionStack returns the functions at which goroutines waited, or that made
// them wait, innermost first, as the process's profiles show them.
func (ps *Profiles) ContentionStack(b *ContentionBucket) []exe.SourceFrame {
	return sources(ps.wait(b))
}

// goexit is where the outermost function of a goroutine returns to. No profile shows it.
const goexit = "runtime.goexit"

func sources(stack []call) []exe.SourceFrame {
	frames := make([]exe.SourceFrame, 0, len(stack))
	for i := range stack {
		if stack[i].src.Func != goexit {
			frames = append(frames, stack[i].src)
		}
	}
	return frames
}

// wait returns the stack of a bucket of a block or mutex profile.
func (ps *Profiles) wait(b *ContentionBucket) []call {
	pcs := ps.stack(b.Bucket)
	if ps.p.Layout().Has(layout.PhysicalProfileStacks) {
		return ps.calls.expanded(pcs, ps.stackLimit())
	}
	return ps.calls.logical(pcs)
}

// stackLimit returns how many functions of a stack the process shows
// (runtime.debug.profstackdepth, which GODEBUG sets).
func (ps *Profiles) stackLimit() int {
	s := ps.p.Layout().Struct("runtime.debug")
	n, err := ps.variable("runtime.debug", s.Offset("profstackdepth"), 4)
	if err != nil || s.Err() != nil || n == 0 || n > maxDepth {
		return maxDepth
	}
	return int(n)
}
