package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"postmortem/analyzer/facts"
)

// leftUndone is what a deferred call that never ran leaves behind.
var leftUndone = map[string]string{
	"database/sql.(*Tx).Rollback": "transactions may be open in the database",
}

// shownPending is how many places of deferred calls the impact names.
const shownPending = 6

// pendingDefers lists deferred calls that had not run, those that the program's
// own functions deferred or are.
func (a *author) pendingDefers() []block {
	all := a.pendingByPlace()
	var out bullets
	for i, d := range all {
		if i == shownPending {
			out = append(out, say(fmt.Sprintf("… %s more.", plural(len(all)-shownPending, "place"))))
			break
		}
		out = append(out, a.pendingLine(d))
	}
	if len(out) == 0 {
		return nil
	}
	return []block{out}
}

// pending is the deferred calls of one place, in all goroutines.
type pending struct {
	facts.Defer
	by int64 // a goroutine that is to run one; 0 when several of a group are
}

// pendingByPlace is sorted by falling count.
func (a *author) pendingByPlace() []pending {
	own := a.ownPackages()
	sum := map[facts.Defer]*pending{}
	for _, g := range a.programGroups() {
		for _, d := range g.PendingDefers {
			if !d.InApp && !own[packageOf(d.Func)] || a.endsWithProcess(d) {
				continue
			}
			key := facts.Defer{Func: d.Func, File: d.File, Line: d.Line}
			if sum[key] == nil {
				sum[key] = &pending{Defer: key}
			}
			sum[key].Count += d.Count
			if g.Count == 1 && len(g.GoidRanges) == 1 {
				sum[key].by = g.GoidRanges[0][0]
			}
		}
	}
	all := make([]pending, 0, len(sum))
	for _, d := range sum {
		all = append(all, *d)
	}
	slices.SortFunc(all, func(x, y pending) int {
		return cmp.Or(cmp.Compare(y.Count, x.Count), strings.Compare(x.Func, y.Func), strings.Compare(x.File.V, y.File.V), cmp.Compare(x.Line.V, y.Line.V))
	})
	return all
}

func (a *author) pendingLine(d pending) text {
	t := say(count(d.Count), " deferred ", lit(a.fn(d.Func)))
	if pos := a.place(d.File, d.Line); pos != "" {
		t = say(t, " (", lit(pos), ")")
	}
	if a.died() {
		t = say(t, " never ran")
	} else {
		t = say(t, " pending")
	}
	why := leftUndone[d.Func]
	switch {
	case unlocks(d.Defer) && d.Count == 1 && d.by != 0 && a.doc.Waits == nil:
		t = say(t, ": ", lit(goid(d.by)), " is likely the holder of that lock")
	case why != "" && a.died():
		t = say(t, ": ", why)
	}
	return say(t, ".")
}

// endsWithProcess reports whether what a deferred call would have undone went with
// the process: locks, counters, timers, contexts and channels are its memory. In a
// hang an Unlock that waits to be run tells who holds the lock.
func (a *author) endsWithProcess(d facts.Defer) bool {
	if a.aboutAll() && unlocks(d) {
		return false
	}
	switch packageOf(d.Func) {
	case "sync", "context", "time", "runtime", "runtime/pprof":
		return true
	case d.Func: // a builtin is of no package
		return true
	}
	return false
}

func unlocks(d facts.Defer) bool {
	return packageOf(d.Func) == "sync" && (strings.HasSuffix(d.Func, ").Unlock") || strings.HasSuffix(d.Func, ").RUnlock"))
}
