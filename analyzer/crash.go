package analyzer

import (
	"context"
	"fmt"
	"slices"

	"postmortem/analyzer/facts"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// describeCrash says why the process died.
func (a *analysis) describeCrash(ctx context.Context) {
	p := a.snap.Runtime
	crash := p.Crash()
	c := &facts.Crash{
		Kind:       facts.CrashKind(crash.Kind),
		Message:    a.printed(crash.Message),
		Signal:     a.signal(crash.First),
		DumpSignal: a.signal(crash.Dump),
		Frames:     []*facts.Frame{},
		Panics:     []facts.Panic{},
	}
	if crash.Thread != 0 {
		c.Thread = facts.Some(crash.Thread)
	}
	c.RuntimePrintTail = a.printed(crash.PrintTail)
	for _, panicked := range slices.Backward(crash.Panics) {
		c.Panics = append(c.Panics, facts.Panic{
			Message:   a.printed(panicked.Message),
			Type:      known(panicked.Type),
			Recovered: panicked.Recovered,
			Goexit:    panicked.Goexit,
		})
	}
	a.crashDoubts = crash.Doubts
	for _, doubt := range crash.Doubts {
		p.AddGap(gort.Gap{What: doubt.Error(), Effect: "the cause of death is less certain"})
	}
	a.doc.Crash = c
	if crash.Goroutine != 0 {
		a.crashStack(ctx, c, crash)
	}
}

// crashStack writes the stack of the goroutine that panicked or that the signal hit.
func (a *analysis) crashStack(ctx context.Context, c *facts.Crash, crash *gort.Crash) {
	p := a.snap.Runtime
	g, err := p.GoroutineAt(crash.Goroutine)
	if err != nil {
		p.AddGap(gort.Gap{What: err.Error(), Addr: crash.Goroutine, Effect: "the stack that the process died on is missing"})
		return
	}
	c.Goroutine = facts.Some(int64(g.ID))
	var s gort.Stack
	p.Stack(&g, &s)
	if s.Broken != nil && s.Empty() {
		p.AddGap(gort.Gap{What: fmt.Sprintf("stack of goroutine %d: %v", g.ID, s.Broken), Effect: "the stack that the process died on is missing"})
	}
	stack := a.frames.Stack(&s)
	skip := len(a.frames.Frames(s.Inner[:min(crash.FrameStart, len(s.Inner))]))
	c.Frames = stack.Frames[min(skip, len(stack.Frames)):]
	c.FramesElided, c.Cycle = stack.Elided, stack.Cycle
	if a.cfg.ShowValues {
		c.Values = a.readValues(ctx, &g, &s)
	}
	if c.Cycle != nil {
		c.Cycle.Start = max(0, c.Cycle.Start-int64(skip))
	}
}

// printed is text that the runtime printed, unless that is to be hidden.
func (a *analysis) printed(s string) facts.Maybe[string] {
	if a.cfg.Redact {
		return facts.Maybe[string]{}
	}
	return known(s)
}

func (a *analysis) signal(s *gort.Signal) *facts.Signal {
	if s == nil {
		return nil
	}
	out := &facts.Signal{
		Number:   s.Number,
		Name:     known(s.Name),
		CodeName: known(s.CodeName),
		Sender:   &facts.Sender{Who: facts.SenderWho(s.Who)},
		Source:   known(s.Source),
	}
	if s.HasCode {
		out.Code = facts.Some(s.Code)
	}
	if s.HasFault {
		out.FaultAddress = facts.Some(facts.Word(s.FaultAddr))
	}
	if s.PC != 0 {
		out.PC = facts.Some(facts.Word(s.PC))
		a.describeInstruction(out, s.PC)
	}
	if s.SenderPID != 0 {
		out.Sender.PID = facts.Some(s.SenderPID)
	}
	return out
}

// addr is a word of the auxiliary vector as an address.
func addr(v uint64) image.Addr { return image.Addr(v) }
