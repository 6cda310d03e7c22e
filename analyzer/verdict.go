package analyzer

import (
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"postmortem/analyzer/facts"
	"postmortem/analyzer/signature"
	"postmortem/coreread"
)

// classes gives each kind of crash its class, and how bad it is.
var classes = map[facts.CrashKind]struct {
	class    facts.Class
	severity facts.Severity
}{
	facts.CrashPanic:        {facts.ClassPanic, facts.SeverityCritical},
	facts.CrashFatal:        {facts.ClassFatal, facts.SeverityCritical},
	facts.CrashSignal:       {facts.ClassFault, facts.SeverityCritical},
	facts.CrashDeadlock:     {facts.ClassDeadlock, facts.SeverityCritical},
	facts.CrashOutOfMemory:  {facts.ClassOutOfMemory, facts.SeverityCritical},
	facts.CrashAbortRequest: {facts.ClassAborted, facts.SeverityError},
	facts.CrashAbortSelf:    {facts.ClassAborted, facts.SeverityCritical},
	facts.CrashSnapshot:     {facts.ClassSnapshot, facts.SeverityInfo},
	facts.CrashUnknown:      {facts.ClassUnknown, facts.SeverityWarning},
}

// judge writes the verdict and the signature from the crash.
func (a *analysis) judge() {
	c := a.doc.Crash
	v := &a.doc.Verdict
	of := classes[c.Kind]
	v.Class, v.Severity = of.class, of.severity
	if interrupted(c) {
		v.Class = facts.ClassInterrupted
	}
	v.ExitClass = facts.ExitClasses[v.Class]
	v.Confidence = a.confidence(c)
	v.Title = a.title(c)
	if blames(c.Kind) && !hitByChance(c.Signal) {
		a.doc.Signature = signature.Of("crash", string(c.Kind), c.Frames, c.Cycle)
	}
	if s := a.doc.Signature; s != nil {
		v.Signature = facts.Some(s.Scheme + ":" + s.Fine)
	}
}

// blames reports whether a kind of crash shows the bug on its own stack. A
// signal from outside hits whatever happened to run.
func blames(kind facts.CrashKind) bool {
	switch kind {
	case facts.CrashAbortRequest, facts.CrashSnapshot, facts.CrashUnknown:
		return false
	}
	return true
}

// sentFromOutside reports whether another process sent the signal.
func sentFromOutside(s *facts.Signal) bool {
	return s != nil && s.Sender != nil && s.Sender.Who == facts.SenderOther
}

// hitByChance reports whether a signal was sent to the process as a whole, by kill
// and not by raise or abort, so that any of its threads may have got it.
func hitByChance(s *facts.Signal) bool {
	const siUser, siQueue = 0, -1
	return sentFromOutside(s) ||
		s != nil && s.Sender != nil && s.Sender.Who == facts.SenderSelf && s.Code.Known && (s.Code.V == siUser || s.Code.V == siQueue)
}

// interrupted reports whether the process died of SIGINT or SIGTERM.
func interrupted(c *facts.Crash) bool {
	const sigint, sigterm = 2, 15
	return c.Signal != nil && (c.Signal.Number == sigint || c.Signal.Number == sigterm)
}

// confidence is how well the verdict is founded: no better than the identity of the binary.
func (a *analysis) confidence(c *facts.Crash) facts.Confidence {
	switch {
	case a.snap.Identity.State == coreread.Mismatch, c.Kind == facts.CrashUnknown:
		return facts.ConfidencePossible
	case a.snap.Identity.State == coreread.Unverifiable, len(a.crashDoubts) > 0:
		return facts.ConfidenceLikely
	}
	return facts.ConfidenceProven
}

// maxTitle is how long a title may be, in characters: a ticket's subject line.
const maxTitle = 120

// title says in one line what died, of what and where.
func (a *analysis) title(c *facts.Crash) string {
	name := a.programName()
	var t string
	switch c.Kind {
	case facts.CrashPanic:
		t = fmt.Sprintf("%s died: %s%s", name, panicBrief(c), in(c))
	case facts.CrashFatal:
		t = fmt.Sprintf("%s died: %s%s", name, fatalBrief(c), in(c))
	case facts.CrashOutOfMemory:
		t = fmt.Sprintf("%s died: out of memory%s", name, lastToAsk(c))
	case facts.CrashDeadlock:
		t = fmt.Sprintf("%s died: %s", name, deadlockBrief(c))
	case facts.CrashSignal:
		if sentFromOutside(c.Signal) {
			t = fmt.Sprintf("%s was killed by %s from another process", name, signalName(c.Signal))
			break
		}
		if hitByChance(c.Signal) {
			t = fmt.Sprintf("%s sent itself %s", name, signalName(c.Signal))
			break
		}
		t = fmt.Sprintf("%s died: %s%s", name, signalName(c.Signal), in(c))
	case facts.CrashAbortRequest:
		t = fmt.Sprintf("%s was ended by %s from outside", name, signalName(c.Signal))
	case facts.CrashAbortSelf:
		if hitByChance(c.Signal) {
			t = fmt.Sprintf("%s sent itself %s", name, signalName(c.Signal))
			break
		}
		t = fmt.Sprintf("%s aborted itself: %s%s", name, signalName(c.Signal), in(c))
	case facts.CrashSnapshot:
		t = fmt.Sprintf("%s was alive when its core was taken", name)
	default:
		t = fmt.Sprintf("%s left a core; why is not known", name)
	}
	return oneLine(t, maxTitle)
}

// panicBrief is a panic's message in the words that people use for it. What the
// runtime raises itself needs no "panic:" before it.
func panicBrief(c *facts.Crash) string {
	m, ok := firstLine(c.Message)
	if !ok {
		return "panic"
	}
	m, runtimeError := strings.CutPrefix(m, "runtime error: ")
	switch {
	case !runtimeError:
		return "panic: " + m
	case m == "invalid memory address or nil pointer dereference":
		return nilOrWild(c)
	}
	return m
}

// fatalBrief is a fatal error's message; "fault" alone would say nothing.
func fatalBrief(c *facts.Crash) string {
	m, ok := firstLine(c.Message)
	if !ok {
		return "fatal error"
	}
	if m == "fault" && c.Signal != nil && c.Signal.FaultAddress.Known {
		return fmt.Sprintf("%s at %#x", signalName(c.Signal), uint64(c.Signal.FaultAddress.V))
	}
	return "fatal error: " + m
}

// deadlockBrief tells the runtime's two kinds of deadlock apart.
func deadlockBrief(c *facts.Crash) string {
	if m, ok := firstLine(c.Message); ok && strings.HasPrefix(m, "no goroutines") {
		return "no goroutines are left, main has called runtime.Goexit"
	}
	return "all goroutines are asleep (deadlock)"
}

func firstLine(m facts.Maybe[string]) (string, bool) {
	line, _, _ := strings.Cut(m.V, "\n")
	line = strings.TrimRight(line, " \t\r:,;")
	return line, m.Known && line != ""
}

// nilOrWild tells a nil pointer from a pointer to nowhere: the runtime's message
// for both is the same, but page zero is all that a nil pointer's fields reach.
func nilOrWild(c *facts.Crash) string {
	if c.Signal != nil && c.Signal.FaultAddress.Known && c.Signal.FaultAddress.V >= 4096 {
		return "invalid memory address"
	}
	return "nil pointer dereference"
}

// in names the innermost function that is the program's own, or else the innermost.
func in(c *facts.Crash) string {
	for _, f := range c.Frames {
		if f.InApp {
			return " in " + shortFunc(f.Func)
		}
	}
	if len(c.Frames) > 0 {
		return " in " + shortFunc(c.Frames[0].Func)
	}
	return ""
}

// lastToAsk names who asked for memory last, who need not be who used it up.
func lastToAsk(c *facts.Crash) string {
	if fn, ok := strings.CutPrefix(in(c), " in "); ok {
		return ", last asked for in " + fn
	}
	return ""
}

// shortFunc leaves of a function's package the last element of its path.
func shortFunc(name string) string {
	head, typeArguments, generic := strings.Cut(name, "[")
	short := path.Base(head)
	if pkg, rest, ok := strings.Cut(short, "."); ok && path.Dir(head) != "." {
		short = withoutMajorVersion(path.Join(path.Dir(head), pkg)) + "." + rest
	}
	if generic {
		short += "[" + typeArguments
	}
	return short
}

func signalName(s *facts.Signal) string {
	switch {
	case s == nil:
		return "a signal"
	case s.Name.Known:
		return s.Name.V
	}
	return fmt.Sprintf("signal %d", s.Number)
}

// oneLine makes s at most n characters of one line.
func oneLine(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}
