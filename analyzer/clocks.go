package analyzer

import (
	"time"

	"postmortem/analyzer/facts"
)

// lifetime says when the process started and when it was last seen alive, by
// the clocks that the runtime left.
func (a *analysis) lifetime() facts.Time {
	c := a.clocks
	t := facts.Time{
		Started:  wallTime(c.Started()),
		LastSeen: wallTime(c.LastSeen()),
		Basis:    known(c.Basis),
	}
	if up, ok := c.Uptime(); ok {
		t.UptimeNS = facts.Some(int64(up))
	}
	return t
}

func wallTime(t time.Time, ok bool) facts.Maybe[string] {
	return facts.Maybe[string]{V: t.Format(time.RFC3339), Known: ok}
}
