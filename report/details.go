package report

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"postmortem/analyzer/facts"
)

const (
	shownThreads  = 20
	shownGaps     = 20
	shownSettings = 30
	settingWidth  = 160 // bytes of one setting
)

func keys[K comparable, V any](m map[K]V) iter.Seq[K] { return maps.Keys(m) }

// rows builds a table of keys and values.
type rows struct{ t table }

func (r *rows) add(key string, value ...any) {
	r.t.rows = append(r.t.rows, []text{say(key), say(value...)})
}

// or writes a value with a function, or "unknown".
func or[T any](m facts.Maybe[T], write func(T) string) string {
	if !m.Known {
		return "unknown"
	}
	return write(m.V)
}

func same(s string) string { return s }

// runtimePart is the collector and the scheduler.
func (a *author) runtimePart() []block {
	var out []block
	if s := a.doc.Scheduler; s != nil {
		out = append(out, a.schedulerTable(s))
	} else {
		out = append(out, a.missingPart(facts.PartScheduler)...)
	}
	if gc := a.doc.GC; gc != nil {
		out = append(out, a.gcTable(gc))
		if w := stopWarning(gc.StopTheWorld); w != nil {
			out = append(out, paragraph{w})
		}
	} else {
		out = append(out, a.missingPart(facts.PartGC)...)
	}
	return out
}

func (a *author) schedulerTable(s *facts.Scheduler) table {
	var r rows
	r.t.head = []string{"scheduler", ""}
	r.add("GOMAXPROCS", or(s.GOMAXPROCS, count[int]))
	r.add("threads of the runtime", or(s.Ms, count[int]), ", idle ", or(s.IdleMs, count[int]), ", spinning ", or(s.SpinningMs, count[int]))
	queued := 0
	by := map[string]int{}
	for _, p := range s.PerP {
		by[or(p.Status, same)]++
		queued += max(0, p.RunQueue.V)
	}
	r.add("ready to run", or(s.RunQueue, count[int]), " in the global queue, ", count(queued), " on processors")
	if len(by) > 0 {
		var parts []string
		for _, k := range byCount(by) {
			parts = append(parts, count(by[k])+" "+k)
		}
		r.add("processors", strings.Join(parts, ", "))
	}
	return r.t
}

func (a *author) gcTable(gc *facts.GC) table {
	var r rows
	r.t.head = []string{"collector", ""}
	r.add("phase", or(gc.Phase, same), ", after ", or(gc.Cycles, func(n int64) string { return plural(n, "cycle") }))
	if gc.LastGCAgeNS.Known {
		r.add("last cycle", duration(gc.LastGCAgeNS.V), " before the last clock")
	}
	r.add("live heap", or(gc.HeapLiveBytes, size), ", goal ", or(gc.HeapGoalBytes, size))
	r.add("GOGC", or(gc.GOGC, func(n int64) string {
		if n < 0 {
			return "off"
		}
		return fmt.Sprint(n)
	}))
	r.add("memory limit", memoryLimit(gc.MemoryLimit))
	p := gc.Pauses
	if p.Count.Known && p.Count.V == 0 {
		r.add("pauses", "none")
	} else {
		r.add("pauses", or(p.Count, count[int64]), ": last ", or(p.LastNS, duration), ", median ", or(p.P50NS, duration),
			", 95% ", or(p.P95NS, duration), ", longest ", or(p.MaxNS, duration))
	}
	r.add("CPU limiter", or(gc.CPULimiter, onOff))
	return r.t
}

func onOff(on bool) string {
	if on {
		return "on: the collector was at its bound of CPU time"
	}
	return "off"
}

// stopWarning tells of a stop-the-world that had not come to its end.
func stopWarning(s facts.StopTheWorld) text {
	if !s.InProgress.Known || !s.InProgress.V {
		return nil
	}
	t := say(bold("A stop-the-world was in progress"))
	if s.Reason.Known {
		t = say(t, " (", s.Reason.V, ")")
	}
	if len(s.WaitingFor) == 0 {
		return say(t, ".")
	}
	var parts []string
	for _, w := range s.WaitingFor[:min(8, len(s.WaitingFor))] {
		var p []string
		if w.Goroutine.Known {
			p = append(p, goid(w.Goroutine.V))
		}
		if w.P.Known {
			p = append(p, fmt.Sprintf("on P %d", w.P.V))
		}
		if w.Thread.Known {
			p = append(p, fmt.Sprintf("(thread %d)", w.Thread.V))
		}
		parts = append(parts, strings.Join(p, " "))
	}
	return say(t, "; not stopped yet: ", strings.Join(parts, ", "), ".")
}

// threadsPart lists the threads, the one of the crash first, with its registers.
func (a *author) threadsPart() []block {
	if a.doc.Threads == nil {
		return a.missingPart(facts.PartThreads)
	}
	order := make([]*facts.Thread, 0, len(a.doc.Threads))
	for i := range a.doc.Threads {
		order = append(order, &a.doc.Threads[i])
	}
	first := func(t *facts.Thread) int {
		if t == a.thread {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(order, func(x, y *facts.Thread) int { return cmp.Compare(first(x), first(y)) })
	if len(order) == 0 {
		return nil
	}
	t := table{head: []string{"thread", "runs", "state", "in"}, right: []bool{true, false, false, false}}
	for _, th := range order[:min(shownThreads, len(order))] {
		runs := "—"
		if th.Goroutine.Known {
			runs = goid(th.Goroutine.V)
		}
		in := say("—")
		if len(th.Frames) > 0 && th.Frames[0] != nil {
			f := th.Frames[0]
			in = say(lit(a.fn(f.Func)))
			if pos := a.position(f); pos != "" {
				in = say(in, below(), lit(pos))
			}
		}
		t.rows = append(t.rows, []text{say(fmt.Sprint(th.TID)), say(runs), say(string(th.State)), in})
	}
	out := []block{t}
	if n := len(order) - shownThreads; n > 0 {
		out = append(out, paragraph{say("… " + plural(n, "more thread") + ".")})
	}
	if th := order[0]; first(th) == 0 && len(th.Registers) > 0 && !raising(th) {
		of := "when the core was written"
		if th.RegistersOf == facts.RegistersAtSignal {
			of = "when the signal came whose handler it is in"
		}
		out = append(out, heading(say(fmt.Sprintf("Registers of thread %d, %s", th.TID, of))), registers(th))
	}
	return out
}

// raising reports whether the runtime itself ended the process on the thread: its
// registers are of that, and those of the cause are lost.
func raising(th *facts.Thread) bool {
	return len(th.Frames) > 0 && th.Frames[0] != nil && th.Frames[0].Func == "runtime.raise"
}

// registers lays out a thread's registers, three to a line.
func registers(th *facts.Thread) verbatim {
	var out verbatim
	line := ""
	for i, name := range slices.Sorted(maps.Keys(th.Registers)) {
		line += fmt.Sprintf("%-8s %-20s", oneLine(name, 16), hex(th.Registers[name]))
		if i%3 == 2 {
			out = append(out, strings.TrimRight(line, " "))
			line = ""
		}
	}
	if line != "" {
		out = append(out, strings.TrimRight(line, " "))
	}
	if th.InstructionBytes.Known {
		out = append(out, "code at pc "+oneLine(th.InstructionBytes.V, 128))
	}
	return out
}

// targetPart is what ran and what it was built from.
func (a *author) targetPart() []block {
	t := &a.doc.Target
	var r rows
	if t.MainModule != nil {
		r.add("main module", lit(t.MainModule.Path), " ", or(t.MainModule.Version, same))
	}
	r.add("main package", or(t.MainPackage, same))
	r.add("built with", or(t.GoVersion, same), " for ", or(t.GOOS, same), "/", or(t.GOARCH, same))
	r.add("vcs revision", or(t.VCSRevision, same), a.modified())
	if b := t.Binary; b != nil {
		r.add("binary", lit(b.Name), a.binaryForm(b))
		r.add("build id", or(b.BuildID, same))
		r.add("Go build id", or(b.GoBuildID, same))
		r.add("load bias", or(b.LoadBias, hex))
	}
	if c := t.Core; c != nil {
		r.add("core", coreLine(c))
	}
	if p := t.Process; p != nil {
		r.add("process", processLine(p))
	}
	r.add("instance", or(t.InstanceID, same))
	r.add("started", or(t.Time.Started, clock))
	r.add("last clock", lastClock(&t.Time))
	r.add("dependencies", a.dependencies())
	settings := buildSettings(t)
	for i, k := range settings {
		if i == shownSettings {
			r.add("…", plural(len(settings)-shownSettings, "more setting"))
			break
		}
		r.add("setting "+k, lit(cutText(t.BuildSettings[k], settingWidth)))
	}
	for _, k := range slices.Sorted(maps.Keys(a.doc.Context)) {
		r.add("context "+k, a.doc.Context[k])
	}
	return []block{r.t}
}

// buildSettings names the settings that say what no other line says.
func buildSettings(t *facts.Target) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(t.BuildSettings)) {
		switch k {
		case "GOOS", "GOARCH", "vcs", "vcs.revision", "vcs.modified":
			continue
		}
		if t.BuildSettings[k] != "" {
			out = append(out, k)
		}
	}
	return out
}

func lastClock(t *facts.Time) string {
	switch {
	case t.LastSeen.Known:
		return clock(t.LastSeen.V) + " (" + or(t.Basis, same) + ")"
	case t.Basis.Known && t.UptimeNS.Known:
		return duration(t.UptimeNS.V) + " after the start (" + t.Basis.V + "); no time of day"
	}
	return "unknown"
}

func coreLine(c *facts.Core) text {
	return say(lit(c.Name), " by ", string(c.Producer), ", compression ", c.Compression, ", ",
		or(c.FileBytes, size), " on disk, ", or(c.MemoryBytes, size), " of memory")
}

func processLine(p *facts.Process) text {
	return say(or(p.Comm, same), ", pid ", or(p.PID, func(n int) string { return fmt.Sprint(n) }), ", ",
		or(p.Threads, func(n int) string { return plural(n, "thread") }))
}

func (a *author) modified() string {
	switch m := a.doc.Target.VCSModified; {
	case !m.Known:
		return ""
	case m.V:
		return " (with uncommitted changes)"
	}
	return " (clean)"
}

func (a *author) binaryForm(b *facts.Binary) string {
	s := ""
	if b.PIE {
		s += ", position-independent"
	}
	if !b.HasSymtab {
		s += ", no symbol table"
	}
	if !b.HasDWARF {
		s += ", no DWARF"
	}
	return s
}

func (a *author) dependencies() string {
	if a.doc.Target.Deps == nil {
		return "unknown"
	}
	return plural(len(a.doc.Target.Deps), "module")
}

// completenessPart is the ledger of what could not be read.
func (a *author) completenessPart() []block {
	c := &a.doc.Completeness
	var r rows
	r.add("core", string(c.Core))
	r.add("identity", string(c.Identity))
	r.add("symbols", string(c.Symbols))
	r.add("memory missing", or(c.MissingBytes, bytesWord))
	r.add("goroutines unreadable", or(c.UnreadableGoroutines, count[int]))
	for _, name := range slices.Sorted(maps.Keys(c.Sections)) {
		s := c.Sections[name]
		if s.Why.Known {
			r.add(name, string(s.State), ": ", s.Why.V)
			continue
		}
		r.add(name, string(s.State))
	}
	out := []block{r.t}
	var gaps bullets
	shown := 0
	for rest := c.Gaps; len(rest) > 0 && len(gaps) < shownGaps; {
		n := 1
		for n < len(rest) && rest[n].What == rest[0].What && rest[n].Effect == rest[0].Effect {
			n++
		}
		gaps = append(gaps, gapLine(rest[:n]))
		shown, rest = shown+n, rest[n:]
	}
	if n := max(c.GapsTotal, len(c.Gaps)) - shown; n > 0 {
		gaps = append(gaps, say("… "+plural(n, "more gap")+"."))
	}
	if len(gaps) > 0 {
		out = append(out, gaps)
	}
	tool := "postmortem " + a.doc.Tool.Version
	if a.doc.Tool.Commit.Known {
		tool += " (" + a.doc.Tool.Commit.V + ")"
	}
	return append(out, paragraph{say("Report by ", tool, ", "+a.doc.Schema+".")})
}

// gapLine writes gaps of one kind.
func gapLine(gaps []facts.Gap) text {
	g := gaps[0]
	t := say(g.What)
	switch {
	case len(gaps) > 1:
		var sum uint64
		for _, g := range gaps {
			sum += g.Bytes.V
		}
		t = say(t, " (", plural(len(gaps), "place"))
		if sum > 0 {
			t = say(t, ", ", bytesWord(sum))
		}
		t = say(t, ")")
	case g.Address.Known && g.Bytes.Known:
		t = say(t, fmt.Sprintf(" (%s at ", bytesWord(g.Bytes.V)), lit(hex(g.Address.V)), ")")
	case g.Address.Known:
		t = say(t, " (at ", lit(hex(g.Address.V)), ")")
	case g.Bytes.Known:
		t = say(t, fmt.Sprintf(" (%s)", bytesWord(g.Bytes.V)))
	}
	return say(t, ": ", g.Effect, ".")
}
