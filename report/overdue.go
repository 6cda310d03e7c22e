package report

import (
	"time"

	"postmortem/analyzer/facts"
)

// dyingTime is how long the runtime waits for its other threads to print their
// stacks before it dies, with some for the printing itself: 5 seconds until 1.22, since
// then mostly until they have (runtime/signal_unix.go, sighandler). Its clock goes on
// meanwhile, and nothing that is due is done.
const dyingTime = 6 * time.Second

// overdue says of what came due shortly before the last clock that the dying
// itself may have held it up; nil when there is nothing of the kind.
func (a *author) overdue(w *facts.Waits) text {
	if k := a.crash.Kind; k == facts.CrashSnapshot || k == facts.CrashUnknown {
		return nil
	}
	for i := range w.Resources {
		for _, due := range dueTimes(&w.Resources[i]) {
			if due.Known && due.V < 0 && due.V > -dyingTime.Nanoseconds() {
				return say("What came due in the last seconds before the last clock may not be late: while the process dies nothing is done about it, and until Go 1.22 the runtime waits 5 seconds for its threads then.")
			}
		}
	}
	return nil
}

// dueTimes are the deadlines and timers of a resource.
func dueTimes(r *facts.Resource) (due []facts.Maybe[int64]) {
	polls, timers := []*facts.PollState{r.Poll}, []*facts.TimerState{r.Timer}
	if r.Syscall != nil {
		polls = append(polls, r.Syscall.Target)
	}
	if r.Channel != nil {
		timers = append(timers, r.Channel.Timer)
	}
	for _, p := range polls {
		if p != nil {
			due = append(due, p.ReadDeadlineNS, p.WriteDeadlineNS)
		}
	}
	for _, t := range timers {
		if t != nil && !t.Stopped {
			due = append(due, t.FiresInNS)
		}
	}
	if r.Context != nil {
		due = append(due, r.Context.DeadlineInNS)
	}
	return due
}
