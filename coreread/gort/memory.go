package gort

import "fmt"

// Memory is how the runtime's own books divide its memory, in bytes. A nil
// pointer is a number that could not be read or that the version does not keep.
type Memory struct {
	// MappedReady is what the runtime has mapped and not given back: what the
	// memory limit is held against. Since 1.19.
	MappedReady *uint64
	HeapInUse   *uint64 // spans that hold objects
	HeapFree    *uint64 // spans that hold none and were not given back; since 1.19
	Released    *uint64 // given back to the system
	Stacks      *uint64 // spans for stacks
	WorkBuffers *uint64 // spans for the collector's own lists
}

func readMemory(control, stats *variable) Memory {
	m := heapStatistics(stats)
	if control.has("mappedReady") {
		m.MappedReady = control.u64("mappedReady")
		m.HeapFree = control.u64("heapFree")
	}
	return m
}

// heapStatistics sums up memstats.heapStats: the truth is the sum of its three
// generations (mstats.go, consistentHeapStats).
func heapStatistics(stats *variable) Memory {
	sum := func(field string) *uint64 {
		var total int64
		for generation := range 3 {
			n := stats.i64(fmt.Sprintf("heapStats.stats[%d].%s", generation, field))
			if n == nil {
				return nil
			}
			total += *n
		}
		if total < 0 {
			return nil // caught between two generations
		}
		bytes := uint64(total)
		return &bytes
	}
	return Memory{
		HeapInUse:   sum("inHeap"),
		Released:    sum("released"),
		Stacks:      sum("inStacks"),
		WorkBuffers: sum("inWorkBufs"),
	}
}
