package gort

import (
	"math"
	"slices"

	"postmortem/coreread/layout"
)

// Collector is the garbage collector's state. A nil pointer is something that
// could not be read.
type Collector struct {
	Phase *layout.GCPhase
	// Cycles is how many collections were completed, Started how many began,
	// Forced how many of the completed ones the program asked for.
	Cycles, Started, Forced *uint32
	// HeapLive is the bytes of objects that were live at the last collection and
	// those allocated since; whole spans count that a processor allocates from.
	HeapLive *uint64
	// HeapGoal is the size of HeapLive at which the next collection is to be done:
	// what runtime.MemStats calls NextGC. With GOGC off and no memory limit it is
	// out of reach: above 2^62.
	HeapGoal *uint64
	// HeapMarked is the bytes that the last collection found live.
	HeapMarked *uint64
	// GOGC is the growth in percent that starts a collection; negative when that is off.
	GOGC        *int32
	MemoryLimit *MemoryLimit
	Pauses      *Pauses
	// LastEnd is when the last collection ended on the runtime's clock,
	// LastEndWall the same in nanoseconds since 1970; 0 when there was none.
	LastEnd, LastEndWall *int64
	// CPULimiter is whether the collector was held back because it took half of
	// all CPU time. Go 1.18 has no such limit.
	CPULimiter *bool
	Memory     Memory

	stamps []stamp
}

// MemoryLimit is GOMEMLIMIT or what debug.SetMemoryLimit set.
type MemoryLimit struct {
	Set   bool
	Bytes uint64 // 0 unless Set
}

const collectorEffect = "the collector's numbers are missing from the report"

// Collector returns the collector's state.
func (p *Process) Collector() *Collector {
	if p.once.collector == nil {
		p.once.collector = p.readCollector()
	}
	return p.once.collector
}

func (p *Process) readCollector() *Collector {
	control := p.variable("runtime.gcController", "runtime.gcControllerState", collectorEffect)
	work := p.variable("runtime.work", "runtime.workType", collectorEffect)
	stats := p.variable("runtime.memstats", "runtime.mstats", collectorEffect)
	gc := &Collector{
		Phase:       p.gcPhase(),
		Cycles:      stats.u32("numgc"),
		Forced:      stats.u32("numforcedgc"),
		Started:     work.u32("cycles"),
		HeapLive:    control.u64("heapLive"),
		HeapMarked:  control.u64("heapMarked"),
		GOGC:        control.i32("gcPercent"),
		LastEnd:     stats.i64("last_gc_nanotime"),
		LastEndWall: stats.i64("last_gc_unix"),
		MemoryLimit: memoryLimit(control),
		CPULimiter:  p.cpuLimiter(control),
		HeapGoal:    heapGoal(control, p.layout.Version()),
		Memory:      readMemory(control, stats),
	}
	gc.Pauses = readPauses(stats, gc.Cycles)
	gc.stamps = collectorStamps(gc, control, work)
	return gc
}

func (p *Process) gcPhase() *layout.GCPhase {
	v := p.variable("runtime.gcphase", "", collectorEffect)
	phase := convert[layout.GCPhase](v.u32(""))
	if phase != nil && *phase > layout.GCMarkTermination {
		v.lose("", v.at, 4, errImpossible)
		return nil
	}
	return phase
}

// memoryLimit reads the limit; 1.18 has none to set.
func memoryLimit(control *variable) *MemoryLimit {
	if control.at != 0 && control.typ.Err() == nil && !control.has("memoryLimit") {
		return &MemoryLimit{}
	}
	limit := control.i64("memoryLimit")
	switch {
	case limit == nil:
		return nil
	case *limit == math.MaxInt64:
		return &MemoryLimit{}
	case *limit < 0:
		at, _ := control.place("memoryLimit")
		control.lose("memoryLimit", at, 8, errImpossible)
		return nil
	}
	return &MemoryLimit{Set: true, Bytes: uint64(*limit)}
}

// cpuLimiter came with the memory limit.
func (p *Process) cpuLimiter(control *variable) *bool {
	if control.at == 0 || control.typ.Err() != nil {
		return nil
	}
	if !control.has("memoryLimit") {
		return new(bool)
	}
	return p.variable("runtime.gcCPULimiter", "runtime.gcCPULimiterState", collectorEffect).bool("enabled")
}

// Pauses are how long collections stopped the program: for each cycle, the sum
// of its pauses in nanoseconds.
type Pauses struct {
	Count  uint32   // completed cycles
	Sample []uint64 // of the last cycles, oldest first; the runtime keeps 256
	Total  uint64   // of all cycles
}

// Last returns the last cycle's pause.
func (p *Pauses) Last() (uint64, bool) {
	if len(p.Sample) == 0 {
		return 0, false
	}
	return p.Sample[len(p.Sample)-1], true
}

// Quantile returns the smallest pause of the sample that at least the fraction q
// of the sample does not exceed (nearest rank); q is above 0 and at most 1.
func (p *Pauses) Quantile(q float64) (uint64, bool) {
	if len(p.Sample) == 0 || !(q > 0 && q <= 1) {
		return 0, false
	}
	sorted := slices.Sorted(slices.Values(p.Sample))
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[max(rank, 1)-1], true
}

// pauseRing is the length of mstats.pause_ns in every version.
const pauseRing = 256

func readPauses(stats *variable, cycles *uint32) *Pauses {
	ring, total := stats.words("pause_ns", pauseRing), stats.u64("pause_total_ns")
	if ring == nil || total == nil || cycles == nil {
		return nil
	}
	p := &Pauses{Count: *cycles, Total: *total}
	n := min(*cycles, pauseRing)
	for i := *cycles - n; i != *cycles; i++ {
		p.Sample = append(p.Sample, ring[i%pauseRing])
	}
	return p
}

// collectorStamps are the readings of the runtime's clock that the collector took.
func collectorStamps(gc *Collector, control, work *variable) []stamp {
	var stamps []stamp
	add := func(at *int64, what string) {
		if at != nil {
			stamps = append(stamps, stamp{*at, what})
		}
	}
	add(gc.LastEnd, "end of the last GC cycle")
	add(work.i64("tSweepTerm"), "start of a GC cycle")
	add(work.i64("tMark"), "start of a GC mark phase")
	add(work.i64("tMarkTerm"), "start of a GC mark termination")
	add(work.i64("tEnd"), "end of a GC cycle")
	add(control.i64("markStartTime"), "start of a GC mark phase")
	if control.has("memoryLimit") {
		limiter := control.p.variable("runtime.gcCPULimiter", "runtime.gcCPULimiterState", clockEffect)
		add(limiter.i64("lastUpdate"), "last update of the GC's CPU limiter")
	}
	return stamps
}

// heapGoal is the goal of the next collection: a field in 1.18, and what
// runtime.gcControllerState.heapGoalInternal computes since 1.19.
func heapGoal(c *variable, version layout.Version) *uint64 {
	if c.has("heapGoal") {
		return c.u64("heapGoal")
	}
	percent, sweep, triggered := c.u64("gcPercentHeapGoal"), c.u64("sweepDistMinTrigger"), c.u64("triggered")
	limited := readLimitState(c)
	if percent == nil || sweep == nil || triggered == nil || limited == nil {
		return nil
	}
	goal := *percent
	if byLimit, ok := limited.goal(headroomOf(version)); !ok {
		return nil // caught while the counters were being updated
	} else if byLimit < goal {
		return &byLimit
	}
	goal = max(goal, *sweep)
	// The goal lies a little above where the cycle was triggered (minRunway).
	if *triggered != math.MaxUint64 {
		goal = max(goal, *triggered+(64<<10))
	}
	return &goal
}

// limitState is what the goal under a memory limit is computed from, in bytes.
type limitState struct {
	limit, mapped, free, allocated, marked uint64
}

func readLimitState(c *variable) *limitState {
	limit, mapped, free := c.u64("memoryLimit"), c.u64("mappedReady"), c.u64("heapFree")
	alloc, freed, marked := c.u64("totalAlloc"), c.u64("totalFree"), c.u64("heapMarked")
	for _, f := range []*uint64{limit, mapped, free, alloc, freed, marked} {
		if f == nil {
			return nil
		}
	}
	return &limitState{limit: *limit, mapped: *mapped, free: *free, allocated: *alloc - *freed, marked: *marked}
}

// headroom is what the pacer leaves free below a memory limit: percent of the
// goal, at least least bytes.
type headroom struct {
	percent, least uint64
}

// headrooms are the constants of memoryLimitHeapGoal (mgcpacer.go), newest first.
var headrooms = []struct {
	since layout.Version
	headroom
}{
	{layout.Version{Minor: 21}, headroom{percent: 3, least: 1 << 20}},
	{layout.Version{Minor: 19}, headroom{least: 1 << 20}},
}

func headroomOf(v layout.Version) headroom {
	for _, h := range headrooms {
		if v.Compare(h.since) >= 0 {
			return h.headroom
		}
	}
	return headroom{}
}

// goal follows runtime.gcControllerState.memoryLimitHeapGoal. It is not ok when
// the counters do not fit one another.
func (s *limitState) goal(h headroom) (goal uint64, ok bool) {
	heap := s.free + s.allocated
	if heap > s.mapped || heap < s.free {
		// Without a limit the goal is out of reach whatever the counters say.
		return math.MaxUint64, s.limit == math.MaxInt64
	}
	var overage uint64
	if s.mapped > s.limit {
		overage = s.mapped - s.limit
	}
	other := s.mapped - heap + overage
	if other >= s.limit {
		return s.marked, true
	}
	goal = s.limit - other
	room := max(goal/100*h.percent, h.least)
	if goal < room || goal-room < room {
		goal = room
	} else {
		goal -= room
	}
	return max(goal, s.marked), true
}
