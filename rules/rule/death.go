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
