package gort

import (
	"errors"
	"fmt"

	"postmortem/coreread/elfcore"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// SignalContext is a signal that interrupted Go code on a thread: what the
// kernel left on the handler's stack.
type SignalContext struct {
	Addr    image.Addr // of the kernel's siginfo
	Info    elfcore.SigInfo
	Regs    Regs // the interrupted code's
	Handler []Frame
}

// interrupted is where a thread was before any signal handler that it is in now.
type interrupted struct {
	regs  Regs
	exact bool
	err   error
}

// maxHandlerFrames bounds the frames above a signal handler's entry: its stack
// has 32 KiB, or what C code has set aside for it.
const maxHandlerFrames = 1 << 12

// maxSignalNesting bounds how many signal handlers interrupt one another.
const maxSignalNesting = 16

// Signals returns the signal handlers that m is in, innermost first: the last
// one is the first that was delivered.
func (p *Process) Signals(m *Machine) []SignalContext {
	p.interruptedContext(m)
	return m.signals
}

// interruptedContext walks out of the signal handlers that m's thread is in.
func (p *Process) interruptedContext(m *Machine) *interrupted {
	if m.context != nil {
		return m.context
	}
	m.context = &interrupted{}
	if m.Thread == nil {
		m.context.err = fmt.Errorf("the core has no thread %d", m.TID)
		return m.context
	}
	regs := threadRegs(m.Thread)
	m.context.regs, m.context.exact = regs, true
	for range maxSignalNesting {
		context, ok := p.signalFrame(m, regs)
		if !ok {
			break
		}
		m.signals = append(m.signals, context)
		regs = context.Regs
		m.context.regs = regs
	}
	return m.context
}

func threadRegs(t *elfcore.Thread) Regs {
	return Regs{PC: t.Regs.PC, SP: t.Regs.SP, LR: t.Regs.LR, FP: t.Regs.FP}
}

// signalFrame looks for a signal handler's entry below regs.
func (p *Process) signalFrame(m *Machine, regs Regs) (SignalContext, bool) {
	var context SignalContext
	var trampoline Frame
	u := &unwinder{p: p, m: m, limit: maxHandlerFrames}
	_ = u.walk(regs, true, func(f *Frame, info *pcInfo) {
		if len(context.Handler) < StoredFrames {
			context.Handler = append(context.Handler, *f)
		}
		if info.role == roleSignalTrampoline {
			trampoline = *f
		}
	})
	if trampoline.FP == 0 {
		return context, false
	}
	context, ok := p.kernelSignalFrame(trampoline.FP, context)
	return context, ok
}

// kernelSignalFrame reads what the kernel pushed before it called the handler.
func (p *Process) kernelSignalFrame(at image.Addr, context SignalContext) (SignalContext, bool) {
	a := p.arch
	c := p.Image.Cursor()
	context.Regs = Regs{PC: c.Addr(at + a.ucontextPC), SP: c.Addr(at + a.ucontextSP)}
	if a.ucontextLR != 0 {
		context.Regs.LR = c.Addr(at + a.ucontextLR)
	}
	if c.Err() != nil {
		return context, false
	}
	context.Addr = at + a.sigInfo
	if raw, err := p.Image.Bytes(context.Addr, 128); err == nil {
		context.Info, _ = elfcore.DecodeSigInfo(raw)
	}
	return context, true
}

// runningStack walks the goroutine that is on m's thread: the interrupted code,
// the system stack it may be on, and the goroutine's own.
func (p *Process) runningStack(g *Goroutine, m *Machine, s *Stack) error {
	context := p.interruptedContext(m)
	if context.err != nil {
		return p.savedStack(g, s)
	}
	err := p.walkInto(s, p.threadOrigin(g, m, context))
	if s.reaches(g.Stack) {
		return err
	}
	// The thread is between the goroutine and the scheduler, or in C code that
	// cannot be walked: the goroutine's side is what it saved.
	if g.sched.SP == 0 && g.syscall.SP == 0 {
		s.reset()
		return p.lostRegisters(g, fmt.Sprintf("its thread is at %v, and from there no way leads to its stack (%v)", context.regs.PC, err))
	}
	if !p.info(context.regs.PC).known {
		s.push(&Frame{PC: context.regs.PC, SP: context.regs.SP, FP: context.regs.SP, Exact: true, Trust: TrustCgo}, 1, false)
	} else {
		s.reset()
	}
	return p.savedStack(g, s)
}

// threadOrigin is where the walk from a thread's registers to the end of the
// goroutine that it runs begins.
func (p *Process) threadOrigin(g *Goroutine, m *Machine, context *interrupted) origin {
	regs, exact := context.regs, context.exact
	if m.VDSO.SP != 0 && !p.info(regs.PC).known {
		regs, exact = m.VDSO, false
	}
	u := unwinder{p: p, m: m, g: g.Addr, syscall: g.syscall}
	if g.Stack.Contains(regs.SP) {
		u.bounds = g.Stack
	}
	return origin{u, regs, exact}
}

// strayStack walks a running goroutine whose M is unknown from the thread that
// stands on its stack, if there is one.
func (p *Process) strayStack(g *Goroutine, s *Stack) error {
	t, ok := p.threadOn(g.Stack)
	if !ok {
		return p.lostRegisters(g, "its thread is unknown")
	}
	return p.walkInto(s, origin{unwinder{p: p, bounds: g.Stack}, threadRegs(t), true})
}

// lostRegisters is why a goroutine has no frames though its stack may be there.
func (p *Process) lostRegisters(g *Goroutine, why string) error {
	if p.Image.Missing(g.Stack) > 0 {
		return &image.FaultError{Addr: g.Stack.Start, Len: g.Stack.Len()}
	}
	return errors.New(why)
}

// savedStack walks a goroutine from where it stood when it left its thread, or
// entered a system call or C.
func (p *Process) savedStack(g *Goroutine, s *Stack) error {
	regs, left := g.sched, true
	if g.syscall.SP != 0 {
		regs, left = g.syscall, false
	}
	if regs.SP == 0 {
		return p.lostRegisters(g, "it saved no state")
	}
	if m, ok := p.byM[g.M]; ok && m.VDSO.SP != 0 && g.Stack.Contains(m.VDSO.SP) {
		regs, left = m.VDSO, false
	}
	return p.walkInto(s, origin{unwinder{p: p, bounds: g.Stack, syscall: g.syscall, left: left}, regs, false})
}

// origin is where a walk begins.
type origin struct {
	unwinder unwinder
	regs     Regs
	exact    bool
}

func (o origin) walk(visit func(*Frame, *pcInfo)) error {
	return o.unwinder.walk(o.regs, o.exact, visit)
}

// deepStack is how many frames make a stack worth remembering: several parts of
// a report show the one that the process died of.
const deepStack = 1 << 14

// walkInto walks into s, which may hold a frame that C code stands for.
func (p *Process) walkInto(s *Stack, from origin) error {
	if deep, ok := p.deep[from]; ok && s.Empty() {
		s.copy(deep)
		return deep.Broken
	}
	if m := from.unwinder.m; m != nil {
		s.own = m.CurStack
	}
	err := from.walk(func(f *Frame, info *pcInfo) {
		s.push(f, p.logicalFrames(f, info), info.marked)
	})
	if s.Physical >= deepStack && s.Inner[0].Trust != TrustCgo {
		deep := &Stack{}
		deep.copy(s)
		deep.Broken = err
		p.deep[from] = deep
	}
	return err
}

// logicalFrames returns how many functions a frame stands for.
func (p *Process) logicalFrames(f *Frame, info *pcInfo) uint32 {
	if f.Exact {
		return uint32(len(p.Source(*f)))
	}
	if info.logical == 0 {
		info.logical = uint32(len(p.Source(*f)))
	}
	return info.logical
}

// Stack walks the stack of g into s. A walk that ends early leaves the reason
// in s.Broken.
func (p *Process) Stack(g *Goroutine, s *Stack) {
	s.reset()
	m, onThread := p.runsOn(g)
	switch {
	case onThread:
		s.Broken = p.runningStack(g, m, s)
	case g.Status == layout.GRunning && g.sched.SP == 0:
		s.Broken = p.strayStack(g, s)
	default:
		s.Broken = p.savedStack(g, s)
	}
	if s.Broken == nil {
		s.Broken = p.wholeStack(g, s)
	}
	s.finish()
}

// wholeStack reports an absent part of the stack that the walk had no need to
// read: a local variable there may be what somebody looks for.
func (p *Process) wholeStack(g *Goroutine, s *Stack) error {
	for _, f := range s.Inner {
		if !g.Stack.Contains(f.SP) {
			continue
		}
		if used := (image.Range{Start: f.SP, End: g.Stack.End}); p.Image.Missing(used) > 0 {
			return &image.FaultError{Addr: used.Start, Len: used.Len()}
		}
		break
	}
	return nil
}
