package gort

import (
	"postmortem/coreread/exe"
	"postmortem/coreread/image"
)

// role is what a function means to the unwinder.
type role uint8

const (
	roleNormal           role = iota
	roleSystemStack           // runtime.systemstack: runs a function on g0 for curg
	roleMoreStack             // runtime.morestack: grows curg's stack from g0
	roleMCall                 // runtime.mcall: left curg for good
	roleCgoCallback           // runtime.cgocallback: C called Go
	roleInjectedCall          // sigpanic, asyncPreempt, debugCall: the caller did not call it
	roleSignalTrampoline      // runtime.sigtramp: below it lies the kernel's signal frame
)

// roles goes by name, which is stable, and not by funcID, which is not.
var roles = map[string]role{
	"runtime.systemstack":  roleSystemStack,
	"runtime.morestack":    roleMoreStack,
	"runtime.mcall":        roleMCall,
	"runtime.cgocallback":  roleCgoCallback,
	"runtime.sigpanic":     roleInjectedCall,
	"runtime.sigpanic0":    roleInjectedCall,
	"runtime.asyncPreempt": roleInjectedCall,
	"runtime.debugCallV1":  roleInjectedCall,
	"runtime.debugCallV2":  roleInjectedCall,
	"runtime.sigtramp":     roleSignalTrampoline,
	"runtime.cgoSigtramp":  roleSignalTrampoline,
}

// pcInfo is what the unwinder needs of one program counter.
type pcInfo struct {
	fn      exe.Func
	known   bool // pc lies in Go code
	entry   image.Addr
	delta   int64 // stack pointer's distance below the frame's base at pc, without the return address
	deltaOK bool
	role    role
	top     bool // nothing called this function
	spWrite bool // it moves the stack pointer in ways that delta cannot tell
	logical uint32
}

// info decodes pc, once.
func (p *Process) info(pc image.Addr) *pcInfo {
	if info, ok := p.pcs[pc]; ok {
		return info
	}
	info := &pcInfo{}
	p.pcs[pc] = info
	fn, ok := p.Exe.Funcs().Find(p.static(pc))
	if !ok {
		return info
	}
	info.fn, info.known = fn, true
	info.entry = fn.Entry().Add(p.Bias)
	info.delta, info.deltaOK = fn.SPDelta(p.static(pc))
	info.role = roles[fn.Name()]
	info.top = fn.IsTopFrame()
	info.spWrite = fn.IsSPWrite() && info.role != roleCgoCallback
	return info
}

// sourceKey is a pc and whether it is the instruction itself or the one after a call.
type sourceKey struct {
	pc    image.Addr
	exact bool
}

// Source returns the functions that a frame stands for, innermost first: those
// inlined at its pc and the one that holds the code.
func (p *Process) Source(f Frame) []exe.SourceFrame {
	key := sourceKey{f.PC, f.Exact}
	if frames, ok := p.sources[key]; ok {
		return frames
	}
	var frames []exe.SourceFrame
	if info := p.info(f.PC); info.known {
		pc := f.PC
		if !f.Exact && pc > info.entry {
			pc-- // the call, not what follows it
		}
		frames = info.fn.Frames(p.static(pc))
	}
	p.sources[key] = frames
	return frames
}

// FuncAt returns the function whose code holds pc.
func (p *Process) FuncAt(pc image.Addr) (exe.Func, bool) {
	info := p.info(pc)
	return info.fn, info.known
}
