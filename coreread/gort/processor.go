package gort

import (
	"fmt"

	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// Processor is a runtime.p: the right to run Go code, of which there are GOMAXPROCS.
type Processor struct {
	Addr   image.Addr
	ID     int32
	Status layout.PStatus
	// InSyscall is whether its goroutine is in a system call. Since 1.26 such a
	// processor keeps its M and the status running until somebody takes it.
	InSyscall bool
	M         image.Addr // M that holds it; 0 for none

	// RunQueue is the goroutines that wait for it, the next one first; nil when
	// the queue could not be read.
	RunQueue []image.Addr

	SchedTick, SyscallTick uint32
	// SliceSeen is the runtime clock when sysmon first saw the current time
	// slice, 0 when it never did: what the processor runs now has run since then
	// at least. SyscallSeen is the same for its system calls.
	SliceSeen, SyscallSeen int64

	// SafePointDue is whether it still owes a function that every processor is
	// to run at a safe point (runtime.forEachP).
	SafePointDue bool

	stamps []stamp
}

// pOffsets is runtime.p, whose layout every binary describes itself.
type pOffsets struct {
	size                   uint64
	id, status, m          uint64
	schedTick, syscallTick uint64
	sliceTick, sliceSeen   uint64
	callTick, callSeen     uint64
	queueHead, queueTail   uint64
	queue, next            uint64
	safePoint              uint64
	workerStart            uint64
	limiterEvent           optional // since 1.19
	stopTime               optional // since 1.23
	timers                 optional // []*timer until 1.22
	timerHeap              optional // []timerWhen since 1.23
}

func (o *pOffsets) bind(s *layout.Struct) error {
	*o = pOffsets{
		size:         s.Size(),
		id:           s.Offset("id"),
		status:       s.Offset("status"),
		m:            s.Offset("m"),
		schedTick:    s.Offset("schedtick"),
		syscallTick:  s.Offset("syscalltick"),
		sliceTick:    s.Offset("sysmontick.schedtick"),
		sliceSeen:    s.Offset("sysmontick.schedwhen"),
		callTick:     s.Offset("sysmontick.syscalltick"),
		callSeen:     s.Offset("sysmontick.syscallwhen"),
		queueHead:    s.Offset("runqhead"),
		queueTail:    s.Offset("runqtail"),
		queue:        s.Offset("runq"),
		next:         s.Offset("runnext"),
		safePoint:    s.Offset("runSafePointFn"),
		workerStart:  s.Offset("gcMarkWorkerStartTime"),
		limiterEvent: optionalField(s, "limiterEvent"),
		stopTime:     optionalField(s, "gcStopTime"),
		timers:       optionalField(s, "timers"),
		timerHeap:    optionalField(s, "timers.heap"),
	}
	return s.Err()
}

// maxProcessors is far above any GOMAXPROCS: the runtime takes its default from
// a CPU mask of at most 64 KiB bits (os_linux.go, getproccount).
const maxProcessors = 1 << 16

const processorEffect = "processors and their run queues are missing from the report"

// readProcessors reads runtime.allp. It returns nil when the list cannot be read.
func (p *Process) readProcessors() []*Processor {
	var o pOffsets
	if err := o.bind(p.layout.Struct("runtime.p")); err != nil {
		p.addGap("processors (runtime.p): "+err.Error(), 0, 0, processorEffect)
		return nil
	}
	all := p.variable("runtime.allp", "", processorEffect)
	list := all.words("", 2)
	if list == nil {
		return nil
	}
	data, n := image.Addr(list[0]), list[1]
	if n > maxProcessors {
		all.lose("", all.at, 0, fmt.Errorf("its length %d is impossible", n))
		return nil
	}
	processors := make([]*Processor, 0, n)
	for i := uint64(0); i < n; i++ {
		at, err := p.Image.Addr(data + image.Addr(i*8))
		if err != nil {
			all.lose("", data+image.Addr(i*8), (n-i)*8, err)
			break
		}
		if at == 0 {
			continue // only while GOMAXPROCS grows
		}
		pp, err := p.readProcessor(&o, at)
		if err == nil && pp.ID != int32(i) {
			err = fmt.Errorf("its id is %d", pp.ID)
		}
		if err != nil {
			p.addGap(fmt.Sprintf("processor %d at %v: %v", i, at, err), at, o.size, processorEffect)
			continue
		}
		processors = append(processors, pp)
	}
	return processors
}

func (p *Process) readProcessor(o *pOffsets, at image.Addr) (*Processor, error) {
	r, err := p.record(at, o.size)
	if err != nil {
		return nil, err
	}
	pp := &Processor{
		Addr:         at,
		ID:           r.i32(o.id),
		Status:       layout.PStatus(r.u32(o.status)),
		M:            r.addrAt(o.m),
		SchedTick:    r.u32(o.schedTick),
		SyscallTick:  r.u32(o.syscallTick),
		SafePointDue: r.u32(o.safePoint) != 0,
	}
	if pp.Status > layout.PDead {
		return nil, fmt.Errorf("its status %d does not exist", uint32(pp.Status))
	}
	if r.u32(o.sliceTick) == pp.SchedTick {
		pp.SliceSeen = r.i64(o.sliceSeen)
	}
	if r.u32(o.callTick) == pp.SyscallTick {
		pp.SyscallSeen = r.i64(o.callSeen)
	}
	pp.InSyscall = p.inSyscall(pp)
	pp.RunQueue = p.runQueue(o, r, pp)
	pp.stamps = p.processorStamps(o, r, pp)
	return pp, nil
}

// inSyscall follows runtime.setBlockOnExitSyscall (proc.go, 1.26): a processor
// is in a system call when the goroutine of its M is.
func (p *Process) inSyscall(pp *Processor) bool {
	if pp.Status == layout.PSyscall {
		return true
	}
	m, ok := p.byM[pp.M]
	if !ok || pp.Status != layout.PRunning || m.CurG == 0 {
		return false
	}
	g, err := p.readGoroutine(m.CurG)
	return err == nil && (g.Status == layout.GSyscall || g.Status == layout.GDeadExtra)
}

// runQueue returns runnext and then the ring from head to tail.
func (p *Process) runQueue(o *pOffsets, r record, pp *Processor) []image.Addr {
	length := (o.next - o.queue) / 8 // runnext follows the ring in every version
	head, tail := r.u32(o.queueHead), r.u32(o.queueTail)
	if uint64(tail-head) > length {
		p.addGap(fmt.Sprintf("run queue of processor %d: it would hold %d goroutines", pp.ID, tail-head),
			r.addr+image.Addr(o.queue), length*8, "goroutines ready to run may not be counted as queued")
		return nil
	}
	queue := make([]image.Addr, 0, tail-head+1)
	if next := r.addrAt(o.next); next != 0 {
		queue = append(queue, next)
	}
	for i := head; i != tail; i++ {
		queue = append(queue, r.addrAt(o.queue+uint64(i)%length*8))
	}
	return queue
}
