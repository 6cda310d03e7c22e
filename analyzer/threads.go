package analyzer

import (
	"encoding/hex"

	"postmortem/analyzer/facts"
	"postmortem/coreread/gort"
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
			Registers: make(map[string]facts.Word, len(t.Regs.Named)),
			State:     facts.ThreadState(t.Activity),
			Goroutine: a.goroutineID(t.Goroutine),
		}
		if t.Machine != nil {
			out.M = facts.Some(t.Machine.ID)
		}
		for _, r := range t.Regs.Named {
			out.Registers[r.Name] = facts.Word(r.Value)
		}
		p.ThreadStack(t, &s)
		stack := a.frames.Stack(&s)
		out.Frames, out.FramesElided = stack.Frames, stack.Elided
		if out.Frames == nil {
			out.Frames = []*facts.Frame{}
		}
		if code := p.InstructionBytes(t.Regs.PC); len(code) > 0 {
			out.InstructionBytes = facts.Some(hex.EncodeToString(code))
		}
		a.doc.Threads = append(a.doc.Threads, out)
	}
}
