package gort

import (
	"postmortem/coreread/elfcore"
	"postmortem/coreread/image"
)

// savedRegister is where the kernel's signal frame keeps a register, in bytes
// from the start of the ucontext.
type savedRegister struct {
	name   string
	offset image.Addr
}

// amd64Saved is struct sigcontext of arch/x86/include/uapi/asm/sigcontext.h,
// 40 bytes into the ucontext, named and ordered as in a core's PRSTATUS.
var amd64Saved = []savedRegister{
	{"r15", 96}, {"r14", 88}, {"r13", 80}, {"r12", 72}, {"rbp", 120}, {"rbx", 128},
	{"r11", 64}, {"r10", 56}, {"r9", 48}, {"r8", 40}, {"rax", 144}, {"rcx", 152},
	{"rdx", 136}, {"rsi", 112}, {"rdi", 104}, {"rip", 168}, {"eflags", 176}, {"rsp", 160},
}

// arm64Saved is struct sigcontext of arch/arm64/include/uapi/asm/sigcontext.h,
// 176 bytes into the ucontext: fault address, x0 to x30, sp, pc, pstate.
var arm64Saved = func() []savedRegister {
	names := []string{
		"x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
		"x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "x30",
		"sp", "pc", "pstate",
	}
	saved := make([]savedRegister, len(names))
	for i, name := range names {
		saved[i] = savedRegister{name, 184 + 8*image.Addr(i)}
	}
	return saved
}()

// SignalRegisters returns the registers of the code that a signal interrupted,
// as the kernel saved them for the handler.
func (p *Process) SignalRegisters(c *SignalContext) ([]elfcore.Register, error) {
	// See architecture: siginfo follows the ucontext on amd64 and precedes it on arm64.
	saved, ucontext := amd64Saved, c.Addr-p.arch.sigInfo
	if p.arch.linkRegister {
		saved, ucontext = arm64Saved, c.Addr+128
	}
	cur := p.Image.Cursor()
	out := make([]elfcore.Register, len(saved))
	for i, s := range saved {
		out[i] = elfcore.Register{Name: s.name, Value: cur.Uint64(ucontext + s.offset)}
	}
	return out, cur.Err()
}
