// Package signature names a bug by the program's own functions on the stack
// that shows it, so that the same bug is recognised in other cores and builds.
//
// It hashes names only: no lines, addresses, versions or text of messages.
package signature

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"postmortem/analyzer/facts"
)

// coarseFrames is how many in-app functions the coarse hash covers.
const coarseFrames = 3

// hashDigits is the length of a hash in hexadecimal digits: 48 bits, enough to
// tell the bugs of a fleet apart and short enough to be said aloud.
const hashDigits = 12

// Of returns the signature of the innermost-first frames of a crash or finding,
// nil when none of them is the program's own. Basis is "crash" or a rule's id,
// what the kind of crash or the rule.
func Of(basis, what string, frames []*facts.Frame, cycle *facts.Cycle) *facts.Signature {
	names := inApp(frames, cycle)
	if len(names) == 0 {
		return nil
	}
	return &facts.Signature{
		Scheme: facts.SignatureScheme,
		Fine:   hash(names),
		Coarse: hash(append([]string{basis + ":" + what}, names[:min(len(names), coarseFrames)]...)),
		Basis:  basis,
		Frames: names,
	}
}

func hash(parts []string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return hex.EncodeToString(sum[:])[:hashDigits]
}

// inApp returns the normalised names of the program's own functions. What
// follows one another under one name counts once; a runaway recursion counts as
// the set of its functions, since where in a round it ended is chance.
func inApp(frames []*facts.Frame, cycle *facts.Cycle) []string {
	var names []string
	for _, f := range frames {
		if f == nil || !f.InApp {
			continue
		}
		name := Normalise(f.Func)
		if name == "" || len(names) > 0 && names[len(names)-1] == name {
			continue
		}
		names = append(names, name)
	}
	if cycle != nil {
		slices.Sort(names)
		names = slices.Compact(names)
	}
	return names
}

var (
	// The compiler numbers closures, wrappers and bodies of range-over-func loops.
	numbered = regexp.MustCompile(`(?:\.func\d+|\.gowrap\d+|\.deferwrap\d+|·dwrap·\d+|-range\d+|-fm|\.\d+)`)
	// A module's major version is an element of its packages' paths, or a suffix.
	majorVersion = regexp.MustCompile(`(?:/v\d+|%2ev\d+)([/.])`)
)

// Normalise takes out of a function's name what changes from build to build.
func Normalise(name string) string {
	name = withoutTypeArguments(name)
	slash := strings.LastIndexByte(name, '/') + 1
	name = name[:slash] + numbered.ReplaceAllString(name[slash:], "")
	name = majorVersion.ReplaceAllString(name, "$1")
	// Closures of package-level variables: "glob." until Go 1.20, "init" since.
	name = strings.Replace(name, ".glob.", ".init", 1)
	return strings.TrimSuffix(name, ".")
}

// withoutTypeArguments cuts every [...] out of a name, nested ones included.
func withoutTypeArguments(name string) string {
	var out strings.Builder
	depth := 0
	for _, r := range name {
		switch {
		case r == '[':
			depth++
		case r == ']' && depth > 0:
			depth--
		case depth == 0:
			out.WriteRune(r)
		}
	}
	return out.String()
}
