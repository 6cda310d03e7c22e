package gort

import (
	"bytes"

	"postmortem/coreread/elfcore"
	"postmortem/coreread/image"
)

// blockingCalls are the Linux system calls in which a thread of a Go program
// may be found asleep, by number: the kernel's unistd_64.h for amd64 and the
// generic unistd.h for arm64.
var blockingCalls = map[string]map[uint64]string{
	"amd64": {
		0: "read", 1: "write", 7: "poll", 16: "ioctl", 17: "pread64", 18: "pwrite64", 19: "readv", 20: "writev",
		23: "select", 24: "sched_yield", 34: "pause", 35: "nanosleep", 42: "connect", 43: "accept", 44: "sendto", 45: "recvfrom",
		46: "sendmsg", 47: "recvmsg", 61: "wait4", 62: "kill", 72: "fcntl", 73: "flock", 74: "fsync", 75: "fdatasync",
		128: "rt_sigtimedwait", 130: "rt_sigsuspend", 200: "tkill", 202: "futex", 219: "restart_syscall", 230: "clock_nanosleep",
		232: "epoll_wait", 234: "tgkill", 247: "waitid", 257: "openat", 270: "pselect6", 271: "ppoll", 281: "epoll_pwait",
		288: "accept4", 295: "preadv", 296: "pwritev", 318: "getrandom", 426: "io_uring_enter",
	},
	"arm64": {
		22: "epoll_pwait", 25: "fcntl", 29: "ioctl", 32: "flock", 56: "openat", 63: "read", 64: "write", 65: "readv", 66: "writev",
		67: "pread64", 68: "pwrite64", 69: "preadv", 70: "pwritev", 72: "pselect6", 73: "ppoll", 82: "fsync", 83: "fdatasync",
		95: "waitid", 98: "futex", 101: "nanosleep", 115: "clock_nanosleep", 124: "sched_yield", 128: "restart_syscall",
		129: "kill", 130: "tkill", 131: "tgkill", 133: "rt_sigsuspend", 137: "rt_sigtimedwait", 202: "accept", 203: "connect",
		206: "sendto", 207: "recvfrom", 211: "sendmsg", 212: "recvmsg", 242: "accept4", 260: "wait4", 278: "getrandom", 426: "io_uring_enter",
	},
}

// syscallInstructions is the instruction that enters the kernel, and which
// register then holds the call's number; the kernel keeps it aside on amd64.
var syscallInstructions = map[string]struct {
	code   []byte
	number string
}{
	"amd64": {[]byte{0x0f, 0x05}, "orig_rax"},
	"arm64": {[]byte{0x01, 0x00, 0x00, 0xd4}, "x8"},
}

// syscallName names the system call that a thread is in: "" when its program
// counter does not stand behind the instruction that makes one, or the call is
// not among those known.
func (p *Process) syscallName(t *elfcore.Thread) string {
	instruction := syscallInstructions[p.arch.name]
	n := image.Addr(len(instruction.code))
	code, err := p.Image.Bytes(t.Regs.PC-n, uint64(n))
	if err == nil && !bytes.Equal(code, instruction.code) {
		return ""
	}
	for _, r := range t.Regs.Named {
		if r.Name == instruction.number {
			// A library's code is not in the core; on amd64 the kernel's own note
			// suffices: it is -1 outside of a call.
			if err != nil && p.arch.linkRegister {
				return ""
			}
			return blockingCalls[p.arch.name][r.Value]
		}
	}
	return ""
}

// leafCalls are the functions of the runtime that make one system call each.
var leafCalls = map[string]string{
	"runtime.futex":     "futex",
	"runtime.usleep":    "nanosleep",
	"runtime.epollwait": "epoll_wait", // until 1.20
}

// callOf returns the system call that t was in before any signal handler, as
// " (futex)", and "" when it was in none that is known.
func (p *Process) callOf(t *Thread, core *elfcore.Thread) string {
	name := ""
	if len(t.Signals) == 0 {
		name = p.syscallName(core)
	} else if len(t.Frames) > 0 {
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
