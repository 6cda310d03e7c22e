package analyzer

import (
	"encoding/hex"

	"postmortem/analyzer/facts"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// describeThreads says what each thread was doing.
func (a *analysis) describeThreads() {
	p := a.snap.Runtime
	a.doc.Threads = []facts.Thread{}
	var s gort.Stack
	for _, t := range p.Threads() {
		out := facts.Thread{
			TID:       t.TID,
			Signal:    facts.Some(t.Signal),
			State:     facts.ThreadState(t.Activity),
			Goroutine: a.goroutineID(t.Goroutine),
		}
		if t.Machine != nil {
			out.M = facts.Some(t.Machine.ID)
		}
		pc := a.threadRegisters(t, &out)
		p.ThreadStack(t, &s)
		stack := a.frames.Stack(&s)
		out.Frames, out.FramesElided = stack.Frames, stack.Elided
		if out.Frames == nil {
			out.Frames = []*facts.Frame{}
		}
		if code := p.InstructionBytes(pc); len(code) > 0 {
			out.InstructionBytes = facts.Some(hex.EncodeToString(code))
		}
		a.doc.Threads = append(a.doc.Threads, out)
	}
}

// threadRegisters writes the registers of the code that a signal interrupted, or
// those at the dump, and returns their program counter.
func (a *analysis) threadRegisters(t *gort.Thread, out *facts.Thread) image.Addr {
	named, pc := t.Regs.Named, t.Regs.PC
	out.RegistersOf = facts.RegistersAtDump
	if n := len(t.Signals); n > 0 && len(t.Interrupted) > 0 {
		named, pc = t.Interrupted, t.Signals[n-1].Regs.PC
		out.RegistersOf = facts.RegistersAtSignal
	}
	out.Registers = make(map[string]facts.Word, len(named))
	for _, r := range named {
		out.Registers[r.Name] = facts.Word(r.Value)
	}
	return pc
}
