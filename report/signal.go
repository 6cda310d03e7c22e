package report

import (
	"fmt"

	"postmortem/analyzer/facts"
)

// sentFromOutside reports whether a signal from another process ended this one.
func (a *author) sentFromOutside() bool {
	if a.crash.Kind == facts.CrashAbortRequest {
		return true
	}
	s := a.firstSignal()
	return a.crash.Kind == facts.CrashSignal && s != nil && s.Sender != nil && s.Sender.Who == facts.SenderOther
}

// sentToItself reports whether the process ended itself with kill, unlike raise and
// abort, which signal the thread that calls them.
func (a *author) sentToItself() bool {
	const siUser, siQueue = 0, -1
	s := a.firstSignal()
	return (a.crash.Kind == facts.CrashSignal || a.crash.Kind == facts.CrashAbortSelf) &&
		s != nil && s.Sender != nil && s.Sender.Who == facts.SenderSelf && s.Code.Known && (s.Code.V == siUser || s.Code.V == siQueue)
}

// hitByChance reports whether the signal could have come to any thread, so that the
// stack it hit is not to blame.
func (a *author) hitByChance() bool { return a.sentFromOutside() || a.sentToItself() }

// aboutAll reports whether what all goroutines did tells more than one stack.
func (a *author) aboutAll() bool {
	return a.crash.Kind == facts.CrashDeadlock || a.crash.Kind == facts.CrashSnapshot || a.hitByChance()
}

func (a *author) whatSignal() []text {
	s := a.firstSignal()
	if a.sentToItself() {
		return a.whatSentToItself(s)
	}
	t := say(a.signalName(s))
	if s != nil && s.FaultAddress.Known {
		t = say(t, " at address ", lit(hex(s.FaultAddress.V)))
	}
	if on := a.onThread(); on != nil {
		t = say(t, " hit", on)
		if len(a.frames) > 0 && !a.hitByChance() {
			t = say(t, ", in ", a.at(a.frames[0]), ",")
		}
		t = say(t, " and")
	}
	t = say(t, " ended the process.")
	switch {
	case s != nil && s.Sender != nil && (s.Sender.Who == facts.SenderOther || s.Sender.Who == facts.SenderSelf):
		return []text{t, say("It was sent", a.sender(s), "; no instruction of this thread raised it.")}
	case s != nil && isFault(s.Number):
		return []text{t, say("The fault was outside of what the runtime turns into a panic, so no recover could catch it.")}
	}
	return []text{t}
}

func (a *author) whatSentToItself(s *facts.Signal) []text {
	return []text{say(a.signalName(s), " was sent", a.sender(s), ", by ", lit("kill"),
		": any of its threads may get such a signal, so the stack that it hit is not blamed.")}
}

func (a *author) whatAbortRequest() []text {
	s := a.firstSignal()
	sent := say(a.signalName(s), " was sent", a.sender(s), ": the process did not crash by itself.")
	if a.explains(a.leading()) {
		return []text{sent}
	}
	return []text{
		sent,
		say("Such a signal is often sent because a process hung, so what the goroutines waited for matters; the stack that the signal hit is not blamed."),
	}
}

// firstSignal is the one that was delivered first, else the one that wrote the core.
func (a *author) firstSignal() *facts.Signal {
	if a.crash.Signal != nil {
		return a.crash.Signal
	}
	return a.crash.DumpSignal
}

// signalName is "`SIGSEGV` (SEGV_MAPERR)".
func (a *author) signalName(s *facts.Signal) text {
	if s == nil {
		return say("A signal")
	}
	t := say(lit(signalWord(s)))
	if s.CodeName.Known {
		t = say(t, " (", lit(s.CodeName.V), ")")
	}
	return t
}

func signalWord(s *facts.Signal) string {
	if s.Name.Known {
		return s.Name.V
	}
	return fmt.Sprintf("signal %d", s.Number)
}

// sender says who sent a signal, with a leading space.
func (a *author) sender(s *facts.Signal) text {
	if s == nil || s.Sender == nil {
		return say(" by an unknown sender")
	}
	pid := ""
	if s.Sender.PID.Known {
		pid = fmt.Sprintf(" (pid %d)", s.Sender.PID.V)
	}
	switch s.Sender.Who {
	case facts.SenderSelf:
		return say(" by the process itself" + pid)
	case facts.SenderOther:
		return say(" by another process" + pid)
	case facts.SenderKernel:
		return say(" by the kernel")
	}
	return say(" by an unknown sender" + pid)
}

// onThread is " thread 17, which ran `g4121`", nil when neither is known.
func (a *author) onThread() text {
	id := a.thisGoroutine()
	switch {
	case a.crash.Thread.Known && id != "":
		return say(fmt.Sprintf(" thread %d, which ran ", a.crash.Thread.V), lit(id))
	case a.crash.Thread.Known:
		return say(fmt.Sprintf(" thread %d", a.crash.Thread.V))
	case id != "":
		return say(" ", lit(id))
	}
	return nil
}

// Numbers of the signals that an instruction raises, the same on linux/amd64 and
// linux/arm64.
const (
	sigILL  = 4
	sigBUS  = 7
	sigFPE  = 8
	sigSEGV = 11
)

func isFault(number int) bool {
	return number == sigILL || number == sigBUS || number == sigFPE || number == sigSEGV
}
