package leaks

import (
	"slices"

	"postmortem/analyzer/graph"
	"postmortem/coreread/exe"
	"postmortem/coreread/goheap"
	"postmortem/coreread/goroots"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// dropDead takes from what running goroutines lead to the words that they do not
// use any more, and that pass for references because no map tells what they are:
// those of a goroutine that is about to end the process, and registers, on its
// thread or as a preemption saved them, that another goroutine has left there.
//
// The collector takes the latter for references, too: they stay for versions that
// search for leaks themselves.
func (s *search) dropDead() {
	if s.heap.Heap.Process().GOARCH() != "amd64" {
		return
	}
	slots := s.roots.Slots
	for first := 0; first < len(slots); {
		end := first + 1
		for end < len(slots) && slots[end].Holder == slots[first].Holder {
			end++
		}
		if h := slots[first].Holder; s.roots.Holders[h].Kind == graph.Goroutine && s.waiterOf[h] == noWaiter {
			s.dropDeadOf(slots[first:end])
		}
		first = end
	}
}

// dropDeadOf is dropDead for the slots of one goroutine; those of a holder are
// together.
func (s *search) dropDeadOf(slots []graph.Slot) {
	var dead []func(graph.Slot) bool
	frame, onThread := graph.NoFrame, false
	for _, slot := range slots {
		switch {
		case slot.Kind == goroots.Register && !onThread:
			onThread = true
			dead = append(dead, s.deadOnThread(&s.roots.Holders[slot.Holder]))
		case slot.Conservative && slot.Frame != graph.NoFrame && slot.Frame != frame:
			frame = slot.Frame
			dead = append(dead, s.deadInFrame(frame))
		}
	}
	dead = slices.DeleteFunc(dead, func(f func(graph.Slot) bool) bool { return f == nil })
	if len(dead) > 0 && len(dead) <= maxDead {
		s.replaced.add(s.heap.Graph.Node(slots[0].Holder), s.edgesWithout(slots, dead))
	}
}

// maxDead bounds the frames of one goroutine that words are dropped from: few
// have any, and those are the innermost.
const maxDead = 16

// edgesWithout returns what a goroutine leads to without its dead slots.
func (s *search) edgesWithout(slots []graph.Slot, dead []func(graph.Slot) bool) (edges []uint32) {
	if own := s.roots.Holders[slots[0].Holder].Own; own != goheap.NoObject {
		edges = append(edges, uint32(own))
	}
	for _, slot := range slots {
		o := s.heap.Heap.FindObject(slot.Value)
		if o == goheap.NoObject || s.owned.Has(uint32(o)) || slices.ContainsFunc(dead, func(f func(graph.Slot) bool) bool { return f(slot) }) {
			continue
		}
		edges = append(edges, uint32(o))
	}
	return edges
}

// ending are the functions that end the process and never return: what they find
// in their frames is no use to the program.
var ending = map[string]bool{"runtime.raise": true, "runtime.dieFromSignal": true, "runtime.crash": true}

// savedRegisters are the general registers at the start of runtime.asyncPreempt's
// frame, 8 bytes each, by number; xmm0 to xmm15 follow, 16 bytes each (1.18 to
// 1.25, runtime/preempt_amd64.s).
var savedRegisters = []int{0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}

// deadInFrame returns which slots of a frame are dead; nil when that cannot be told.
func (s *search) deadInFrame(frame uint32) func(graph.Slot) bool {
	f := &s.roots.Frames[frame]
	fn, ok := s.function(f.PC)
	if ok && ending[fn.Name()] {
		return func(slot graph.Slot) bool { return slot.Frame == frame }
	}
	if !ok || s.searches || fn.Name() != "runtime.asyncPreempt" || f.CFA < f.SP {
		return nil
	}
	pc, err := s.heap.Heap.Process().Image.Addr(f.CFA - 8)
	if err != nil {
		return nil
	}
	live := s.liveRegisters(pc)
	vectors := uint64(8 * len(savedRegisters))
	return func(slot graph.Slot) bool {
		off := uint64(slot.At - f.SP)
		switch {
		case slot.Frame != frame || slot.At < f.SP:
			return false
		case off < vectors:
			return live>>savedRegisters[off/8]&1 == 0
		case off < vectors+16*16:
			return live>>(16+(off-vectors)/16)&1 == 0
		}
		return false
	}
}

// numbers are the general registers by the kernel's names.
var numbers = map[string]int{
	"rax": 0, "rcx": 1, "rdx": 2, "rbx": 3, "rsi": 6, "rdi": 7,
	"r8": 8, "r9": 9, "r10": 10, "r11": 11, "r12": 12, "r13": 13, "r14": 14, "r15": 15,
}

// deadOnThread returns which slots are dead of a goroutine that is on its thread;
// nil when that cannot be told.
func (s *search) deadOnThread(h *graph.Holder) func(graph.Slot) bool {
	p := s.heap.Heap.Process()
	if h.Own == goheap.NoObject {
		return nil
	}
	g, err := p.GoroutineAt(s.heap.Heap.Address(h.Own))
	if err != nil {
		return nil
	}
	var pc image.Addr
	depth, ends := 0, false
	_, err = p.EachFrame(&g, func(f *gort.LiveFrame) {
		if depth == 0 && f.Exact {
			pc = f.PC
		}
		fn, ok := s.function(f.PC)
		ends = ends || depth < 3 && ok && ending[fn.Name()]
		depth++
	})
	if err != nil || !ends && (s.searches || pc == 0) {
		return nil
	}
	live := registers(0)
	if !ends {
		live = s.liveRegisters(pc)
	}
	used := make(map[image.Addr]bool) // values
	for _, r := range p.Registers(&g) {
		if n, ok := numbers[r.Name]; !ok || live>>n&1 != 0 {
			used[image.Addr(r.Value)] = true
		}
	}
	return func(slot graph.Slot) bool { return slot.Kind == goroots.Register && !used[slot.Value] }
}

// liveRegisters returns the registers that the code at pc may still use: all where
// that cannot be told.
func (s *search) liveRegisters(pc image.Addr) registers {
	snap := s.heap.Snapshot()
	f, ok := s.function(pc)
	if !ok || f.IsAsm() {
		return allRegisters
	}
	entry := f.Entry().Add(snap.Bias)
	body, err := snap.Runtime.Image.Bytes(entry, uint64(f.End()-f.Entry()))
	if err != nil {
		return allRegisters
	}
	return liveAt(body, int(pc-entry), func(target int) bool {
		called, ok := s.function(entry.Add(int64(target)))
		return !ok || called.IsAsm()
	})
}

// function returns the function whose code holds an address of the process.
func (s *search) function(pc image.Addr) (exe.Func, bool) {
	snap := s.heap.Snapshot()
	return snap.Exe.Funcs().Find(pc.Add(-snap.Bias))
}
