package gort

import (
	"bytes"

	"postmortem/coreread/image"
)

// SystemCall is a system call that a thread is in.
type SystemCall struct {
	Number uint64
	Name   string // "" when it is not among those that a thread may wait in
	// Args are its arguments as the kernel takes them, whatever their number; nil
	// where the registers no longer hold them.
	Args []uint64
}

// FD returns the file descriptor that the call is about: its first argument, of
// the calls known to take one.
func (c *SystemCall) FD() (int64, bool) {
	if !descriptorCalls[c.Name] || len(c.Args) == 0 {
		return 0, false
	}
	fd := int64(int32(c.Args[0])) // the kernel looks at 32 bits
	return fd, fd >= 0
}

// syscallABI is how an architecture enters the kernel.
type syscallABI struct {
	instruction []byte
	number      string   // register of the call's number, before the call
	kept        string   // the same in a core's registers: the kernel keeps it aside on amd64
	args        []string // registers of the arguments
}

var syscallABIs = map[string]syscallABI{
	"amd64": {[]byte{0x0f, 0x05}, "rax", "orig_rax", []string{"rdi", "rsi", "rdx", "r10", "r8", "r9"}},
	"arm64": {[]byte{0x01, 0x00, 0x00, 0xd4}, "x8", "x8", []string{"x0", "x1", "x2", "x3", "x4", "x5"}},
}

// SystemCall returns the call that t is in, or was in when its first signal
// interrupted it: the kernel then goes back to the instruction in most calls, so
// that the program makes them again. It is not ok when t stands at no such
// instruction, and where the call has returned an error because of the signal:
// its number is gone then.
func (p *Process) SystemCall(t *Thread) (c SystemCall, ok bool) {
	abi := syscallABIs[p.arch.name]
	regs, interrupted := t.Regs.Named, len(t.Signals) > 0
	if interrupted {
		regs = t.Interrupted
	}
	value := func(name string) (uint64, bool) {
		for _, r := range regs {
			if r.Name == name {
				return r.Value, true
			}
		}
		return 0, false
	}
	pcName := "rip"
	if p.arch.linkRegister {
		pcName = "pc"
	}
	pc, ok := value(pcName)
	if !ok {
		return SystemCall{}, false
	}
	place := p.syscallPlace(image.Addr(pc), abi.instruction)
	number, argsKept := abi.kept, !p.arch.linkRegister
	switch {
	case place == atInstruction && (interrupted || p.arch.linkRegister):
		// To be made again. On amd64 the instruction had left its end in rcx; on
		// arm64 the kernel puts even a thread that it stops into this state
		// (arch/arm64/kernel/signal.c, do_signal).
		next, _ := value("rcx")
		if !p.arch.linkRegister && next != pc+uint64(len(abi.instruction)) {
			return SystemCall{}, false
		}
		number, argsKept = abi.number, true
	case interrupted && !p.arch.linkRegister:
		return SystemCall{}, false
	case place == behindInstruction:
	case place == placeUnknown && !p.arch.linkRegister:
		// A library's code is not in the core; the kernel's own note suffices: it
		// is -1 outside of a call.
	default:
		return SystemCall{}, false
	}
	if c.Number, ok = value(number); !ok || int64(c.Number) < 0 || c.Number > maxSyscall {
		return SystemCall{}, false
	}
	c.Name = systemCalls[p.arch.name][c.Number]
	if argsKept {
		c.Args = make([]uint64, len(abi.args))
		for i, name := range abi.args {
			c.Args[i], _ = value(name)
		}
	}
	return c, true
}

// maxSyscall is far above the number of any system call.
const maxSyscall = 1 << 16

// place is where a program counter stands.
type place uint8

const (
	placeUnknown place = iota // the code is not in the core
	elsewhere
	atInstruction
	behindInstruction
)

func (p *Process) syscallPlace(pc image.Addr, instruction []byte) place {
	n := image.Addr(len(instruction))
	before, err := p.Image.Bytes(pc-n, uint64(n))
	if err == nil && bytes.Equal(before, instruction) {
		return behindInstruction
	}
	at, atErr := p.Image.Bytes(pc, uint64(n))
	switch {
	case atErr == nil && bytes.Equal(at, instruction):
		return atInstruction
	case err != nil:
		return placeUnknown
	}
	return elsewhere
}

// leafCalls are the functions of the runtime that make one system call each.
var leafCalls = map[string]string{
	"runtime.futex":     "futex",
	"runtime.usleep":    "nanosleep",
	"runtime.epollwait": "epoll_wait", // until 1.20
}

// callOf returns the system call that t was in before any signal handler, as
// " (futex)", and "" when it was in none that is known.
func (p *Process) callOf(t *Thread) string {
	c, ok := p.SystemCall(t)
	name := c.Name
	if !ok && len(t.Signals) > 0 && len(t.Frames) > 0 {
		// The interrupted call's number is gone from the registers.
		if fn, ok := p.FuncAt(t.Frames[0].PC); ok {
			name = leafCalls[fn.Name()]
		}
	}
	if name == "" {
		return ""
	}
	return " (" + name + ")"
}
