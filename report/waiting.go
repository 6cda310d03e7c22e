package report

import (
	"fmt"

	"postmortem/analyzer/facts"
)

// pileSize is how many goroutines at one place are a pile: fewer are what pools of
// workers and idle connections look like.
const pileSize = 20

// pile is the largest group of goroutines that wait at one place for something
// within the process, nil when none is large. Waiting for the network is what
// idle connections do, unless the program's own code waits there.
func (a *author) pile() *facts.Group {
	for _, g := range a.programGroups() {
		if g.Count < pileSize {
			return nil
		}
		f := blame(g.Frames)
		if f == nil || g.Status != facts.StatusWaiting && g.Status != facts.StatusLeaked {
			continue
		}
		if g.Quadrant != facts.QuadrantNetpoll || f.InApp {
			return g
		}
	}
	return nil
}

// developerWaits asks what everything waits for.
func (a *author) developerWaits() []text {
	if a.messageHas("no goroutines") {
		return []text{say("main calls ", lit("runtime.Goexit"), "; it should wait for its goroutines and return instead.")}
	}
	var out []text
	if t := a.whoHolds(); t != nil {
		out = append(out, t)
	}
	if g := a.pile(); g != nil {
		return append(out, a.whoWakes(g))
	}
	if a.crash.Kind == facts.CrashDeadlock {
		for _, g := range a.programGroups() {
			if g.Status == facts.StatusWaiting && blame(g.Frames) != nil {
				return append(out, a.whoWakes(g))
			}
		}
		return out
	}
	return append(out, say("no place has a pile of waiting goroutines; compare the groups below with those of a replica that works (", lit("goroutine?debug=1"), ")."))
}

// whoHolds names the goroutines that keep a stop-the-world from its end.
func (a *author) whoHolds() text {
	if a.doc.GC == nil {
		return nil
	}
	for _, w := range a.doc.GC.StopTheWorld.WaitingFor {
		if !w.Goroutine.Known {
			continue
		}
		t := say(lit(goid(w.Goroutine.V)), " does not let itself be stopped")
		for i := range a.goroutines.List {
			if g := &a.goroutines.List[i]; g.ID == w.Goroutine.V {
				if group := a.groupByID(g.Group); group != nil {
					if f := blame(group.Frames); f != nil {
						t = say(t, " in ", a.at(f))
					}
				}
				break
			}
		}
		return say(t, ": a loop without calls in assembly or with preemption off, or a C call that holds a processor?")
	}
	return nil
}

// whoWakes asks for the other side of what a group waits for.
func (a *author) whoWakes(g *facts.Group) text {
	t := say(fmt.Sprintf("%s wait%s (%s) in ", plural(g.Count, "goroutine"), third(g.Count), a.state(g)), a.at(blame(g.Frames)), ": ")
	switch g.Quadrant {
	case facts.QuadrantChannel:
		if id, in, ok := a.firing(g); ok {
			return say(t, "a timer ends the wait, that of ", lit(goid(id)), " ", relative(in), ": is it meant to take so long?")
		}
		return say(t, "who should be at the other end of the channel, and where is it now?")
	case facts.QuadrantLock:
		return say(t, "who holds it, and what does the holder wait for?")
	case facts.QuadrantNetpoll:
		return say(t, "does this wait have a deadline, and is the other side alive?")
	}
	return say(t, "what should have ended this wait?")
}

// firing finds a goroutine of a group that waits for a timer to fire once, and when
// that is after the moment of death, in nanoseconds.
func (a *author) firing(g *facts.Group) (id, in int64, ok bool) {
	if a.doc.Waits == nil {
		return 0, 0, false
	}
	for _, e := range a.doc.Waits.Edges {
		r := a.resource(e.Resource)
		if r == nil || r.Channel == nil || r.Channel.Timer == nil || e.Op != facts.OpReceive {
			continue
		}
		timer := r.Channel.Timer
		if timer.Stopped || timer.PeriodNS > 0 || timer.FiresInNS.V <= 0 {
			continue
		}
		for _, members := range g.GoidRanges {
			if members[0] <= e.Goroutine && e.Goroutine <= members[1] {
				return e.Goroutine, timer.FiresInNS.V, true
			}
		}
	}
	return 0, 0, false
}

func third(n int) string {
	if n == 1 {
		return "s"
	}
	return ""
}
