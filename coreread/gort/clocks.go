package gort

import (
	"fmt"
	"time"

	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// Clocks are the times that the runtime left in memory. The runtime's clock
// counts nanoseconds of CLOCK_MONOTONIC: it stands still while the machine is
// suspended and starts anywhere.
type Clocks struct {
	// Now is the largest reading of the runtime's clock that was left: the
	// process lived at that time, and for an unknown while after it. 0 when none was.
	Now int64
	// Basis says where Now was read.
	Basis string
	// Init is the reading when the runtime started, 0 when unknown.
	Init int64

	// Wall is the wall-clock time, in nanoseconds since 1970, when the runtime's
	// clock stood at WallAt. Both are 0 when nothing in memory joins the two
	// clocks: before the first collection ends, only the collector does.
	Wall, WallAt int64
	// WallBasis says where they were read.
	WallBasis string
}

// stamp is one reading of the runtime's clock.
type stamp struct {
	at   int64
	what string
}

// Clocks returns the times that the runtime left.
func (p *Process) Clocks() *Clocks {
	if p.once.clocks == nil {
		p.once.clocks = p.readClocks()
	}
	return p.once.clocks
}

const clockEffect = "times are less exact or missing"

// Readings outside of these are not the runtime's clock: no machine has been up
// for a century, and nothing that runs Go 1.18 did so before 2020 or will after 2200.
const (
	maxRuntimeClock = int64(100 * 366 * 24 * time.Hour)
	minWallClock    = int64(50 * 365 * 24 * time.Hour)
	maxWallClock    = int64(230 * 365 * 24 * time.Hour)
)

func (p *Process) readClocks() *Clocks {
	c := &Clocks{}
	if init := p.variable("runtime.runtimeInitTime", "", clockEffect).i64(""); init != nil && runtimeClock(*init) {
		c.Init = *init
		c.observe(*init, "start of the runtime")
	}
	s := p.Scheduler()
	c.observeAt(s.lastPoll, "last network poll")
	c.observeAt(s.started, "last start of the world")
	for _, pp := range s.Processors {
		for _, st := range pp.stamps {
			c.observe(st.at, fmt.Sprintf("%s P%d", st.what, pp.ID))
		}
	}
	for _, st := range p.Collector().stamps {
		c.observe(st.at, st.what)
	}
	c.readWall(p.Collector())
	return c
}

func runtimeClock(t int64) bool { return t > 0 && t < maxRuntimeClock }

func (c *Clocks) observeAt(at *int64, what string) {
	if at != nil {
		c.observe(*at, what)
	}
}

// observe takes a reading of which what says where it comes from; of equal ones
// the first stays.
func (c *Clocks) observe(at int64, what string) {
	if runtimeClock(at) && at > c.Now {
		c.Now, c.Basis = at, what
	}
}

// readWall joins the clocks by the end of the last collection, which is stamped
// with both (mgc.go, gcMarkTermination).
func (c *Clocks) readWall(gc *Collector) {
	if gc.LastEnd == nil || gc.LastEndWall == nil {
		return
	}
	at, wall := *gc.LastEnd, *gc.LastEndWall
	if runtimeClock(at) && wall > minWallClock && wall < maxWallClock {
		c.Wall, c.WallAt, c.WallBasis = wall, at, "end of the last GC cycle"
	}
}

// WallTime returns the wall-clock time of a reading of the runtime's clock. It
// is as exact as the machine's clock was steady between the two.
func (c *Clocks) WallTime(at int64) (time.Time, bool) {
	if c.Wall == 0 || !runtimeClock(at) {
		return time.Time{}, false
	}
	return time.Unix(0, c.Wall+(at-c.WallAt)).UTC(), true
}

// Uptime returns how long the process lived at least.
func (c *Clocks) Uptime() (time.Duration, bool) {
	if c.Init == 0 || c.Now <= c.Init {
		return 0, false
	}
	return time.Duration(c.Now - c.Init), true
}

// Started returns when the runtime started.
func (c *Clocks) Started() (time.Time, bool) { return c.WallTime(c.Init) }

// LastSeen returns the last time of which memory says that the process lived.
func (c *Clocks) LastSeen() (time.Time, bool) { return c.WallTime(c.Now) }

// Since returns how long before Now a reading of the runtime's clock lies: a
// lower bound of how long ago that was.
func (c *Clocks) Since(at int64) (time.Duration, bool) {
	if !runtimeClock(at) || at > c.Now || at < c.Init {
		return 0, false
	}
	return time.Duration(c.Now - at), true
}

// WaitedAtLeast returns a lower bound of how long g has been waiting or in its
// system call. Only the collector stamps a wait, when it first comes across it.
func (c *Clocks) WaitedAtLeast(g *Goroutine) (time.Duration, bool) {
	switch g.Status {
	case layout.GWaiting, layout.GSyscall, layout.GLeaked:
		return c.Since(g.WaitSince)
	}
	return 0, false
}

// limiterEventTime keeps the reading of a runtime.limiterEventStamp: its upper
// three bits are the kind of event, 0 for none (mgclimit.go, since 1.19).
const limiterEventTime = 1<<61 - 1

// processorStamps are the readings of the runtime's clock that r, a runtime.p, holds.
func (p *Process) processorStamps(o *pOffsets, r record, pp *Processor) []stamp {
	stamps := []stamp{
		{r.i64(o.sliceSeen), "sysmon's look at the time slice of"},
		{r.i64(o.callSeen), "sysmon's look at the system call of"},
		{r.i64(o.workerStart), "start of the GC worker of"},
	}
	if at, ok := r.optionalU64(o.stopTime); ok {
		stamps = append(stamps, stamp{int64(at), "halt of"})
	}
	if event, ok := r.optionalU64(o.limiterEvent); ok && event&^uint64(limiterEventTime) != 0 {
		what := "last event for the GC's CPU limiter of"
		if pp.Status == layout.PIdle {
			what = "going idle of"
		}
		stamps = append(stamps, stamp{int64(event & limiterEventTime), what})
	}
	return append(stamps, p.tickerStamps(o, r)...)
}

// maxTickers bounds how many timers of one processor are looked at.
const maxTickers = 1 << 10

// maxTickerPeriod leaves out tickers that never fired and whose time was cut to
// the largest there is: taking the period off would not give their start.
const maxTickerPeriod = int64(366 * 24 * time.Hour)

// tickerStamps are the times when tickers last fired or were set: a ticker is due
// one period later (time.go, runOneTimer until 1.22, unlockAndRun since 1.23).
func (p *Process) tickerStamps(o *pOffsets, r record) []stamp {
	field, stride := o.timerHeap, image.Addr(16) // timerWhen{timer, when}
	if !field.present {
		field, stride = o.timers, 8
	}
	t := p.layout.Struct("runtime.timer")
	when, period := image.Addr(t.Offset("when")), image.Addr(t.Offset("period"))
	if !field.present || t.Err() != nil {
		return nil // one clock of several
	}
	data, n := r.addrAt(field.off), r.u64(field.off+8)
	var newest int64
	c := p.Image.Cursor()
	for i := range image.Addr(min(n, maxTickers)) {
		at := c.Addr(data + i*stride)
		due, every := c.Int64(at+when), c.Int64(at+period)
		if c.Err() != nil {
			break
		}
		if every > 0 && every < maxTickerPeriod && runtimeClock(due) {
			newest = max(newest, due-every)
		}
	}
	if newest <= 0 {
		return nil
	}
	return []stamp{{newest, "last tick of a time.Ticker on"}}
}
