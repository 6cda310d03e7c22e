package gort

import (
	"postmortem/coreread/elfcore"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// Scheduler is what the Go scheduler knew of itself. A nil pointer is a number
// that could not be read.
type Scheduler struct {
	GOMAXPROCS *int
	Ms         *int // threads that the scheduler has and that have not exited
	IdleMs     *int // of those, asleep for want of work
	SpinningMs *int // of those, looking for work
	IdlePs     *int
	RunQueue   *int // goroutines in the global queue
	// GoroutineIDs is the last goroutine id handed out to a processor: no
	// goroutine has a larger one.
	GoroutineIDs *uint64

	// Processors is nil when they could not be read.
	Processors []*Processor

	// StopRequested is whether every processor was asked to stop (sched.gcwaiting),
	// StopWait how many had not yet.
	StopRequested *bool
	StopWait      *int32
	// Freezing is whether the process stopped everything because it was dying.
	Freezing *bool
	// SafePointWait is how many processors still have to pass a safe point
	// before a barrier of the collector is complete (runtime.forEachP).
	SafePointWait *int

	lastPoll *int64
	started  *int64 // runtime clock when the world was last started (sched.procresizetime)
}

const schedulerEffect = "the scheduler's numbers are missing from the report"

// Scheduler returns the scheduler's state.
func (p *Process) Scheduler() *Scheduler {
	if p.once.scheduler == nil {
		p.once.scheduler = p.readScheduler()
	}
	return p.once.scheduler
}

// once is what is read one time only, so that its gaps are told one time only.
type once struct {
	scheduler *Scheduler
	stop      *StopTheWorld
	collector *Collector
	clocks    *Clocks
	threads   []*Thread // by id
	bySP      []*elfcore.Thread
	libraries []library
}

func (p *Process) readScheduler() *Scheduler {
	v := p.variable("runtime.sched", "runtime.schedt", schedulerEffect)
	s := &Scheduler{
		GOMAXPROCS:    p.variable("runtime.gomaxprocs", "", schedulerEffect).count("", maxProcessors),
		IdleMs:        v.count("nmidle", maxMachines),
		SpinningMs:    v.count("nmspinning", maxMachines),
		IdlePs:        v.count("npidle", maxProcessors),
		RunQueue:      globalQueue(v),
		GoroutineIDs:  v.u64("goidgen"),
		StopRequested: v.bool("gcwaiting"),
		StopWait:      v.i32("stopwait"),
		SafePointWait: v.count("safePointWait", maxProcessors),
		Freezing:      p.variable("runtime.freezing", "", "a stop-the-world may not be told from the crash's own").bool(""),
		lastPoll:      v.i64("lastpoll"),
		started:       v.i64("procresizetime"),
		Processors:    p.readProcessors(),
	}
	s.Ms = machineCount(v)
	return s
}

// globalQueue is sched.runqsize until 1.24 and the queue's own size since.
func globalQueue(v *variable) *int {
	const limit = 1<<31 - 1
	if v.has("runqsize") {
		return v.count("runqsize", limit)
	}
	return v.count("runq.size", limit)
}

// machineCount is runtime.mcount: Ms ever made less those that were freed.
func machineCount(v *variable) *int {
	made, freed := v.i64("mnext"), v.i64("nmfreed")
	if made == nil || freed == nil {
		return nil
	}
	n := *made - *freed
	if n < 0 || n > maxMachines {
		at, _ := v.place("mnext")
		v.lose("mnext", at, 8, errImpossible)
		return nil
	}
	i := int(n)
	return &i
}

// Frozen reports whether the process was stopping everything because it was
// dying. Processors that stop count layout.FreezeStopWait down a little.
func (s *Scheduler) Frozen() bool {
	if s.Freezing != nil && *s.Freezing {
		return true
	}
	return s.StopWait != nil && *s.StopWait > layout.FreezeStopWait-2*maxProcessors
}

// Processor returns the processor at addr.
func (s *Scheduler) Processor(addr image.Addr) (*Processor, bool) {
	for _, pp := range s.Processors {
		if pp.Addr == addr {
			return pp, true
		}
	}
	return nil, false
}
