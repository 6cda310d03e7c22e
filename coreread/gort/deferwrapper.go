package gort

import (
	"strings"

	"golang.org/x/arch/x86/x86asm"

	"postmortem/coreread/exe"
	"postmortem/coreread/image"
)

// isDeferWrapper reports whether the compiler made the function, to hold a
// deferred call and its arguments or a method value's receiver: f.deferwrap1,
// before Go 1.21 f.func1 with the mark of a wrapper (cmd/compile/internal/walk,
// wrapCall). A function literal of the source is not one.
func isDeferWrapper(fn exe.Func) bool {
	name := fn.Name()
	return fn.IsWrapper() || strings.HasPrefix(name[strings.LastIndexByte(name, '.')+1:], "deferwrap")
}

// maxWrapperBytes bounds the code that is looked through: a wrapper is one call.
const maxWrapperBytes = 4096

// builtins are Go's builtin functions by what the compiler calls for them.
var builtins = map[string]string{
	"runtime.printlock": "print",
	"runtime.closechan": "close",
	"runtime.gopanic":   "panic",
}

// builtinName names a function as the source does.
func builtinName(name string) string {
	if b, ok := builtins[name]; ok {
		return b
	}
	if strings.HasPrefix(name, "runtime.mapdelete") {
		return "delete"
	}
	return name
}

// calledBy returns the one function of the program that a wrapper calls, be it
// inlined, or the builtin; "" when it calls through a pointer.
func (p *Process) calledBy(wrapper exe.Func) string {
	entry, end := wrapper.Entry(), wrapper.End()
	if end <= entry || end-entry > maxWrapperBytes {
		return ""
	}
	for pc := entry; pc < end; pc++ {
		// The frames end in the wrapper; before it stands what was inlined into it.
		if frames := wrapper.Frames(pc); len(frames) > 1 {
			return frames[len(frames)-2].Func
		}
	}
	code, err := p.Exe.Image().Bytes(entry, uint64(end-entry))
	if err != nil {
		return ""
	}
	calls := amd64Calls
	if p.arch.linkRegister {
		calls = arm64Calls
	}
	for _, target := range calls(code, entry) {
		fn, ok := p.Exe.Funcs().Find(target)
		if ok && fn.Entry() == target && target != entry && !compilerCall(fn.Name()) {
			return builtinName(fn.Name())
		}
	}
	return ""
}

// compilerCall reports whether the compiler adds calls of the function to any code.
func compilerCall(name string) bool {
	for _, prefix := range []string{"runtime.morestack", "runtime.panic", "runtime.gcWriteBarrier", "runtime.newobject", "runtime.duff", "runtime.typedmem", "runtime.racefunc"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// amd64Calls returns the targets of the direct calls and tail jumps in code,
// which lies at the address, in order.
func amd64Calls(code []byte, at image.Addr) (targets []image.Addr) {
	for len(code) > 0 {
		inst, err := x86asm.Decode(code, 64)
		if err != nil || inst.Len == 0 {
			return targets
		}
		at += image.Addr(inst.Len)
		code = code[inst.Len:]
		if inst.Op != x86asm.CALL && inst.Op != x86asm.JMP {
			continue
		}
		if rel, ok := inst.Args[0].(x86asm.Rel); ok {
			targets = append(targets, at.Add(int64(rel)))
		}
	}
	return targets
}

// arm64Calls is the same for arm64: BL and B with a signed distance of 26 bits in words.
func arm64Calls(code []byte, at image.Addr) (targets []image.Addr) {
	for ; len(code) >= 4; code, at = code[4:], at+4 {
		inst := uint32(code[0]) | uint32(code[1])<<8 | uint32(code[2])<<16 | uint32(code[3])<<24
		if op := inst >> 26; op == 0b100101 || op == 0b000101 {
			targets = append(targets, at.Add(int64(int32(inst<<6)>>6)*4))
		}
	}
	return targets
}
