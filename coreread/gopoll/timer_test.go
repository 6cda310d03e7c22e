package gopoll_test

import (
	"testing"
	"time"

	"postmortem/coreread/gopoll"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/internal/testcores"
)

// checkTimers compares when timers fire with the span in which the program set them.
func checkTimers(t *testing.T, p *gort.Process, r *gopoll.Reader, w *testcores.Waits, all map[int64]*gort.Goroutine) {
	t.Helper()
	var pending []gopoll.Timer
	if err := r.Timers(func(timer *gopoll.Timer) {
		if timer.State == gopoll.Pending {
			pending = append(pending, *timer)
		}
		if timer.Fake || timer.Bubble != 0 || timer.Processor < 0 {
			t.Errorf("%+v", timer)
		}
	}); err != nil {
		t.Error(err)
	}
	for _, noted := range w.Timers {
		within := func(when int64) bool { return noted.FromNS <= when && when <= noted.ToNS }
		switch noted.Kind {
		case "sleep":
			// It fell asleep after it had noted so, and before the process told.
			if when, ok := r.Sleep(all[noted.Goroutine]); !ok || when < noted.FromNS || when > w.NowNS+noted.SetNS {
				t.Errorf("goroutine %d sleeps until %d (%v); noted %+v", noted.Goroutine, when, ok, noted)
			}
		case "func", "context":
			if !anyTimer(pending, gopoll.FuncTimer, within) {
				t.Errorf("no timer calls a function; noted %+v", noted)
			}
		case "stopped":
			// The program is written for Go 1.18: until 1.26 it has the old kind of
			// channel (GODEBUG=asynctimerchan=1), from which nothing leads to the timer.
			timer, ok := r.ChannelTimer(image.Addr(noted.Channel))
			if ok && timer.State != gopoll.Stopped || !ok && p.Layout().Version().Minor >= 27 {
				t.Errorf("a stopped timer is %+v (%v); noted %+v", timer, ok, noted)
			}
		case "timer", "ticker":
			timer, ok := r.ChannelTimer(image.Addr(noted.Channel))
			if !ok || timer.State != gopoll.Pending || !within(timer.When) || timer.Period != noted.PeriodNS ||
				timer.Channel != image.Addr(noted.Channel) || timer.Kind != gopoll.ChannelTimer {
				t.Errorf("timer %+v (%v); noted %+v", timer, ok, noted)
			}
		default:
			t.Errorf("noted %+v", noted)
		}
	}
}

func anyTimer(timers []gopoll.Timer, kind gopoll.TimerKind, within func(int64) bool) bool {
	for _, t := range timers {
		if t.Kind == kind && within(t.When) {
			return true
		}
	}
	return false
}

// TestTimersOfSmall finds the timers that testdata/cores/scenarios/park sets, in
// every version, and each in one place only.
func TestTimersOfSmall(t *testing.T) {
	type timer struct {
		kind   gopoll.TimerKind
		after  time.Duration
		period time.Duration
	}
	wanted := []timer{
		{gopoll.SleepTimer, time.Hour, 0},
		{gopoll.ChannelTimer, 10 * time.Minute, 10 * time.Minute},
		{gopoll.ChannelTimer, time.Hour, 0},
		{gopoll.ChannelTimer, 2 * time.Hour, 0},
		{gopoll.FuncTimer, time.Hour, 0},
	}
	for _, c := range testcores.All(t) {
		if c.Program != "small" || c.Cut != 0 {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			p, r := open(t, c)
			now := p.Clocks().Now
			found := map[timer]int{}
			if err := r.Timers(func(x *gopoll.Timer) {
				if x.State != gopoll.Pending || x.Kind == gopoll.OtherTimer {
					return
				}
				// All were set within the seconds before the end.
				after := time.Duration(x.When - now + int64(30*time.Second)).Truncate(time.Minute)
				found[timer{x.Kind, after, time.Duration(x.Period)}]++
				checkTarget(t, p, r, x)
			}); err != nil {
				t.Error(err)
			}
			for _, w := range wanted {
				if found[w] != 1 {
					t.Errorf("%d timers %+v", found[w], w)
				}
			}
			if len(found) != len(wanted) {
				t.Errorf("timers %+v", found)
			}
		})
	}
}

// checkTarget looks at what a timer acts on.
func checkTarget(t *testing.T, p *gort.Process, r *gopoll.Reader, x *gopoll.Timer) {
	t.Helper()
	switch x.Kind {
	case gopoll.ChannelTimer:
		if again, ok := r.ChannelTimer(x.Channel); !ok || again != *x {
			t.Errorf("the timer of the channel is %+v (%v), and in the heap %+v", again, ok, *x)
		}
	case gopoll.SleepTimer:
		g, err := p.GoroutineAt(x.Goroutine)
		if when, ok := r.Sleep(&g); err != nil || !ok || when != x.When {
			t.Errorf("goroutine %d (%v) sleeps until %d (%v), its timer says %d", g.ID, err, when, ok, x.When)
		}
	case gopoll.FuncTimer:
		pc, err := p.Image.Addr(x.Callback)
		if fn, ok := p.FuncAt(pc); err != nil || !ok || fn.Name() != "example.com/scenarios/park.afterFunc" {
			t.Errorf("the function of time.AfterFunc is at %v, %v", pc, err)
		}
	}
	if fn, ok := p.FuncAt(x.Func); !ok || fn.Entry().Add(p.Bias) != x.Func {
		t.Errorf("%+v calls no function", x)
	}
}
