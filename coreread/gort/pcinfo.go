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
	roleCgoCallback           // runtime.cgocallback: C called Go
	roleSigpanic              // a fault made it appear: the caller did not call it
	roleInjectedCall          // asyncPreempt, debugCall: the caller did not call it either
	roleSignalTrampoline      // runtime.sigtramp: below it lies the kernel's signal frame
)

// roles goes by name, which is stable, and not by funcID, which is not.
var roles = map[string]role{
	"runtime.systemstack":  roleSystemStack,
	"runtime.morestack":    roleMoreStack,
	"runtime.cgocallback":  roleCgoCallback,
	"runtime.sigpanic":     roleSigpanic,
	"runtime.sigpanic0":    roleSigpanic,
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
	marked  bool // panics or deferred calls may hang on its frames
	// assembly functions have no stack maps of their own, and calls of unmapped
	// ones have none in the caller.
	assembly, unmapped bool
	logical            uint32
}

// maxDecoded bounds the program counters that are kept decoded: far more than
// the call sites on the stacks of a living process, and far fewer than the words
// of a damaged one.
const maxDecoded = 1 << 16

// recentPCs is a small cache in front of the map: deep stacks are of few functions.
type recentPCs [256]struct {
	pc   image.Addr
	info *pcInfo
}

// info decodes pc, once.
func (p *Process) info(pc image.Addr) *pcInfo {
	recent := &p.recent[uint64(pc)*0x9e3779b97f4a7c15>>56]
	if recent.pc == pc && recent.info != nil {
		return recent.info
	}
	info, ok := p.pcs[pc]
	if !ok {
		if len(p.pcs) >= maxDecoded {
			clear(p.pcs)
		}
		info = p.decode(pc)
		p.pcs[pc] = info
	}
	recent.pc, recent.info = pc, info
	return info
}

func (p *Process) decode(pc image.Addr) *pcInfo {
	info := &pcInfo{}
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
	info.marked = fn.DeferReturn() != 0 || raisesPanic(fn.Name())
	info.assembly = fn.IsAsm()
	info.unmapped = isUnmappedCall(fn.Name())
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
	if len(p.sources) >= maxDecoded {
		clear(p.sources)
	}
	p.sources[key] = frames
	return frames
}

// FuncAt returns the function whose code holds pc.
func (p *Process) FuncAt(pc image.Addr) (exe.Func, bool) {
	info := p.info(pc)
	return info.fn, info.known
}
