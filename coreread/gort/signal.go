package gort

import (
	"fmt"

	"postmortem/coreread/elfcore"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// Sender says who sent a signal.
type Sender string

// The senders that are told apart.
const (
	SenderSelf    Sender = "self"    // the process itself
	SenderOther   Sender = "other"   // another process
	SenderKernel  Sender = "kernel"  // a fault of the CPU, a terminal, a limit
	SenderUnknown Sender = "unknown" // what is left does not tell
)

// Signal is one delivery of a signal.
type Signal struct {
	Number    int
	Name      string // "SIGSEGV"
	HasCode   bool   // Code is what the kernel gave; false when it is lost
	Code      int    // si_code
	CodeName  string // "SEGV_MAPERR"; "" without a code
	HasFault  bool
	FaultAddr image.Addr // that was accessed, or of the instruction for SIGILL and SIGFPE; with HasFault
	PC        image.Addr // instruction that was interrupted; 0 when unknown
	SenderPID int        // process that sent it; 0 when none did or it is not visible from the process's namespace
	Who       Sender
	Thread    int    // id of the thread that it was delivered to; 0 when unknown
	Source    string // where this was read
}

// Numbers of the signals that matter here, the same on amd64 and arm64.
const (
	sigQUIT = 3
	sigILL  = 4
	sigTRAP = 5
	sigABRT = 6
	sigBUS  = 7
	sigFPE  = 8
	sigSEGV = 11
	sigSTOP = 19
	sigURG  = 23
	sigPROF = 27
	sigSYS  = 31
)

// signalTexts are the runtime's own words for the signals that end a process
// with a core (runtime/sigtab_linux_generic.go), printed behind the name.
var signalTexts = map[int]string{
	sigQUIT: "quit", sigILL: "illegal instruction", sigTRAP: "trace trap", sigABRT: "abort", sigBUS: "bus error",
	sigFPE: "floating-point exception", sigSEGV: "segmentation violation", 16: "stack fault",
	24: "cpu limit exceeded", 25: "file size limit exceeded", sigSYS: "bad system call",
}

// Text is the signal as the runtime prints it: "SIGSEGV: segmentation violation".
func (s *Signal) Text() string {
	if text, ok := signalTexts[s.Number]; ok {
		return s.Name + ": " + text
	}
	return s.Name
}

// RuntimeLine is the line that the runtime prints for a fault that became a
// panic: "[signal SIGSEGV: segmentation violation code=0x1 addr=0x18 pc=0x47159c]".
func (s *Signal) RuntimeLine() string {
	return fmt.Sprintf("[signal %s code=%#x addr=%#x pc=%#x]", s.Text(), uint64(s.Code), uint64(s.FaultAddr), uint64(s.PC))
}

// signalOf describes a siginfo.
func (p *Process) signalOf(info *elfcore.SigInfo, thread int, source string) *Signal {
	s := &Signal{
		Number: info.Signo, Name: elfcore.SignalName(info.Signo),
		HasCode: true, Code: info.Code, CodeName: elfcore.CodeName(info.Signo, info.Code),
		HasFault: info.HasAddr(), FaultAddr: info.Addr,
		Thread: thread, Source: source, Who: SenderKernel,
	}
	if info.HasSender() {
		s.SenderPID = info.PID
		s.Who = p.senderOf(info.PID)
	}
	return s
}

// senderOf tells whether pid is the process itself. A sender outside the
// process's pid namespace shows as 0.
func (p *Process) senderOf(pid int) Sender {
	own := p.pid()
	switch {
	case pid == 0:
		return SenderOther
	case own == 0:
		return SenderUnknown
	case pid == own:
		return SenderSelf
	}
	return SenderOther
}

// pid is the process's id, 0 when the core does not say: the kernel's process
// note has it, and the first M runs on the thread of that id.
func (p *Process) pid() int {
	if p.Core.Process != nil && p.Core.Process.PID > 0 {
		return p.Core.Process.PID
	}
	if len(p.machines) > 0 && p.machines[0].ID == 0 {
		return p.machines[0].TID
	}
	return 0
}

// faultSignal is the fault that became a panic of g; nil when there was none.
// The handler has long returned: all that is left is in g.sig and its companions.
func (p *Process) faultSignal(g *Goroutine) *Signal {
	number := int(int32(g.Signal.Number))
	if number == 0 {
		return nil
	}
	s := &Signal{
		Number: number, Name: elfcore.SignalName(number),
		PC: g.Signal.PC, Who: SenderKernel,
		Source: fmt.Sprintf("g.sig of goroutine %d", g.ID),
	}
	if m, ok := p.byM[g.M]; ok {
		s.Thread = m.TID
	}
	// Until 1.21 a recover on the way has put a stack pointer and a program
	// counter in the places of code and address: they then belong to the stack.
	if p.layout.Has(layout.RecoverKeepsSigcode) || !g.Stack.Contains(image.Addr(g.Signal.Code)) {
		s.HasCode, s.Code = true, int(int32(g.Signal.Code))
		s.CodeName = elfcore.CodeName(number, s.Code)
		s.HasFault, s.FaultAddr = true, g.Signal.Addr
	}
	return s
}

// faultOfThrow is the fault for which the runtime threw: the one that it noted
// in the g that the thread was on, which is the system stack's when C code or the
// runtime itself faulted.
func (p *Process) faultOfThrow(d *death) *Signal {
	if d.machine.onSystemStack(d.end.SP) || d.g == nil {
		if g0, err := p.GoroutineAt(d.machine.G0); err == nil && g0.Signal.Number != 0 {
			s := p.faultSignal(&g0)
			s.Thread = d.machine.TID
			s.Source = fmt.Sprintf("g.sig of the system stack of thread %d", d.machine.TID)
			return s
		}
	}
	if d.g == nil {
		return nil
	}
	return p.faultSignal(d.g)
}

// dumpSignal is the signal that wrote the core, nil when the core names none.
func (p *Process) dumpSignal() *Signal {
	first := p.firstThread()
	if info := p.Core.Signal; info != nil && info.Signo != 0 {
		return p.signalOf(info, first, "NT_SIGINFO")
	}
	if len(p.Core.Threads) == 0 || p.Core.Threads[0].Signal == 0 || p.Core.Producer == elfcore.Delve {
		return nil
	}
	number := p.Core.Threads[0].Signal
	return &Signal{
		Number: number, Name: elfcore.SignalName(number), Thread: first,
		Who: SenderUnknown, Source: "NT_PRSTATUS",
	}
}

// firstThread is the id of the thread that the kernel and gdb put first: the one that had the signal.
func (p *Process) firstThread() int {
	if len(p.Core.Threads) == 0 || p.Core.Producer == elfcore.Delve {
		return 0
	}
	return p.Core.Threads[0].TID
}

// raisedByRuntime reports whether the runtime sent the signal to itself, to die
// of it or to have the next thread print its stack: it then hit the code that sends.
func (p *Process) raisedByRuntime(c *SignalContext) bool {
	fn, ok := p.FuncAt(c.Regs.PC)
	if !ok {
		return false
	}
	switch fn.Name() {
	case "runtime.raise", "runtime.raiseproc", "runtime.tgkill", "runtime.kill":
		return true
	}
	return false
}

// firstDelivered returns the first signal that m's thread has not yet handled,
// leaving out those that the runtime raised to end the process and those that
// do no harm; nil when there is none.
func (p *Process) firstDelivered(m *Machine) *Signal {
	contexts := p.Signals(m)
	for i := len(contexts) - 1; i >= 0; i-- {
		c := &contexts[i]
		if c.Info.Signo == 0 || c.Info.Signo == sigURG || c.Info.Signo == sigPROF || p.raisedByRuntime(c) {
			continue
		}
		s := p.signalOf(&c.Info, m.TID, fmt.Sprintf("signal context of thread %d", m.TID))
		s.PC = c.Regs.PC
		return s
	}
	return nil
}
