// Package report turns the facts of a document into what people and programs
// read. It holds one view model and one file per format, and it is the only place
// that formats numbers, sizes and durations. It finds nothing out: a sentence here
// only puts into words what the document states, and text from the dead process's
// memory is escaped in every format.
package report

import (
	"path"
	"slices"
	"strings"

	"postmortem/analyzer/facts"
)

// View is a document ready to be rendered.
type View struct {
	doc *facts.Document
}

// NewView is the view of a document, which is not to be changed any more.
func NewView(doc *facts.Document) *View { return &View{doc: doc} }

// titleWidth is the most bytes that trackers take as a ticket's title.
const titleWidth = 250

// page is the report as people read it.
type page struct {
	title    string
	alert    text // stands above all else; empty for none
	head     []text
	what     []text // paragraphs
	sections []section
}

// author writes the page of one document: the document and what all parts of the
// page look up in it.
type author struct {
	names
	doc        *facts.Document
	crash      *facts.Crash      // never nil
	goroutines *facts.Goroutines // never nil
	g          *facts.Goroutine  // the one of the crash; nil when unknown
	group      *facts.Group      // of g; nil when unknown
	thread     *facts.Thread     // the one of the crash; nil when unknown
	frames     []*facts.Frame    // the stack of the crash, from the C code it was in outwards; no nil
	retained   map[int]uint64    // bytes by group, as far as the heap part tells

	resources map[int]*facts.Resource // by id; see resource
	groupsOf  map[int64]int           // by goroutine; see groupOf
}

func newAuthor(doc *facts.Document) *author {
	a := &author{doc: doc, crash: doc.Crash, goroutines: doc.Goroutines}
	if a.crash == nil {
		a.crash = &facts.Crash{Kind: facts.CrashUnknown}
	}
	if a.goroutines == nil {
		a.goroutines = &facts.Goroutines{}
	}
	if m := doc.Target.MainModule; m != nil {
		a.module = m.Path
	}
	if a.crash.Thread.Known {
		if i := slices.IndexFunc(doc.Threads, func(t facts.Thread) bool { return t.TID == a.crash.Thread.V }); i >= 0 {
			a.thread = &doc.Threads[i]
		}
	}
	if doc.Heap != nil {
		a.retained = make(map[int]uint64, len(doc.Heap.RetainedByGroup))
		for _, r := range doc.Heap.RetainedByGroup {
			a.retained[r.Group] = r.Bytes
		}
	}
	a.frames = a.crashFrames()
	a.learnSources(a.goroutines.Groups, a.frames)
	if a.crash.Goroutine.Known {
		list := a.goroutines.List
		if i := slices.IndexFunc(list, func(g facts.Goroutine) bool { return g.ID == a.crash.Goroutine.V }); i >= 0 {
			a.g = &list[i]
			a.group = a.groupByID(a.g.Group)
		}
	}
	return a
}

// crashFrames are the frames of the crash, behind those of the C code that the
// thread was in. Where the crash has no goroutine they are the thread's own.
func (a *author) crashFrames() []*facts.Frame {
	isNil := func(f *facts.Frame) bool { return f == nil }
	frames := slices.DeleteFunc(slices.Clone(a.crash.Frames), isNil)
	if a.thread == nil {
		return frames
	}
	own := slices.DeleteFunc(slices.Clone(a.thread.Frames), isNil)
	if len(frames) == 0 {
		return own
	}
	n := 0
	for n < len(own) && own[n].Trust == facts.TrustCgo {
		n++
	}
	if frames[0].Trust == facts.TrustCgo {
		n = 0
	}
	return slices.Concat(own[:n], frames)
}

func (a *author) groupByID(id int) *facts.Group {
	groups := a.goroutines.Groups
	if i := id - 1; i >= 0 && i < len(groups) && groups[i].ID == id {
		return &groups[i]
	}
	if i := slices.IndexFunc(groups, func(g facts.Group) bool { return g.ID == id }); i >= 0 {
		return &groups[i]
	}
	return nil
}

// page writes the whole page in the contract's order.
func (v *View) page() *page {
	a := newAuthor(v.doc)
	p := &page{
		title: oneLine(a.doc.Verdict.Title, titleWidth),
		alert: a.alert(),
		head:  []text{a.badge(), a.identity(), a.clocks()},
		what:  a.what(),
	}
	for _, s := range []section{
		{"Cycle", a.cyclePart()},
		{"Evidence", a.evidence()},
		{"Impact", a.impact()},
		{"Next", a.next()},
		{a.findingsHeading(), a.findingsPart()},
		{"Could not be known", a.unknown()},
		{"Goroutines", a.groupsPart()},
		{"Waits", a.waitsPart()},
		{"Heap", a.heapPart()},
		{"Collector and scheduler", a.runtimePart()},
		{"Threads", a.threadsPart()},
		{"Target", a.targetPart()},
		{"Completeness", a.completenessPart()},
	} {
		if len(s.blocks) > 0 {
			p.sections = append(p.sections, s)
		}
	}
	return p
}

// alert is what the reader must know before the title is believed.
func (a *author) alert() text {
	switch a.doc.Completeness.Identity {
	case facts.IdentityMismatchForced:
		return say(bold("Core and binary are not of one build"),
			" (analysed because of ", lit("--force"), "): names, lines and values may be wrong, and nothing below is more than possible.")
	case facts.IdentityUnverifiable:
		return say(bold("Core and binary could not be compared"),
			": nothing in the core identifies its build. If this is not the binary that ran, names and lines below are wrong.")
	}
	return nil
}

func (a *author) badge() text {
	v := a.doc.Verdict
	t := say(bold(string(v.Severity)+" · "+string(v.Confidence)), " · ")
	if f := a.leading(); f != nil {
		t = say(t, "rule ", lit(f.Rule), " · ")
	}
	if v.Signature.Known {
		return say(t, "signature ", lit(v.Signature.V))
	}
	return say(t, "no signature")
}

// program is the short name of what ran.
func (a *author) program() string {
	t := &a.doc.Target
	switch {
	case t.MainPackage.Known && t.MainPackage.V != "" && t.MainPackage.V != "command-line-arguments":
		return withoutMajorVersion(t.MainPackage.V)
	case t.MainModule != nil && t.MainModule.Path != "":
		return withoutMajorVersion(t.MainModule.Path)
	case t.Binary != nil && t.Binary.Name != "":
		return t.Binary.Name
	case t.Process != nil && t.Process.Comm.Known:
		return t.Process.Comm.V
	}
	return "the program"
}

// withoutMajorVersion is the last element of an import path that is no version:
// example.com/orders/v2 is orders.
func withoutMajorVersion(p string) string {
	base := path.Base(p)
	if dir := path.Dir(p); len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" && dir != "." && dir != "/" {
		return path.Base(dir)
	}
	return base
}

func (a *author) identity() text {
	t := &a.doc.Target
	name, version := a.program(), ""
	if m := t.MainModule; m != nil && m.Version.Known && m.Version.V != "" {
		version = m.Version.V
		name += " " + version
	}
	parts := []string{name}
	if rev := a.revision(); rev != "" {
		rev = "vcs " + rev
		if strings.Contains(version, "-") && strings.Contains(version, a.doc.Target.VCSRevision.V[:min(12, len(a.doc.Target.VCSRevision.V))]) {
			rev = "" // a pseudo-version names it
		}
		switch {
		case !t.VCSModified.Known:
		case t.VCSModified.V:
			rev += " modified"
		default:
			rev += " clean"
		}
		if rev = strings.TrimSpace(rev); rev != "" {
			parts = append(parts, rev)
		}
	}
	if t.GoVersion.Known {
		v := t.GoVersion.V
		if t.GOOS.Known && t.GOARCH.Known {
			v += " " + t.GOOS.V + "/" + t.GOARCH.V
		}
		parts = append(parts, v)
	}
	parts = append(parts, identityWord(a.doc.Completeness.Identity))
	return say(strings.Join(parts, " · "))
}

// revision is the short form of the VCS revision, "" when unknown.
func (a *author) revision() string {
	rev := a.doc.Target.VCSRevision
	if !rev.Known {
		return ""
	}
	return rev.V[:min(7, len(rev.V))]
}

func identityWord(s facts.IdentityState) string {
	switch s {
	case facts.IdentityVerified:
		return "identity verified"
	case facts.IdentityMismatchForced:
		return "identity mismatch, forced"
	case facts.IdentityUnverifiable:
		return "identity unverifiable"
	}
	return "identity unknown"
}

func (a *author) clocks() text {
	t := &a.doc.Target.Time
	var parts []string
	if t.UptimeNS.Known {
		parts = append(parts, "Up "+duration(t.UptimeNS.V))
	} else {
		parts = append(parts, "Uptime unknown")
	}
	switch {
	case !t.LastSeen.Known:
		parts = append(parts, "time of death unknown")
	case a.crash.Kind == facts.CrashSnapshot:
		parts = append(parts, "last runtime clock "+clock(t.LastSeen.V)+" (the snapshot is later)")
	default:
		parts = append(parts, "last runtime clock "+clock(t.LastSeen.V)+" (death is later)")
	}
	return say(strings.Join(parts, " · "))
}

// died reports whether the process ended with what wrote the core.
func (a *author) died() bool { return a.crash.Kind != facts.CrashSnapshot }

// thisGoroutine is the id of the crash's goroutine, "" when unknown.
func (a *author) thisGoroutine() string {
	if !a.crash.Goroutine.Known {
		return ""
	}
	return goid(a.crash.Goroutine.V)
}

// blame is the frame to look at first: the innermost of the program's own code,
// else the innermost that is not plumbing, else the innermost that is not the
// runtime's, else nil.
func blame(frames []*facts.Frame) *facts.Frame {
	var caller, other *facts.Frame
	for _, f := range frames {
		switch {
		case f == nil:
			continue
		case f.InApp && !isCgoWrapper(f):
			return f
		case isRuntime(f):
			continue
		}
		if other == nil {
			other = f
		}
		if caller == nil && !isPlumbing(f) {
			caller = f
		}
	}
	if caller != nil {
		return caller
	}
	return other
}

// isCgoWrapper reports whether cgo made the function, around a call of C.
func isCgoWrapper(f *facts.Frame) bool { return strings.Contains(f.Func, "._Cfunc_") }

// plumbing are packages of the standard library that wait on behalf of others.
var plumbing = map[string]bool{
	"bufio": true, "context": true, "crypto/tls": true, "io": true, "net": true, "os": true,
	"sync": true, "sync/atomic": true, "syscall": true, "time": true,
}

func isPlumbing(f *facts.Frame) bool {
	pkg := packageOf(f.Func)
	return plumbing[pkg] || strings.HasPrefix(pkg, "internal/")
}

// happenedIn is " in `strings.Repeat`, reached from `main.f` at `main.go:7`": the
// innermost frame that is not the runtime's, and the one to look at first. It is
// empty when there is neither.
func (a *author) happenedIn() text {
	own := blame(a.frames)
	if own == nil {
		return nil
	}
	for _, f := range a.frames {
		if f == own {
			break
		}
		if !isRuntime(f) {
			return say(" in ", lit(a.fn(f.Func)), ", reached from ", a.at(own))
		}
	}
	return say(" in ", a.at(own))
}

// at is a frame as "`fn` at `file:line`".
func (a *author) at(f *facts.Frame) text {
	t := say(lit(a.fn(f.Func)))
	if pos := a.position(f); pos != "" {
		t = say(t, " at ", lit(pos))
	}
	return t
}
