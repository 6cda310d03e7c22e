package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/analyzer/signature"
)

// fingerprintDigits is the length of a fingerprint in hexadecimal digits.
const fingerprintDigits = 12

// fingerprint names a finding by its rule and by what it is about: the names of the
// resources and types that its evidence points to, or else the program's own functions
// on the stack that shows it. No address, id, line or count is in it.
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
		if s := signature.Of("", "", doc.Crash.Frames, doc.Crash.Cycle); s != nil {
			return s.Frames
		}
	}
	if g := lead(doc, f); g != nil {
		return inApp(g)
	}
	return []string{withoutNumbers(f.Title)}
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
