package report

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"postmortem/analyzer/facts"
)

const (
	shownFindings  = 10
	shownEvidence  = 5 // of one finding
	findingWidth   = 1000
	evidenceWidth  = 400
	shownNextSteps = 3 // of one finding, behind the verdict's
)

// leading is the finding that the verdict rests on, nil when it rests on the crash.
func (a *author) leading() *facts.Finding {
	i := a.doc.Verdict.Finding
	if !i.Known || i.V < 0 || i.V >= len(a.doc.Findings) {
		return nil
	}
	return &a.doc.Findings[i.V]
}

// explains reports whether a finding says what the crash itself does not: the
// crash's own words are in the report anyway.
func (a *author) explains(f *facts.Finding) bool {
	return f != nil && !slices.ContainsFunc(f.Evidence, func(e facts.Evidence) bool { return e.Kind == "crash" }) || f != nil && a.aboutAll()
}

// whatFound is what the leading finding says, nil when the crash says it.
func (a *author) whatFound() []text {
	f := a.leading()
	if !a.explains(f) {
		return nil
	}
	return []text{say(oneLine(f.Summary, findingWidth))}
}

// foundEvidence is what the leading finding rests on.
func (a *author) foundEvidence() []block {
	f := a.leading()
	if !a.explains(f) || len(f.Evidence) == 0 {
		return nil
	}
	return []block{a.evidenceOf(f)}
}

func (a *author) evidenceOf(f *facts.Finding) bullets {
	var out bullets
	for _, e := range f.Evidence[:min(shownEvidence, len(f.Evidence))] {
		out = append(out, say(oneLine(e.Text, evidenceWidth)))
	}
	if left := len(f.Evidence) - shownEvidence; left > 0 {
		out = append(out, say("… and ", plural(left, "more piece"), " of evidence (", lit("--format json"), ")."))
	}
	return out
}

// foundSteps is what the leading finding says is to be done.
func (a *author) foundSteps(who facts.Who) []text {
	f := a.leading()
	if !a.explains(f) {
		return nil
	}
	var out []text
	for _, s := range f.NextSteps {
		if s.Who == who {
			out = append(out, say(step(s)))
		}
	}
	return out
}

// step is what to do, as a sentence.
func step(s facts.NextStep) string {
	action := oneLine(s.Action, evidenceWidth)
	if action != "" && !strings.ContainsAny(action[len(action)-1:], ".?!") {
		action += "."
	}
	return action
}

// capital makes words the start of a sentence; a goroutine's id and a name in code stay.
func capital(s string) string {
	if word, _, _ := strings.Cut(s, " "); word == "" || strings.ContainsAny(word, ".0123456789_") {
		return s
	}
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}

// foundUnknowns is what the leading finding could not know.
func (a *author) foundUnknowns() []text {
	f := a.leading()
	if !a.explains(f) {
		return nil
	}
	var out []text
	for _, u := range f.Unknowns {
		what := capital(oneLine(u.What, evidenceWidth))
		if u.WouldTell == "" {
			out = append(out, say(what, "."))
			continue
		}
		out = append(out, say(what, "; what would tell: ", oneLine(u.WouldTell, evidenceWidth), "."))
	}
	return out
}

func (a *author) findingsHeading() string {
	if a.leading() != nil {
		return "Other findings"
	}
	return "Findings"
}

// findingsPart is all other findings, worst first. A consequence of another one is
// a line.
func (a *author) findingsPart() []block {
	lead := a.leading()
	var out []block
	var rest bullets
	shown := 0
	for i := range a.doc.Findings {
		f := &a.doc.Findings[i]
		switch {
		case f == lead:
		case len(f.DependsOn) > 0 || shown == shownFindings:
			t := say(bold(string(f.Severity)+" · "+string(f.Confidence)), " ", oneLine(f.Title, titleWidth), " (", lit(f.Rule))
			for j, on := range f.DependsOn {
				t = say(t, []string{", follows from ", " and "}[min(j, 1)], lit(on))
			}
			rest = append(rest, say(t, ")"))
		default:
			shown++
			out = append(out, a.finding(f)...)
		}
	}
	if len(rest) > 0 {
		most := min(shownFindings, len(rest))
		if left := len(rest) - most; left > 0 {
			rest = append(rest[:most], say("… and ", plural(left, "more finding"), " (", lit("--format json"), ")."))
		}
		out = append(out, rest)
	}
	return out
}

func (a *author) finding(f *facts.Finding) []block {
	out := []block{
		heading(say(oneLine(f.Title, titleWidth))),
		paragraph{say(bold(string(f.Severity)+" · "+string(f.Confidence)), " · rule ", lit(f.Rule))},
	}
	if s := oneLine(f.Summary, findingWidth); s != "" {
		out = append(out, paragraph{say(s)})
	}
	lines := a.evidenceOf(f)
	for _, s := range f.NextSteps[:min(shownNextSteps, len(f.NextSteps))] {
		who := "On call:"
		if s.Who == facts.WhoDeveloper {
			who = "Developer:"
		}
		lines = append(lines, say(bold(who), " ", step(s)))
	}
	if len(lines) > 0 {
		out = append(out, lines)
	}
	return out
}
