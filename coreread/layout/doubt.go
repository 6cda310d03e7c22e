package layout

import (
	"fmt"
	"strings"
)

// Doubt is a reason why a table may not fit a binary.
type Doubt uint8

const (
	NoDoubt     Doubt = iota
	NewerPatch        // a patch release after the last that the tables know of its series
	PreRelease        // a release candidate or beta
	Development       // a build from the development tree
	Vendor            // somebody's own build of a release
	Experiments       // a GOEXPERIMENT that may have changed the struct
)

func (d Doubt) String() string {
	switch d {
	case NewerPatch:
		return "a patch release newer than the tables"
	case PreRelease:
		return "a pre-release"
	case Development:
		return "a development build"
	case Vendor:
		return "a vendor's own build"
	case Experiments:
		return "built with experiments that may have changed it"
	}
	return "no doubt"
}

// small reports whether a variable of the table's size settles the doubt well
// enough to do without DWARF, which takes a second to read in a large binary:
// published releases and builds of them change a struct by adding to it.
func (d Doubt) small() bool { return d == NewerPatch || d == PreRelease || d == Vendor }

// Warning is a struct whose layout was taken from the table of a like release.
type Warning struct {
	Struct        string
	Version       Version
	Doubt         Doubt
	SizeConfirmed bool // the variable of this type has the table's size
}

func (w *Warning) Error() string {
	confirmed := "nothing in the binary confirms it"
	if w.SizeConfirmed {
		confirmed = "its size is right"
	}
	return fmt.Sprintf("%v: the layout of %s is that of a like release, since this is %v; %s", w.Version, w.Struct, w.Doubt, confirmed)
}

// uncertain says whether the tables may be wrong about anything in this binary,
// experiments aside.
func (l *Layout) uncertain() Doubt {
	v := l.version
	last, known := newest(v.Minor)
	switch {
	case !known:
		return NoDoubt // no table applies
	case v.Pre == "devel":
		return Development
	case v.Pre != "":
		return PreRelease
	case v.Vendor != "":
		return Vendor
	case v.Compare(last) > 0:
		return NewerPatch
	}
	return NoDoubt
}

// doubtOf says whether the tables may be wrong about a struct in this binary.
func (l *Layout) doubtOf(name string) Doubt {
	if d := l.uncertain(); d != NoDoubt {
		return d
	}
	for e := range strings.SplitSeq(l.version.Experiments, ",") {
		if e != "" && experimentChanges(strings.TrimPrefix(e, "no"), name) {
			return Experiments
		}
	}
	return NoDoubt
}

// experimentEffects are the structs that an experiment changes or brings, nil
// for none; a "*" stands for any end of a name. The generator measured those
// that build for linux (testdata/experiments.txt), the others touch only
// compiler, linker and libraries (src/internal/goexperiment/flags.go, 1.18 to
// 1.27). An experiment that is not listed, such as staticlockranking, may
// change anything.
var experimentEffects = map[string][]string{
	"aliastypeparams":       nil,
	"allocheaders":          {"runtime.heapArena*"},
	"arenas":                nil,
	"boringcrypto":          nil,
	"cacheprog":             nil,
	"cgocheck2":             nil,
	"coverageredesign":      nil,
	"dwarf5":                nil,
	"exectracer2":           {"runtime.trace*", "runtime.gTraceState", "runtime.mTraceState", "runtime.pTraceState", "runtime.g", "runtime.m", "runtime.p"},
	"fieldtrack":            nil,
	"goroutineleakprofile":  nil,
	"greenteagc":            {"runtime.gcWork", "runtime.localSpanQueue", "runtime.mSpanQueue", "runtime.mstats", "runtime.p", "runtime.sizeClassScanStats", "runtime.spanInlineMarkBits", "runtime.spanQueue*", "runtime.workType", "runtime.mspan"},
	"heapminimum512kib":     nil,
	"jsonv2":                nil,
	"loopvar":               nil,
	"mapsplitgroup":         nil,
	"newinliner":            nil,
	"pacerredesign":         nil,
	"pagetrace":             {"runtime.p", "runtime.pageTraceBuf"},
	"preemptibleloops":      nil,
	"randomizedheapbase64":  nil,
	"rangefunc":             nil,
	"regabi":                nil,
	"regabiargs":            nil,
	"regabig":               nil,
	"regabireflect":         nil,
	"regabiwrappers":        nil,
	"runtimefreegc":         nil,
	"runtimesecret":         nil,
	"simd":                  nil,
	"sizespecializedmalloc": nil,
	"spinbitmutex":          {"runtime.m", "runtime.mWaitList"},
	"swissmap":              {"internal/abi.MapType", "internal/abi.SwissMapType", "internal/abi.OldMapType", "internal/runtime/maps.*", "runtime.hmap", "runtime.mapextra"},
	"synchashtriemap":       nil,
	"synctest":              nil,
	"unified":               nil,
}

// experimentChanges reports whether an experiment may change a struct.
func experimentChanges(experiment, name string) bool {
	changed, known := experimentEffects[experiment]
	if !known {
		return true
	}
	for _, c := range changed {
		family, isFamily := strings.CutSuffix(c, "*")
		if name == c || strings.HasPrefix(name, c+".") || isFamily && strings.HasPrefix(name, family) {
			return true
		}
	}
	return false
}
