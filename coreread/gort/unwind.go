package gort

import (
	"fmt"

	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// Regs is where a walk starts.
type Regs struct {
	PC, SP image.Addr
	LR     image.Addr // link register; 0 where there is none or it was saved
	FP     image.Addr // frame pointer; 0 when unknown
}

// unwinder walks one stack from the innermost frame outwards, the way
// runtime.gentraceback and, since 1.21, runtime.unwinder do.
type unwinder struct {
	p *Process
	m *Machine   // the thread that runs the stack, nil for a parked goroutine
	g image.Addr // the goroutine that a switch off the system stack leads to, 0 for none

	bounds image.Range // the stack being walked; empty when its bounds are unknown
	frame  Frame
	info   *pcInfo
	lr     image.Addr // return address when it is in a register

	// syscall is the pc and sp that entersyscall saved: exempt from the rule
	// that functions which write SP cannot be walked through.
	syscall Regs
	// left says that the current frame is where the goroutine itself left its
	// thread, with a stack pointer that its function had not yet written.
	left bool

	limit  uint64 // frames after which the walk ends, 0 for none
	memory *image.Cursor
}

// brokenStackError is why a walk ended early.
type brokenStackError struct {
	at   image.Addr
	what string
	err  error
}

func (e *brokenStackError) Error() string {
	if e.err != nil {
		return fmt.Sprintf("stack at %v: %s: %v", e.at, e.what, e.err)
	}
	return fmt.Sprintf("stack at %v: %s", e.at, e.what)
}

func (e *brokenStackError) Unwrap() error { return e.err }

func (u *unwinder) broken(what string, err error) error {
	return &brokenStackError{at: u.frame.SP, what: what, err: err}
}

// chargeEvery is how many frames a walk takes between two looks at whether it may go on.
const chargeEvery = 1 << 8

// walk visits every frame from regs on; the frame visited is only lent. exact
// says that regs.PC is the instruction itself and not a return address. It
// returns nil at the outermost frame.
func (u *unwinder) walk(regs Regs, exact bool, visit func(*Frame, *pcInfo)) error {
	u.memory = u.p.Image.Cursor()
	if regs.PC == 0 && regs.SP != 0 {
		if err := u.callOfNil(&regs); err != nil {
			return err
		}
		exact = false
	}
	u.frame = Frame{PC: regs.PC, SP: regs.SP, Exact: exact}
	if exact {
		u.frame.Trust = TrustRegisters
	}
	u.lr = regs.LR
	for n := uint64(1); ; n++ {
		u.info = u.p.info(u.frame.PC)
		if !u.info.known {
			return u.broken(fmt.Sprintf("%v is not in Go code", u.frame.PC), nil)
		}
		way, err := u.resolve()
		if err != nil {
			return err
		}
		visit(&u.frame, u.info)
		if n == u.limit || way == outermost {
			return nil
		}
		if n%chargeEvery == 0 {
			if err := u.p.budget.chargeFrames(chargeEvery); err != nil {
				return u.broken("the walk was ended", err)
			}
		}
		switch way {
		case toGoroutine:
			err = u.enterGoroutine()
		case hidden:
			return u.hiddenCaller()
		default:
			err = u.step(n == 1)
		}
		if err != nil {
			return err
		}
	}
}

// way is how a walk leaves a frame outwards.
type way uint8

const (
	toCaller    way = iota // by the return address
	toGoroutine            // from the system stack to the goroutine's own
	outermost              // nothing called it
	hidden                 // what called it cannot be told from its frame
)

// callOfNil puts a walk that begins at the call of a nil function into the caller.
func (u *unwinder) callOfNil(regs *Regs) error {
	if u.p.arch.linkRegister && regs.LR != 0 {
		regs.PC, regs.LR = regs.LR, 0
		return nil
	}
	regs.PC = u.memory.Addr(regs.SP)
	if !u.p.arch.linkRegister {
		regs.SP += 8
	}
	return u.memory.Err()
}

// resolve completes the current frame and says how it is left.
func (u *unwinder) resolve() (way, error) {
	if !u.info.deltaOK {
		return hidden, u.broken("no frame size is recorded for "+u.info.fn.Name(), nil)
	}
	u.frame.FP = u.frame.SP.Add(u.info.delta)
	if !u.p.arch.linkRegister {
		u.frame.FP += 8
	}
	switch {
	case u.info.top || u.info.role == roleSignalTrampoline:
		return outermost, nil
	case u.leavesSystemStack():
		return toGoroutine, nil
	case u.info.spWrite && !u.beforeSPWrite():
		return hidden, nil
	}
	return toCaller, u.checkBounds()
}

// beforeSPWrite reports whether a function that writes the stack pointer had
// not yet done so: it was in entersyscall's caller, which has saved its own, or
// the goroutine left its thread as the function was about to grow its stack.
func (u *unwinder) beforeSPWrite() bool {
	inSyscall := u.frame.PC == u.syscall.PC && u.frame.SP == u.syscall.SP && u.syscall.SP != 0
	return inSyscall || u.left
}

// hiddenCaller ends a walk at a function that writes the stack pointer. On a
// thread's own stack these are the scheduler's first frames; on a goroutine's
// there are callers, and nothing tells where.
func (u *unwinder) hiddenCaller() error {
	if u.bounds.Len() == 0 {
		return nil
	}
	return u.broken(u.info.fn.Name()+" moves the stack pointer in ways that the binary does not record", nil)
}

// leavesSystemStack reports whether the current frame is where the system stack
// ends and the goroutine's own goes on: systemstack runs a function for it,
// morestack grows its stack.
func (u *unwinder) leavesSystemStack() bool {
	if u.m == nil || u.g == 0 || !u.m.onSystemStack(u.frame.SP) {
		return false
	}
	switch u.info.role {
	case roleMoreStack:
		return true
	case roleSystemStack:
		// With a link register the frame is there only after the switch.
		return !(u.p.arch.linkRegister && u.info.delta == 0)
	}
	return false
}

// enterGoroutine goes on with what the goroutine saved as it left for the
// system stack: systemstack saves a pc in systemstack_switch, which stands for
// the frame that it left behind.
func (u *unwinder) enterGoroutine() error {
	g, err := u.p.GoroutineAt(u.g)
	if err != nil {
		return err
	}
	if g.sched.SP == 0 {
		return u.broken("the goroutine's side of "+u.info.fn.Name()+" is gone", nil)
	}
	u.frame = Frame{PC: g.sched.PC, SP: g.sched.SP}
	u.lr = g.sched.LR
	u.bounds = g.Stack
	u.g = 0
	u.left = true
	return nil
}

// checkBounds keeps a damaged stack pointer from leading the walk elsewhere.
func (u *unwinder) checkBounds() error {
	if u.frame.FP < u.frame.SP {
		return u.broken("the frame of "+u.info.fn.Name()+" ends below its start", nil)
	}
	if u.bounds.Len() == 0 {
		return nil
	}
	if u.frame.SP < u.bounds.Start || u.frame.FP > u.bounds.End {
		return u.broken(fmt.Sprintf("frame of %s leaves its stack %v-%v", u.info.fn.Name(), u.bounds.Start, u.bounds.End), nil)
	}
	return nil
}

// returnAddress finds where the current frame returns to.
func (u *unwinder) returnAddress(innermost bool) error {
	at := u.frame.FP - 8
	if u.p.arch.linkRegister {
		if u.lr != 0 && !(innermost && u.frame.SP < u.frame.FP) {
			return nil
		}
		at = u.frame.SP
	}
	u.lr = u.memory.Addr(at)
	if err := u.memory.Err(); err != nil {
		return u.broken("return address of "+u.info.fn.Name(), err)
	}
	return nil
}

// step makes the caller the current frame.
func (u *unwinder) step(innermost bool) error {
	if err := u.returnAddress(innermost); err != nil {
		return err
	}
	if u.lr == 0 {
		return u.broken(u.info.fn.Name()+" returns to address 0", nil)
	}
	if u.lr == u.frame.PC && u.frame.FP == u.frame.SP {
		return u.broken("the walk does not advance", nil)
	}
	injected := u.info.role == roleInjectedCall || u.info.role == roleSigpanic
	exact := u.info.role == roleSigpanic || injected && u.p.layout.Has(layout.PreemptedPCIsExact)
	u.frame = Frame{PC: u.lr, SP: u.frame.FP, Exact: exact}
	u.lr, u.left = 0, false
	if injected && u.p.arch.linkRegister {
		return u.undoInjection()
	}
	return nil
}

// undoInjection takes back what a signal handler pushed to make a call appear:
// the interrupted code's link register.
func (u *unwinder) undoInjection() error {
	saved := u.memory.Addr(u.frame.SP)
	if err := u.memory.Err(); err != nil {
		return u.broken("link register of the interrupted code", err)
	}
	u.frame.SP += u.p.arch.injectedFrame
	if info := u.p.info(u.frame.PC); !info.known {
		u.frame.PC, u.frame.Exact = saved, false
	} else if info.delta == 0 {
		u.lr = saved
	}
	return nil
}
