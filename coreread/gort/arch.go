package gort

import (
	"debug/elf"

	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// architecture is what unwinding a stack needs to know of the machine.
type architecture struct {
	name string
	// linkRegister is set where a call leaves the return address in a register
	// and the callee saves it at its stack pointer; otherwise the call pushes it.
	linkRegister bool
	// injectedFrame is how far below the interrupted stack pointer a signal
	// handler that injects a call puts the old link register, in bytes.
	injectedFrame image.Addr
	// sigtramp's frame address is where the kernel's signal frame is; siginfo
	// and the registers of the interrupted code are at these distances from it.
	sigInfo                image.Addr
	ucontextPC, ucontextSP image.Addr
	ucontextLR             image.Addr // 0 where there is no link register
}

// The signal frames are the Linux kernel's rt_sigframe: on amd64 the handler's
// caller frame ends at the ucontext and siginfo follows it (sizeof ucontext is
// 304); on arm64 siginfo (128 bytes) comes first.
var (
	amd64 = &architecture{
		name:       "amd64",
		sigInfo:    304,
		ucontextPC: 168,
		ucontextSP: 160,
	}
	arm64 = &architecture{
		name:          "arm64",
		linkRegister:  true,
		injectedFrame: 16,
		sigInfo:       0,
		ucontextPC:    128 + 440,
		ucontextSP:    128 + 432,
		ucontextLR:    128 + 184 + 30*8,
	}
)

func architectureOf(machine elf.Machine) (*architecture, error) {
	switch machine {
	case elf.EM_X86_64:
		return amd64, nil
	case elf.EM_AARCH64:
		return arm64, nil
	}
	return nil, &layout.UnsupportedError{What: "cores of machine " + machine.String()}
}
