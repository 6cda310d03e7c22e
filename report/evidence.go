package report

import (
	"fmt"
	"strings"

	"postmortem/analyzer/facts"
)

const (
	messageLines = 12  // of one panic message
	messageWidth = 400 // bytes of one of its lines
	tailLines    = 20  // of what the runtime printed
	firstGroups  = 5   // groups on the first screen
	firstPage    = 4096
)

// evidence is what the verdict rests on.
func (a *author) evidence() []block {
	out := a.foundEvidence()
	if lines := a.printed(); len(lines) > 0 {
		out = append(out, paragraph(lines))
	}
	switch {
	case a.aboutAll():
		if t, ok := a.groupTable(a.programGroups(), firstGroups); ok {
			out = append(out, t)
		}
	default:
		if s, ok := a.crashStack(); ok {
			out = append(out, s)
		}
	}
	out = append(out, a.values()...)
	if c := a.crash; a.tailTellsMore() {
		out = append(out, paragraph{say("The last that the runtime printed:")},
			verbatim(visibleLines(c.RuntimePrintTail.V, tailLines, messageWidth)))
	}
	if notes := a.evidenceNotes(); len(notes) > 0 {
		out = append(out, bullets(notes))
	}
	return out
}

// tailTellsMore reports whether the end of the runtime's prints says more than the
// message that is shown already.
func (a *author) tailTellsMore() bool {
	c := a.crash
	switch c.Kind {
	case facts.CrashPanic, facts.CrashSignal, facts.CrashAbortRequest, facts.CrashSnapshot:
		return false // at best the middle of the traceback that followed
	}
	tail := strings.TrimSpace(c.RuntimePrintTail.V)
	return c.RuntimePrintTail.Known && tail != "" &&
		!(c.Message.Known && tail == "fatal error: "+strings.TrimSpace(c.Message.V))
}

// printed is the death as the runtime words it.
func (a *author) printed() []text {
	var out []text
	c := a.crash
	switch c.Kind {
	case facts.CrashPanic:
		out = a.printedPanics()
	case facts.CrashFatal, facts.CrashDeadlock, facts.CrashOutOfMemory:
		out = printedMessage("fatal error: ", c.Message, "")
	case facts.CrashSignal, facts.CrashAbortSelf, facts.CrashUnknown, facts.CrashAbortRequest:
		if c.Message.Known {
			out = printedMessage("", c.Message, "")
		}
	}
	switch s := c.Signal; {
	case s == nil || c.Kind == facts.CrashSnapshot:
	case c.Kind == facts.CrashAbortRequest || c.Kind == facts.CrashAbortSelf:
	default:
		out = append(out, a.faultLine(s))
	}
	return out
}

func (a *author) printedPanics() []text {
	if len(a.crash.Panics) == 0 {
		return printedMessage("panic: ", a.crash.Message, "")
	}
	const most = 8
	var out []text
	skip := len(a.crash.Panics) - most
	for i, p := range a.crash.Panics {
		if skip > 0 && i >= most/2 && i < most/2+skip {
			if i == most/2 {
				out = append(out, say("… "+plural(skip, "panic")+" of this chain not shown"))
			}
			continue
		}
		mark := ""
		switch {
		case p.Recovered:
			mark = " [recovered]"
		case p.Goexit:
			mark = " [goexit]"
		}
		before := "panic: "
		if i > 0 {
			before = "then panic: "
		}
		if !p.Message.Known && p.Type.Known {
			out = append(out, say(before, "a value of type ", lit(p.Type.V), mark, " (its text is not in the report)"))
			continue
		}
		out = append(out, printedMessage(before, p.Message, mark)...)
	}
	return out
}

func printedMessage(before string, m facts.Maybe[string], after string) []text {
	if !m.Known {
		return []text{say(before, "(the message is not known)", after)}
	}
	var out []text
	lines := visibleLines(m.V, messageLines, messageWidth)
	for i, l := range lines {
		if i == 0 {
			l = before + l
		}
		if i == len(lines)-1 {
			l += after
		}
		out = append(out, say(l))
	}
	return out
}

// faultLine is "[SIGSEGV code=1 addr=0x18]", with what the address tells.
func (a *author) faultLine(s *facts.Signal) text {
	var b strings.Builder
	b.WriteString("[" + signalWord(s))
	if s.CodeName.Known {
		b.WriteString(" " + s.CodeName.V)
	} else if s.Code.Known {
		fmt.Fprintf(&b, " code=%d", s.Code.V)
	}
	if s.FaultAddress.Known {
		b.WriteString(" addr=" + hex(s.FaultAddress.V))
	}
	b.WriteString("]")
	t := say(b.String())
	if s.Number == sigSEGV && s.FaultAddress.Known && s.FaultAddress.V < firstPage && s.Code.Known && s.Code.V > 0 {
		t = say(t, fmt.Sprintf("; an address this small is what a nil pointer gives, here with offset %d", s.FaultAddress.V))
	}
	return t
}

// crashStack is the stack that the crash happened on.
func (a *author) crashStack() (stack, bool) {
	c := a.crash
	if len(a.frames) == 0 {
		return stack{}, false
	}
	var head []string
	if id := a.thisGoroutine(); id != "" {
		head = append(head, id)
		if a.group != nil {
			head = append(head, a.state(a.group))
		}
	}
	if c.Thread.Known {
		head = append(head, fmt.Sprintf("(thread %d)", c.Thread.V))
	}
	s := stack{head: say(strings.Join(head, " ")), lines: a.stackLines(a.frames, c.FramesElided, c.Cycle)}
	if a.group != nil && a.group.CreatedBy != nil {
		s.foot = []text{a.createdBy(a.group.CreatedBy, a.inParent())}
	}
	return s, true
}

// createdBy is "created by f in g17 (file:line)".
func (a *author) createdBy(s *facts.Site, in text) text {
	t := say("created by ", a.fn(s.Func), in)
	if pos := a.place(s.File, s.Line); pos != "" {
		t = say(t, " ("+pos+")")
	}
	return t
}

// state is "chan receive", "running", "waiting".
func (a *author) state(g *facts.Group) string {
	if g.WaitReason.Known && g.WaitReason.V != "" {
		if g.Status == facts.StatusLeaked {
			return g.WaitReason.V + " (leaked)"
		}
		return g.WaitReason.V
	}
	return string(g.Status)
}

func (a *author) evidenceNotes() []text {
	c := a.crash
	var out []text
	if t := a.dumpSignalNote(); t != nil {
		out = append(out, t)
	}
	if t := a.deferredNote(); t != nil {
		out = append(out, t)
	}
	if t := a.machineNote(); t != nil {
		out = append(out, t)
	}
	if c.Kind == facts.CrashAbortRequest && c.Signal != nil && c.Signal.Source.Known {
		out = append(out, say("The sender of ", lit(signalWord(c.Signal)), " was read from the ", c.Signal.Source.V, "."))
	}
	return out
}

// dumpSignalNote tells the signal that wrote the core apart from the cause.
func (a *author) dumpSignalNote() text {
	c := a.crash
	d := c.DumpSignal
	if d == nil {
		return nil
	}
	self := d.Sender != nil && d.Sender.Who == facts.SenderSelf
	switch c.Kind {
	case facts.CrashPanic, facts.CrashFatal, facts.CrashDeadlock, facts.CrashOutOfMemory:
		if self {
			return say("Core signal ", lit(signalWord(d)), ": raised by the runtime itself, not the cause.")
		}
		return say("Core signal ", lit(signalWord(d)), ": sent", a.sender(d), " after the runtime had begun to end the process.")
	case facts.CrashSnapshot:
		return say("Core signal ", lit(signalWord(d)), ": how the process was held still for the copy, not a crash.")
	}
	switch {
	case c.Signal == nil, c.Kind == facts.CrashAbortSelf && c.Signal.Number == d.Number, c.Signal.Number == d.Number && !self:
		return nil
	case self && c.Signal.Number == d.Number:
		return say("Core signal ", lit(signalWord(d)), ": names the process itself, since the runtime raised it once more after the first.")
	case self:
		return say("Core signal ", lit(signalWord(d)), ": raised by the process itself after ", lit(signalWord(c.Signal)), ", not the cause.")
	}
	return say("Core signal ", lit(signalWord(d)), ": not the first one, which was ", lit(signalWord(c.Signal)), ".")
}

// deferredNote says what became of the goroutine's own deferred calls.
func (a *author) deferredNote() text {
	id := a.thisGoroutine()
	if id == "" {
		return nil
	}
	switch a.crash.Kind {
	case facts.CrashPanic:
		return say(lit(id), "'s own deferred calls had run before it died.")
	case facts.CrashFatal, facts.CrashOutOfMemory:
		return say(lit(id), "'s own deferred calls did not run: a fatal error skips them.")
	}
	return nil
}

// machineNote is the instruction that a fault interrupted.
func (a *author) machineNote() text {
	s := a.crash.Signal
	if s == nil || !s.PC.Known || !s.InstructionBytes.Known || !s.FaultAddress.Known {
		return nil
	}
	t := say("Faulting instruction at ", a.staticPlace(s.PC.V), ": ")
	if s.Instruction.Known {
		return say(t, lit(oneLine(s.Instruction.V, 80)), ".")
	}
	return say(t, lit(oneLine(s.InstructionBytes.V, 64)), ".")
}

// staticPlace is a pc in the binary's own addresses, as frames show it; the
// process's address when the load bias is unknown.
func (a *author) staticPlace(pc facts.Word) text {
	if b := a.doc.Target.Binary; b != nil && b.LoadBias.Known {
		return say(lit("@" + hex(pc-b.LoadBias.V)))
	}
	return say("pc ", lit(hex(pc)))
}
