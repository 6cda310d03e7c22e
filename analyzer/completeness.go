package analyzer

import (
	"fmt"
	"path"

	"postmortem/analyzer/facts"
	"postmortem/coreread"
	"postmortem/coreread/elfcore"
)

// describeCompleteness says what the report could know.
func (a *analysis) describeCompleteness() {
	c := &a.doc.Completeness
	bin, core := a.snap.Exe, a.snap.Core
	switch {
	case bin.HasDWARF():
		c.Symbols = facts.SymbolsDWARF
	case bin.HasSymtab():
		c.Symbols = facts.SymbolsSymtab
	default:
		c.Symbols = facts.SymbolsNone
	}
	switch a.snap.Identity.State {
	case coreread.Verified:
		c.Identity = facts.IdentityVerified
	case coreread.Mismatch:
		c.Identity = facts.IdentityMismatchForced
	default:
		c.Identity = facts.IdentityUnverifiable
	}
	c.MissingBytes = facts.Some(a.snap.AbsentBytes())
	c.UnreadableGoroutines = facts.Some(a.goroutines.Unreadable)
	switch {
	case core.Cut != nil:
		c.Core = facts.CoreCut
	case a.snap.AbsentBytes() > 0:
		c.Core = facts.CoreFiltered
	default:
		c.Core = facts.CoreWhole
	}
	a.listGaps()
	a.describeSections()
}

// listGaps writes the ledger of what could not be read, largest holes of memory last.
func (a *analysis) listGaps() {
	c := &a.doc.Completeness
	c.Gaps = []facts.Gap{}
	add := func(g facts.Gap) {
		c.GapsTotal++
		if len(c.Gaps) < facts.GapsCap {
			c.Gaps = append(c.Gaps, g)
		}
	}
	core := a.snap.Core
	if a.snap.Identity.State == coreread.Unverifiable {
		add(facts.Gap{What: "build id and moduledata of the core", Effect: "whether the binary is the one that ran is not verified"})
	}
	if a.snap.Identity.State == coreread.Mismatch {
		add(facts.Gap{What: fmt.Sprintf("the binary is %s, the core is of %s", a.snap.Identity.BinaryBuild, a.snap.Identity.CoreBuild),
			Effect: "every name, line and structure may be wrong"})
	}
	if core.Cut != nil {
		add(facts.Gap{What: fmt.Sprintf("the core file is cut: %d of %d bytes", core.Cut.Size, core.Cut.Want),
			Bytes:  facts.Some(core.Cut.Want - core.Cut.Size),
			Effect: "what lies behind the cut is missing"})
	}
	for _, g := range core.Gaps {
		add(facts.Gap{What: g.What, Effect: "what these notes hold is missing"})
	}
	c.GapsTotal += core.UnlistedGaps()
	for _, g := range a.snap.Runtime.Gaps() {
		out := facts.Gap{What: g.What, Effect: g.Effect}
		if g.Addr != 0 {
			out.Address = facts.Some(facts.Word(g.Addr))
		}
		if g.Bytes != 0 {
			out.Bytes = facts.Some(g.Bytes)
		}
		add(out)
	}
	for _, r := range a.snap.Absent {
		add(facts.Gap{
			What:    "memory that neither core nor binary holds" + mappedFile(r),
			Address: facts.Some(facts.Word(r.Start)),
			Bytes:   facts.Some(r.Len()),
			Effect:  "what it held is unknown",
		})
	}
}

// mappedFile names the file that a stretch of memory was mapped from.
func mappedFile(r elfcore.Missing) string {
	if r.Path == "" {
		return ""
	}
	return " (" + path.Base(r.Path) + ")"
}

// describeSections says of each part how much of it is there.
func (a *analysis) describeSections() {
	d, c := a.doc, &a.doc.Completeness
	state := func(part string, present bool, problem string) {
		switch {
		case !present:
			c.Sections[part] = facts.Section{State: facts.SectionAbsent, Why: known(problem)}
		case problem != "":
			c.Sections[part] = facts.Section{State: facts.SectionPartial, Why: facts.Some(problem)}
		default:
			c.Sections[part] = facts.Section{State: facts.SectionComplete}
		}
	}
	var lost string
	if n := a.goroutines.Unreadable; n > 0 {
		lost = fmt.Sprintf("%d goroutines could not be read", n)
	} else if n := a.goroutines.Lost; n > 0 {
		lost = fmt.Sprintf("%d entries of the list of goroutines are not in the core", n)
	}
	if n := a.goroutines.Skipped; n > 0 {
		lost = fmt.Sprintf("%d goroutines were left out: %v", n, a.goroutines.Stopped)
		add := facts.Gap{What: lost, Effect: "counts and groups are of the goroutines that were walked"}
		c.Gaps, c.GapsTotal = append([]facts.Gap{add}, c.Gaps...), c.GapsTotal+1
	}
	if d.Goroutines == nil {
		lost = "the list of goroutines is not in the core"
	}
	state(facts.PartTarget, true, "")
	state(facts.PartCrash, d.Crash != nil, a.crashProblem())
	state(facts.PartGoroutines, d.Goroutines != nil, lost)
	state(facts.PartThreads, d.Threads != nil, "")
	state(facts.PartScheduler, d.Scheduler != nil, absence(d.Scheduler == nil, "the scheduler's state is not in the core"))
	if a.cfg.NoHeap {
		c.Sections[facts.PartHeap] = facts.Section{State: facts.SectionSkipped, Why: facts.Some("--no-heap")}
	} else {
		state(facts.PartHeap, d.Heap != nil, a.heapProblem)
	}
	if d.Heap != nil {
		c.UnknownTypeBytes = d.Heap.UnknownTypeBytes
	}
	state(facts.PartWaits, d.Waits != nil, a.waitsProblem)
	state(facts.PartGC, d.GC != nil, absence(d.GC == nil, "the collector's state is not in the core"))
}

// crashProblem is what leaves the cause of death in doubt, "" when nothing does.
func (a *analysis) crashProblem() string {
	switch {
	case len(a.crashDoubts) > 0:
		return a.crashDoubts[0].Error()
	case a.doc.Crash.Kind == facts.CrashUnknown:
		return "nothing in the core says why the process ended"
	}
	return ""
}

// absence is why something is absent, nothing when it is not.
func absence(absent bool, why string) string {
	if absent {
		return why
	}
	return ""
}
