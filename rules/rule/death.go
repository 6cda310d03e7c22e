package rule

import (
	"fmt"
	"strings"

	"postmortem/analyzer/facts"
)

// Death is a finding about the death of the process, as far as all such findings
// are alike: severity, confidence, goroutine, and as evidence the runtime's message,
// the stack and who started the goroutine. Title is "program died: brief in function",
// as the verdict has it.
func Death(doc *facts.Document, brief string) facts.Finding {
	c := doc.Crash
	f := facts.Finding{
		Severity:   facts.SeverityCritical,
		Confidence: facts.ConfidenceProven,
		Title:      Line(fmt.Sprintf("%s died: %s%s", Program(doc), brief, In(c)), TitleCap),
	}
	if doubtful(doc) {
		f.Confidence = facts.ConfidenceLikely
	}
	if c.Message.Known {
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "crash", Text: "the runtime's message: " + Line(c.Message.V, 200), Ref: "/crash/message"})
	}
	if at, i := Blame(c.Frames); at != nil {
		f.Evidence = append(f.Evidence, facts.Evidence{Kind: "stack", Text: Subject(c) + " was in " + At(at), Ref: fmt.Sprintf("/crash/frames/%d", i)})
	}
	if !c.Goroutine.Known {
		return f
	}
	f.Goroutines = One(c.Goroutine.V)
	if g := GroupOf(doc, c.Goroutine.V); g != nil {
		f.Groups = []int{g.ID}
		if g.CreatedBy != nil {
			f.Evidence = append(f.Evidence, facts.Evidence{Kind: "stack", Text: Subject(c) + " was started by " + AtSite(g.CreatedBy), Ref: GroupRef(g) + "/created_by"})
		}
	}
	return f
}

// Doubt is the effect of gaps that weaken what is said of the cause of death.
const Doubt = "the cause of death is less certain"

func doubtful(doc *facts.Document) bool {
	for i := range doc.Completeness.Gaps {
		if doc.Completeness.Gaps[i].Effect == Doubt {
			return true
		}
	}
	return false
}

// Subject is the goroutine of the crash for the start of a sentence.
func Subject(c *facts.Crash) string {
	if c.Goroutine.Known {
		return Goid(c.Goroutine.V)
	}
	return "A goroutine"
}

// In names the innermost function of the crash that is the program's own, or else
// the innermost: " in main.serve", "" when there is no stack.
func In(c *facts.Crash) string {
	for _, f := range c.Frames {
		if f != nil && f.InApp {
			return " in " + FuncName(f.Func)
		}
	}
	if len(c.Frames) > 0 && c.Frames[0] != nil {
		return " in " + FuncName(c.Frames[0].Func)
	}
	return ""
}

// Stood is where the crash happened: "main.serve (serve.go:12)", "" when there is no stack.
func Stood(c *facts.Crash) string {
	f, _ := Blame(c.Frames)
	if f == nil {
		return ""
	}
	return At(f)
}

// MessageHas reports whether the runtime's message is known and has one of the parts.
func MessageHas(c *facts.Crash, parts ...string) bool {
	for _, p := range parts {
		if c.Message.Known && strings.Contains(c.Message.V, p) {
			return true
		}
	}
	return false
}

// Message is the first line of the runtime's message, "" when it is not known.
func Message(c *facts.Crash) string {
	line, _, _ := strings.Cut(c.Message.V, "\n")
	if !c.Message.Known {
		return ""
	}
	return strings.TrimRight(line, " \t\r:,;")
}

// Rollback is advice that fits whatever died in the program's own code.
func Rollback(doc *facts.Document) string {
	if rev := doc.Target.VCSRevision; rev.Known && rev.V != "" {
		return "roll back if " + rev.V[:min(len(rev.V), 7)] + " is new"
	}
	return "roll back if this build is new"
}

// SentFromOutside reports whether another process ended this one with a signal.
func SentFromOutside(c *facts.Crash) bool {
	return c.Kind == facts.CrashAbortRequest ||
		c.Signal != nil && c.Signal.Sender != nil && c.Signal.Sender.Who == facts.SenderOther
}

// nilMessage is what the runtime says of an access to page zero.
const nilMessage = "invalid memory address or nil pointer dereference"

// firstPage is where addresses that a nil pointer's fields have end: sigpanic makes
// a panic of faults below it only (runtime/signal_unix.go).
const firstPage = 4096

// NilPointer reports whether the process died of a nil pointer: its last panic, or
// the first of the chain that led to that.
func NilPointer(c *facts.Crash) bool {
	if c.Signal != nil && c.Signal.FaultAddress.Known && c.Signal.FaultAddress.V >= firstPage {
		return false
	}
	return MessageHas(c, nilMessage) || len(c.Panics) > 0 && strings.Contains(c.Panics[0].Message.V, nilMessage)
}

// PanicBrief is a panic's message in the words that people use for it. What the
// runtime raises itself needs no "panic:" before it.
func PanicBrief(c *facts.Crash) string {
	m := Message(c)
	if m == "" {
		return "panic"
	}
	m, runtimeError := strings.CutPrefix(m, "runtime error: ")
	switch {
	case !runtimeError:
		return "panic: " + m
	case m != nilMessage:
		return m
	case NilPointer(c):
		return "nil pointer dereference"
	}
	return "invalid memory address"
}

// FirstPanicked is the index of the frame where the first panic of a chain was
// raised; -1 when there is no chain or the stack does not show it.
func FirstPanicked(c *facts.Crash) int {
	if len(c.Panics) < 2 {
		return -1
	}
	last := -1
	for i, f := range c.Frames {
		if f != nil && (f.Func == "panic" || f.Func == "runtime.gopanic") {
			last = i
		}
	}
	if last < 0 {
		return -1
	}
	if _, i := Blame(c.Frames[last+1:]); i >= 0 {
		return last + 1 + i
	}
	return -1
}

// FatalBrief is a fatal error's message; "fault" alone would say nothing.
func FatalBrief(c *facts.Crash) string {
	m := Message(c)
	switch {
	case m == "":
		return "fatal error"
	case m == "fault" && c.Signal != nil && c.Signal.FaultAddress.Known:
		return fmt.Sprintf("%s at %#x", SignalName(c.Signal), uint64(c.Signal.FaultAddress.V))
	}
	return "fatal error: " + m
}

// SignalName is "SIGSEGV".
func SignalName(s *facts.Signal) string {
	switch {
	case s == nil:
		return "a signal"
	case s.Name.Known:
		return s.Name.V
	}
	return fmt.Sprintf("signal %d", s.Number)
}

// HitByChance reports whether a signal was sent to the process as a whole, by kill
// and not by raise or abort, so that any of its threads may have got it.
func HitByChance(s *facts.Signal) bool {
	const siUser, siQueue = 0, -1
	if s == nil || s.Sender == nil {
		return false
	}
	return s.Sender.Who == facts.SenderOther ||
		s.Sender.Who == facts.SenderSelf && s.Code.Known && (s.Code.V == siUser || s.Code.V == siQueue)
}
