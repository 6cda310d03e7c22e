package gort

import (
	"errors"
	"strings"

	"postmortem/coreread/elfcore"
	"postmortem/coreread/exe"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// LiveFrame is a physical frame as the collector looks at it (runtime.stkframe).
type LiveFrame struct {
	Frame
	Func  exe.Func
	Entry image.Addr // of Func in the process
	Depth int        // frames of the goroutine's own stack that it has called

	// ContinuePC is where the frame goes on when control comes back to it: what
	// is live there keeps objects alive. 0 means that it never does.
	ContinuePC image.Addr

	Varp image.Addr // end of the local variables
	Argp image.Addr // start of the arguments and results on the stack

	// Conservative says that no map describes the frame where it stands: every
	// word of Body and of its arguments may be a pointer.
	Conservative bool
	Body         image.Range // from the stack pointer to Varp, on arm64 with what a signal handler pushed
}

// EachFrame visits the frames on g's own stack, innermost first and all of them,
// as runtime.scanstack does; the frame is only lent. Where the walk ends before
// the outermost frame, err says why and rest is the part of the stack that no
// visited frame covers: any word of it may be in use.
//
// A goroutine that is on its thread is taken where it stands, though no collector
// would look at it before it came to a safe point: what it does there is
// conservative, and so is Registers.
func (p *Process) EachFrame(g *Goroutine, visit func(*LiveFrame)) (rest image.Range, err error) {
	from, err := p.liveOrigin(g)
	if err != nil {
		return g.Stack, err
	}
	w := liveWalk{p: p, visit: visit, interrupted: from.exact, end: from.regs.SP}
	err = from.walk(w.frame)
	if err != nil {
		rest = image.Range{Start: min(w.end, g.Stack.End), End: g.Stack.End}
	}
	return rest, err
}

var errNoSavedState = errors.New("it saved no state, and its thread is not on its stack")

// liveOrigin is where the walk of g's own stack begins: what the goroutine saved
// as it left its thread, unless the thread is still on that stack.
func (p *Process) liveOrigin(g *Goroutine) (origin, error) {
	u := unwinder{p: p, bounds: g.Stack, syscall: g.syscall}
	if g.syscall.SP != 0 {
		return origin{u, g.syscall, false}, nil
	}
	m, onThread := p.runsOn(g)
	switch {
	case onThread:
		if context := p.interruptedContext(m); g.Stack.Contains(context.regs.SP) && p.info(context.regs.PC).known {
			return origin{u, context.regs, context.exact}, nil
		}
		if g.Stack.Contains(m.VDSO.SP) {
			// The code that called the vDSO has its registers there.
			return origin{u, m.VDSO, true}, nil
		}
	case g.Status == layout.GRunning && g.sched.SP == 0:
		if t, ok := p.threadOn(g.Stack); ok {
			return origin{u, threadRegs(t), true}, nil
		}
	}
	if g.sched.SP == 0 {
		return origin{}, p.lostRegisters(g, errNoSavedState.Error())
	}
	u.left = true
	return origin{u, g.sched, false}, nil
}

// liveWalk turns the unwinder's frames into those of the collector.
type liveWalk struct {
	p           *Process
	visit       func(*LiveFrame)
	interrupted bool // the innermost frame may stand at any instruction
	live        LiveFrame
	callee      role
	unmapped    bool // the last frame visited stands at a call that has no stack map
	depth       int
	end         image.Addr // of the last frame visited
}

func (w *liveWalk) frame(f *Frame, info *pcInfo) {
	p, l := w.p, &w.live
	l.Frame, l.Func, l.Entry, l.Depth = *f, info.fn, info.entry, w.depth
	l.Varp, l.Argp = p.variablesEnd(f), f.FP
	if p.arch.linkRegister {
		l.Argp += 8
	}
	l.Body = image.Range{Start: f.SP, End: max(f.SP, l.Varp)}
	injected := info.role == roleInjectedCall
	if p.arch.linkRegister && (injected || info.role == roleSigpanic) {
		l.Body.End += p.arch.injectedFrame
	}
	l.ContinuePC = f.PC
	if w.callee == roleSigpanic {
		// runtime/traceback.go: the frame goes on with its deferred calls, or not at all.
		if l.ContinuePC = 0; info.fn.DeferReturn() != 0 {
			l.ContinuePC = info.entry + image.Addr(info.fn.DeferReturn()) + 1
		}
	}
	innermost := w.depth == 0 && w.interrupted
	l.Conservative = innermost || injected || w.unmapped || info.unmapped
	// Whoever called it need not have a map there either: assembly may have been
	// called in the middle of something.
	w.unmapped = injected || info.unmapped || l.Conservative && info.assembly
	w.visit(l)
	w.callee = info.role
	w.depth++
	w.end = f.FP
}

// variablesEnd returns runtime.stkframe.varp: below the return address and the
// saved frame pointer.
func (p *Process) variablesEnd(f *Frame) image.Addr {
	if base, ok := p.variablesBase(*f); ok {
		return base
	}
	if p.arch.linkRegister {
		return f.FP
	}
	return f.FP - 8
}

// isUnmappedCall reports whether calls of a function have no stack map: the
// compiler's write barriers (cmd/compile/internal/liveness, hasStackMap).
func isUnmappedCall(name string) bool {
	switch name {
	case "runtime.typedmemmove", "runtime.typedmemclr", // until 1.20
		"runtime.wbZero", "runtime.wbMove": // since 1.21
		return true
	}
	return name == "gcWriteBarrier" || strings.HasPrefix(name, "runtime.gcWriteBarrier")
}

// generalRegisters are the registers in which code keeps values.
var generalRegisters = map[string]bool{}

func init() {
	for _, saved := range [][]savedRegister{amd64Saved, arm64Saved} {
		for _, r := range saved {
			switch r.name {
			case "rip", "eflags", "rsp", "pc", "sp", "pstate":
			default:
				generalRegisters[r.name] = true
			}
		}
	}
}

// Registers returns the general registers of a goroutine that is on its thread,
// as a signal interrupted them if one did; nil for a goroutine that has saved all
// that it needs on its stack.
func (p *Process) Registers(g *Goroutine) []elfcore.Register {
	m, onThread := p.runsOn(g)
	if !onThread {
		return nil
	}
	p.interruptedContext(m)
	all := m.Thread.Regs.Named
	if n := len(m.signals); n > 0 {
		if regs, err := p.SignalRegisters(&m.signals[n-1]); err == nil {
			all = regs
		}
	}
	out := make([]elfcore.Register, 0, len(all))
	for _, r := range all {
		if generalRegisters[r.Name] {
			out = append(out, r)
		}
	}
	return out
}
