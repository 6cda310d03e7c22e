package layout

import "fmt"

// SigFlags say what the runtime does when a signal arrives
// (src/runtime/runtime2.go, _SigNotify and those after it).
type SigFlags uint16

const (
	SigNotify   SigFlags = 1 << iota // os/signal may ask for it
	SigKill                          // the process exits quietly unless the program asked for it
	SigThrow                         // the process dies loudly unless the program asked for it
	SigPanic                         // a panic of the goroutine, when the kernel sent it
	SigDefault                       // not watched unless the program asked for it
	_                                // Plan 9 only
	SigSetStack                      // libc's own: only its handler's stack is changed
	SigUnblock                       // never blocked
	SigIgnored                       // ignored by default
)

// signals is the runtime's table for linux, the same in 1.18 to 1.27
// (src/runtime/sigtab_linux_generic.go); from 35 on every signal is a
// SigNotify with its number for a name.
var signals = [...]struct {
	flags SigFlags
	text  string
}{
	{0, "SIGNONE: no trap"},
	{SigNotify | SigKill, "SIGHUP: terminal line hangup"},
	{SigNotify | SigKill, "SIGINT: interrupt"},
	{SigNotify | SigThrow, "SIGQUIT: quit"},
	{SigThrow | SigUnblock, "SIGILL: illegal instruction"},
	{SigThrow | SigUnblock, "SIGTRAP: trace trap"},
	{SigNotify | SigThrow, "SIGABRT: abort"},
	{SigPanic | SigUnblock, "SIGBUS: bus error"},
	{SigPanic | SigUnblock, "SIGFPE: floating-point exception"},
	{0, "SIGKILL: kill"},
	{SigNotify, "SIGUSR1: user-defined signal 1"},
	{SigPanic | SigUnblock, "SIGSEGV: segmentation violation"},
	{SigNotify, "SIGUSR2: user-defined signal 2"},
	{SigNotify, "SIGPIPE: write to broken pipe"},
	{SigNotify, "SIGALRM: alarm clock"},
	{SigNotify | SigKill, "SIGTERM: termination"},
	{SigThrow | SigUnblock, "SIGSTKFLT: stack fault"},
	{SigNotify | SigUnblock | SigIgnored, "SIGCHLD: child status has changed"},
	{SigNotify | SigDefault | SigIgnored, "SIGCONT: continue"},
	{0, "SIGSTOP: stop, unblockable"},
	{SigNotify | SigDefault | SigIgnored, "SIGTSTP: keyboard stop"},
	{SigNotify | SigDefault | SigIgnored, "SIGTTIN: background read from tty"},
	{SigNotify | SigDefault | SigIgnored, "SIGTTOU: background write to tty"},
	{SigNotify | SigIgnored, "SIGURG: urgent condition on socket"},
	{SigNotify, "SIGXCPU: cpu limit exceeded"},
	{SigNotify, "SIGXFSZ: file size limit exceeded"},
	{SigNotify, "SIGVTALRM: virtual alarm clock"},
	{SigNotify | SigUnblock, "SIGPROF: profiling alarm clock"},
	{SigNotify | SigIgnored, "SIGWINCH: window size change"},
	{SigNotify, "SIGIO: i/o now possible"},
	{SigNotify, "SIGPWR: power failure restart"},
	{SigThrow, "SIGSYS: bad system call"},
	{SigSetStack | SigUnblock, "signal 32"},
	{SigSetStack | SigUnblock, "signal 33"},
	{SigSetStack | SigUnblock, "signal 34"},
}

// lastSignal is the highest signal number on linux.
const lastSignal = 64

// Signal returns what the runtime does with a signal and the text that it
// prints for it, such as "SIGSEGV: segmentation violation". ok is false for a
// number that is no signal.
func Signal(number int) (flags SigFlags, text string, ok bool) {
	switch {
	case number < 0 || number > lastSignal:
		return 0, "", false
	case number < len(signals):
		return signals[number].flags, signals[number].text, true
	}
	return SigNotify, fmt.Sprintf("signal %d", number), true
}

// Signals that the runtime uses itself on linux.
const (
	PreemptSignal     = 23 // SIGURG asks a thread to stop its goroutine
	PerThreadSyscalls = 33 // makes every thread do a system call (syscall.AllThreadsSyscall)
)
