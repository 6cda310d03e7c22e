package layout

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Version is a Go version as a binary states it. Versions can be compared with ==.
type Version struct {
	Minor int // 22 in go1.22.5
	Patch int // 5 in go1.22.5; 0 in go1.22

	// Pre is "rc1", "beta2" or, for a build from the development tree, "devel".
	Pre string
	// Vendor is what follows the release in a version of somebody's own build:
	// "fips" in go1.22.5-fips, "b7" in go1.18.5b7, "Red Hat 1.22.5-1.el9".
	Vendor string
	// Experiments are the GOEXPERIMENT settings that differ from the release's
	// own, sorted, separated by commas: "greenteagc,noswissmap".
	Experiments string
}

// ParseVersion reads a version as it stands in runtime.buildVersion or in the
// build information. A development version without a Go version in it
// ("devel +abcdef", before 1.17) is an error, as is anything but Go 1.
func ParseVersion(s string) (Version, error) {
	var v Version
	text := strings.TrimSpace(s)
	// The list of experiments comes last, after a space, or after "-" since
	// 1.26 where the version has none yet (cmd/link/internal/ld/main.go).
	if at := experimentsAt(text); at >= 0 {
		list := strings.FieldsFunc(text[at+len(" X:"):], func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
		slices.Sort(list)
		v.Experiments = strings.Join(slices.Compact(list), ",")
		text = strings.TrimSpace(text[:at])
	}
	if rest, ok := strings.CutPrefix(text, "devel "); ok {
		v.Pre = "devel"
		text = strings.TrimSpace(rest)
	}
	rest, ok := strings.CutPrefix(text, "go1.")
	if !ok {
		return Version{}, fmt.Errorf("%q is not a Go version", s)
	}
	if v.Minor, rest, ok = cutNumber(rest); !ok {
		return Version{}, fmt.Errorf("%q is not a Go version", s)
	}
	if after, ok := strings.CutPrefix(rest, "."); ok {
		if v.Patch, rest, ok = cutNumber(after); !ok {
			return Version{}, fmt.Errorf("%q is not a Go version: no patch release after the dot", s)
		}
	}
	if v.Pre == "devel" {
		return v, nil // the rest is a commit and its time
	}
	for _, kind := range []string{"rc", "beta"} {
		if after, ok := strings.CutPrefix(rest, kind); ok {
			if n, tail, ok := cutNumber(after); ok {
				v.Pre, rest = kind+strconv.Itoa(n), tail
				break
			}
		}
	}
	if strings.HasPrefix(rest, "-devel") { // "go1.26-devel_0123abc Tue …", since 1.25
		v.Pre = "devel"
		return v, nil
	}
	v.Vendor = strings.Trim(rest, " -+()")
	return v, nil
}

// experimentsAt returns the index of " X:" or "-X:", -1 when there is neither.
func experimentsAt(s string) int {
	if at := strings.LastIndex(s, " X:"); at >= 0 {
		return at
	}
	return strings.LastIndex(s, "-X:")
}

// cutNumber splits the decimal number off the start of s. A number that no
// release will reach is none.
func cutNumber(s string) (n int, rest string, ok bool) {
	end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(s)
	}
	n, err := strconv.Atoi(s[:end])
	return n, s[end:], err == nil && end <= 4
}

// String is the version as a toolchain of it would print it.
func (v Version) String() string {
	var b strings.Builder
	if v.Pre == "devel" {
		fmt.Fprintf(&b, "devel go1.%d", v.Minor)
	} else {
		fmt.Fprintf(&b, "go1.%d", v.Minor)
		if v.Patch != 0 || (v.Minor >= 21 && v.Pre == "") {
			fmt.Fprintf(&b, ".%d", v.Patch)
		}
		b.WriteString(v.Pre)
	}
	if v.Vendor != "" {
		b.WriteString("-" + v.Vendor)
	}
	if v.Experiments != "" {
		b.WriteString(" X:" + v.Experiments)
	}
	return b.String()
}

// Release reports whether v is a Go release as published, with its default experiments.
func (v Version) Release() bool { return v.Pre == "" && v.Vendor == "" && v.Experiments == "" }

// Experiment reports whether GOEXPERIMENT turned the experiment on or off; set
// is false when the version leaves it at its default.
func (v Version) Experiment(name string) (on, set bool) {
	for e := range strings.SplitSeq(v.Experiments, ",") {
		switch e {
		case name:
			return true, true
		case "no" + name:
			return false, true
		}
	}
	return false, false
}

// Compare orders versions by release only: minor, then patch. A pre-release and
// a development version count as the first release of their series, a vendor's
// build as the release that it names.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch))
}

// within reports whether v is in [since, until); a zero until is open.
func (v Version) within(since, until Version) bool {
	return v.Compare(since) >= 0 && (until == Version{} || v.Compare(until) < 0)
}
