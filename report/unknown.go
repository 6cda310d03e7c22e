package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"postmortem/analyzer/facts"
)

// unknown is what the report cannot tell, and what would.
func (a *author) unknown() []block {
	out := bullets{}
	out = append(out, a.foundUnknowns()...)
	out = append(out, a.unknownOfCrash()...)
	out = append(out, a.hiddenLabels()...)
	out = append(out, a.unknownTypes()...)
	out = append(out, a.unknownOfInput()...)
	if t := a.rest(len(out) == 0); t != nil {
		out = append(out, t)
	}
	return []block{out}
}

func (a *author) unknownOfCrash() []text {
	c := a.crash
	var out []text
	switch c.Kind {
	case facts.CrashPanic, facts.CrashFatal:
		if !c.Message.Known && len(c.Panics) == 0 {
			out = append(out, say("The message: it is not in the core or it is redacted; the process's own output has it."))
		}
		if a.messageHas("concurrent map") {
			out = append(out, say("Who used the map at the same time: it had gone on; ", lit("-race"), " tells."))
		}
	case facts.CrashOutOfMemory:
		out = append(out, say("The container's memory limit: it is not in a core; the kernel log and the orchestrator have it."))
		if h := a.doc.Heap; h == nil || len(h.Dominators) == 0 {
			out = append(out, say("What fills the heap: a heap profile of a live replica tells."))
		}
	case facts.CrashSignal:
		if s := a.firstSignal(); s != nil && isFault(s.Number) && !s.FaultAddress.Known && !a.hitByChance() {
			out = append(out, say("The address that was accessed: the core does not hold it; the registers and the instruction give it."))
		}
	case facts.CrashUnknown:
		out = append(out, say("Why it ended: the kernel log tells if the kernel killed it, the process's own output if the runtime did."))
	}
	switch {
	case a.sentFromOutside():
		out = append(out, a.unknownSender()...)
	case a.sentToItself():
		out = append(out, say("Which goroutine sent the signal: it may have gone on before the signal came."))
	}
	if !a.aboutAll() && len(a.frames) == 0 {
		out = append(out, say("The stack of the crash: see the gaps under Completeness."))
	}
	for _, f := range a.frames {
		if f.Trust == facts.TrustScan {
			out = append(out, say("The exact stack: frames marked as found by scanning may be left from earlier calls."))
			break
		}
	}
	return out
}

// unknownSender is about a signal from outside.
func (a *author) unknownSender() []text {
	who := say("Who sent the signal: the supervisor's log tells.")
	if s := a.firstSignal(); s != nil && s.Sender != nil && s.Sender.PID.Known {
		who = say(fmt.Sprintf("Which process had pid %d: the host's process accounting or audit log tells.", s.Sender.PID.V))
	}
	if a.explains(a.leading()) {
		return []text{who}
	}
	return []text{who, say("Whether it hung: a wait of hours is normal for an idle server; the latency and error graphs before the signal tell.")}
}

// hiddenLabels names the labels of the crash's goroutine whose values are hidden.
func (a *author) hiddenLabels() []text {
	if a.g == nil {
		return nil
	}
	const most = 4
	var hidden []string
	for k, v := range a.g.Labels {
		if v == nil {
			hidden = append(hidden, k)
		}
	}
	slices.Sort(hidden)
	var out []text
	for i, k := range hidden {
		if i == most {
			out = append(out, say(fmt.Sprintf("… and %s more of ", plural(len(hidden)-most, "label")), lit(a.thisGoroutine()), "."))
			break
		}
		out = append(out, say("Label ", lit(k), " of ", lit(a.thisGoroutine()), ": its value is hidden (", lit("--show label:"+k), ")."))
	}
	return out
}

// unknownTypes is how much of the heap has no name.
func (a *author) unknownTypes() []text {
	h := a.doc.Heap
	if h == nil || !h.UnknownTypeBytes.Known || !h.ReachableBytes.Known || h.UnknownTypeBytes.V*100 < h.ReachableBytes.V || h.UnknownTypeBytes.V == 0 {
		return nil // less than a hundredth is none to speak of
	}
	t := say("Types of ", percent(h.UnknownTypeBytes.V, h.ReachableBytes.V), " of the reachable heap (", size(h.UnknownTypeBytes.V), ")")
	if a.doc.Completeness.Symbols != facts.SymbolsDWARF {
		t = say(t, ": a binary built with DWARF (without ", lit("-ldflags=-w"), ") tells more")
	}
	return []text{say(t, ".")}
}

// unknownOfInput is what core and binary do not give.
func (a *author) unknownOfInput() []text {
	c := &a.doc.Completeness
	var out []text
	switch c.Core {
	case facts.CoreCut:
		out = append(out, say("What the core lacks", a.lacking(), ": the file ends early (full disk, size limit, interrupted copy); a whole core tells."))
	case facts.CoreFiltered:
		out = append(out, say("What the core lacks", a.lacking(), ": it was left out when the core was written (", lit("/proc/PID/coredump_filter"),
			"; by default files that are mapped read-only, like the code of libraries)."))
	}
	if n := c.UnreadableGoroutines; n.Known && n.V > 0 {
		out = append(out, say(fmt.Sprintf("%s that exist%s and could not be read.", plural(n.V, "goroutine"), third(n.V))))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Sections)) {
		s := c.Sections[name]
		if s.State == facts.SectionComplete || s.State == facts.SectionSkipped {
			continue
		}
		why := "no reason is given"
		if s.Why.Known {
			why = s.Why.V
		}
		out = append(out, say(strings.ToUpper(name[:min(1, len(name))])+name[min(1, len(name)):], " (", string(s.State), "): ", why, "."))
	}
	switch t := a.doc.Target.Time; {
	case t.LastSeen.Known:
	case t.UptimeNS.Known:
		out = append(out, say("When it died: the runtime left no time of day (it has one from its first collection on); the core file's own time is a hint."))
	default:
		out = append(out, say("When it died: no clock of the runtime could be read; the core file's own time is a hint."))
	}
	return out
}

// lacking is " (1.8 MiB, 3 gaps)", "" when nothing is known to be absent.
func (a *author) lacking() string {
	c := &a.doc.Completeness
	if !c.MissingBytes.Known || c.MissingBytes.V == 0 {
		return ""
	}
	s := bytesWord(c.MissingBytes.V)
	if c.GapsTotal > 0 {
		s += ", " + plural(c.GapsTotal, "gap") + " under Completeness"
	}
	return " (" + s + ")"
}

// rest says how much else there is.
func (a *author) rest(all bool) text {
	c := &a.doc.Completeness
	if !c.MissingBytes.Known || c.Core != facts.CoreWhole {
		return nil // what the core lacks is said
	}
	word := "Else complete: "
	switch {
	case c.MissingBytes.V > 0 || c.GapsTotal > 0:
		word = "Besides: "
	case all:
		word = "Complete: "
	}
	s := fmt.Sprintf("%s%s missing", word, bytesWord(c.MissingBytes.V))
	switch {
	case c.GapsTotal > 0:
		s += fmt.Sprintf(", %s (under Completeness)", plural(c.GapsTotal, "gap"))
	case a.doc.Goroutines != nil && c.UnreadableGoroutines.Known && c.UnreadableGoroutines.V == 0:
		s += fmt.Sprintf(", all %s read", plural(a.goroutines.Total, "goroutine"))
	}
	return say(s + ".")
}

// bytesWord is "0 bytes" or a size.
func bytesWord(n uint64) string {
	if n < 1024 {
		return plural(n, "byte")
	}
	return size(n)
}
