package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"postmortem/analyzer/facts"
)

// fingerprintDigits is the length of a fingerprint in hexadecimal digits.
const fingerprintDigits = 12

// fingerprint names a finding by its rule and by what it is about.
func fingerprint(doc *facts.Document, f *facts.Finding) string {
	parts := append([]string{f.Rule}, subject(doc, f)...)
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return hex.EncodeToString(sum[:])[:fingerprintDigits]
}

// subject is what a finding is about, without addresses and ids.
func subject(doc *facts.Document, f *facts.Finding) []string {
	var names []string
	for _, id := range f.Groups {
		if g := group(doc, id); g != nil {
			names = append(names, g.Fingerprint)
		}
	}
	return names
}

// group finds a group by its id; nil when there is none.
func group(doc *facts.Document, id int) *facts.Group {
	if doc.Goroutines == nil || id < 1 || id > len(doc.Goroutines.Groups) {
		return nil
	}
	return &doc.Goroutines.Groups[id-1]
}
