package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/analyzer/signature"
)

// fingerprintDigits is the length of a fingerprint in hexadecimal digits.
const fingerprintDigits = 12

// fingerprint names a finding by its rule and by what it is about: the names of the
// resources and types that its evidence points to, or else the program's own functions
// and lines on the stack that shows it. No address, id or count is in it.
func fingerprint(doc *facts.Document, f *facts.Finding) string {
	parts := append([]string{f.Rule}, about(doc, f)...)
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return hex.EncodeToString(sum[:])[:fingerprintDigits]
}

func about(doc *facts.Document, f *facts.Finding) []string {
	crash := false
	for _, e := range f.Evidence {
		s := subjectOf(doc, e.Ref)
		if len(s.names) > 0 {
			return s.names
		}
		crash = crash || s.crash
	}
	if crash && doc.Crash != nil {
		if places := ownPlaces(doc.Crash.Frames, doc.Crash.Cycle); len(places) > 0 {
			return places
		}
	}
	if g := lead(doc, f); g != nil {
		return ownPlaces(g.Frames, g.Cycle)
	}
	return []string{withoutNumbers(f.Title)}
}

// ownPlaces are the program's own functions on a stack, with lines; of a runaway
// recursion the functions only, since where it ended is chance.
func ownPlaces(frames []*facts.Frame, cycle *facts.Cycle) (places []string) {
	if cycle != nil {
		if s := signature.Of("", "", frames, cycle); s != nil {
			places = s.Frames
		}
		return places
	}
	for _, f := range frames {
		if f != nil && f.InApp {
			places = append(places, fmt.Sprintf("%s:%d", f.Func, f.Line.V))
		}
	}
	return places
}

// withoutNumbers is a text without the words that have a digit.
func withoutNumbers(s string) string {
	var words []string
	for _, w := range strings.Fields(s) {
		if !strings.ContainsAny(w, "0123456789") {
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}
