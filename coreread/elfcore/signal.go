package elfcore

import (
	"errors"
	"fmt"

	"postmortem/coreread/image"
)

// SigInfo is what the kernel told about a signal (siginfo_t).
type SigInfo struct {
	Signo, Code, Errno int

	Addr     image.Addr // that faulted; meaningful only if HasAddr
	PID, UID int        // of the sender; meaningful only if HasSender
}

// Signal numbers that the decoder needs; those of asm-generic/signal.h, which
// amd64 and arm64 share.
const (
	sigILL  = 4
	sigTRAP = 5
	sigBUS  = 7
	sigFPE  = 8
	sigSEGV = 11
	sigCHLD = 17
	sigIO   = 29
	sigSYS  = 31
)

// Codes of any signal (include/uapi/asm-generic/siginfo.h).
const (
	siUser    = 0
	siKernel  = 0x80
	siQueue   = -1
	siTimer   = -2
	siMesgQ   = -3
	siAsyncIO = -4
	siSigIO   = -5
	siTKill   = -6
)

// HasAddr reports whether the signal is a fault of the thread's own and the
// kernel said where. It does not for SI_KERNEL, as when an address is not
// canonical.
func (s *SigInfo) HasAddr() bool {
	switch s.Signo {
	case sigILL, sigTRAP, sigBUS, sigFPE, sigSEGV:
		return s.Code > 0 && s.Code != siKernel
	}
	return false
}

// HasSender reports whether a process sent the signal, PID and UID saying which.
func (s *SigInfo) HasSender() bool {
	switch s.Code {
	case siUser, siTKill, siQueue, siMesgQ, siAsyncIO:
		return true
	}
	return s.Signo == sigCHLD && s.Code > 0 && s.Code != siKernel
}

// sigInfoBytes is the part of siginfo_t that DecodeSigInfo needs.
const sigInfoBytes = 24

// DecodeSigInfo decodes a siginfo_t (include/uapi/asm-generic/siginfo.h) as it
// stands in a note or in the frame of a signal handler: number, errno, code,
// and at offset 16 what depends on the signal. b must have 24 bytes or more;
// of a shorter one nothing is decoded.
func DecodeSigInfo(b []byte) (s SigInfo, ok bool) {
	if len(b) < sigInfoBytes {
		return s, false
	}
	word := func(at int) int { return int(int32(order.Uint32(b[at:]))) }
	s = SigInfo{Signo: word(0), Errno: word(4), Code: word(8)}
	if s.HasAddr() {
		s.Addr = image.Addr(order.Uint64(b[16:]))
	}
	if s.HasSender() {
		s.PID, s.UID = word(16), int(order.Uint32(b[20:]))
	}
	return s, true
}

func (d *noteDecoder) sigInfo(n note) error {
	info, ok := DecodeSigInfo(n.desc)
	if !ok {
		return errShort(n, sigInfoBytes)
	}
	s := &info
	if d.core.Signal == nil {
		d.core.Signal = s
	}
	t := d.thread()
	switch {
	case t == nil:
		return errNoThread
	case t.SigInfo != nil:
		return errors.New("is a second one of its thread: the first is taken")
	}
	t.SigInfo = s
	return nil
}

// SignalName returns the name of a signal, as "SIGSEGV"; "SIG34" and the like
// for real-time signals, whose names the C library shifts.
func SignalName(n int) string {
	if n > 0 && n < len(signalNames) {
		return signalNames[n]
	}
	if n >= 32 && n <= 64 {
		return fmt.Sprintf("SIG%d", n)
	}
	return fmt.Sprintf("signal %d", n)
}

// CodeName returns the name of a signal's code, as "SEGV_MAPERR" or "SI_TKILL",
// and the number where it has no name.
func CodeName(sig, code int) string {
	if name, ok := anyCodes[code]; ok {
		return name
	}
	if names := codeNames[sig]; code > 0 && code < len(names) && names[code] != "" {
		return names[code]
	}
	return fmt.Sprintf("code %d", code)
}

var signalNames = [...]string{
	1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE",
	9: "SIGKILL", 10: "SIGUSR1", 11: "SIGSEGV", 12: "SIGUSR2", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM",
	16: "SIGSTKFLT", 17: "SIGCHLD", 18: "SIGCONT", 19: "SIGSTOP", 20: "SIGTSTP", 21: "SIGTTIN", 22: "SIGTTOU",
	23: "SIGURG", 24: "SIGXCPU", 25: "SIGXFSZ", 26: "SIGVTALRM", 27: "SIGPROF", 28: "SIGWINCH", 29: "SIGIO",
	30: "SIGPWR", 31: "SIGSYS",
}

// anyCodes are the codes that mean the same for every signal.
var anyCodes = map[int]string{
	siUser: "SI_USER", siKernel: "SI_KERNEL", siQueue: "SI_QUEUE", siTimer: "SI_TIMER", siMesgQ: "SI_MESGQ",
	siAsyncIO: "SI_ASYNCIO", siSigIO: "SI_SIGIO", siTKill: "SI_TKILL", -7: "SI_DETHREAD", -60: "SI_ASYNCNL",
}

var codeNames = map[int][]string{
	sigILL: {1: "ILL_ILLOPC", 2: "ILL_ILLOPN", 3: "ILL_ILLADR", 4: "ILL_ILLTRP", 5: "ILL_PRVOPC", 6: "ILL_PRVREG",
		7: "ILL_COPROC", 8: "ILL_BADSTK", 9: "ILL_BADIADDR"},
	sigFPE: {1: "FPE_INTDIV", 2: "FPE_INTOVF", 3: "FPE_FLTDIV", 4: "FPE_FLTOVF", 5: "FPE_FLTUND", 6: "FPE_FLTRES",
		7: "FPE_FLTINV", 8: "FPE_FLTSUB", 14: "FPE_FLTUNK", 15: "FPE_CONDTRAP"},
	sigSEGV: {1: "SEGV_MAPERR", 2: "SEGV_ACCERR", 3: "SEGV_BNDERR", 4: "SEGV_PKUERR", 5: "SEGV_ACCADI",
		6: "SEGV_ADIDERR", 7: "SEGV_ADIPERR", 8: "SEGV_MTEAERR", 9: "SEGV_MTESERR", 10: "SEGV_CPERR"},
	sigBUS:  {1: "BUS_ADRALN", 2: "BUS_ADRERR", 3: "BUS_OBJERR", 4: "BUS_MCEERR_AR", 5: "BUS_MCEERR_AO"},
	sigTRAP: {1: "TRAP_BRKPT", 2: "TRAP_TRACE", 3: "TRAP_BRANCH", 4: "TRAP_HWBKPT", 5: "TRAP_UNK", 6: "TRAP_PERF"},
	sigCHLD: {1: "CLD_EXITED", 2: "CLD_KILLED", 3: "CLD_DUMPED", 4: "CLD_TRAPPED", 5: "CLD_STOPPED", 6: "CLD_CONTINUED"},
	sigIO:   {1: "POLL_IN", 2: "POLL_OUT", 3: "POLL_MSG", 4: "POLL_ERR", 5: "POLL_PRI", 6: "POLL_HUP"},
	sigSYS:  {1: "SYS_SECCOMP", 2: "SYS_USER_DISPATCH"},
}
