package ruletest

import "postmortem/analyzer/facts"

// Healthy is a snapshot of a server that is well: 200 idle keep-alive connections, a
// pool of 64 workers, tickers, a heap of 200 MiB of which a cache holds most.
func Healthy() *facts.Document {
	b := &builder{next: 1}
	b.add(1, "IO wait", facts.QuadrantNetpoll, "main.main", "", "net.(*TCPListener).Accept", "net/http.(*Server).Serve", "main.main")
	b.add(200, "IO wait", facts.QuadrantNetpoll, "", "net/http.(*Server).Serve", "net.(*conn).Read", "bufio.(*Reader).Peek", "net/http.(*conn).serve")
	b.add(64, "chan receive", facts.QuadrantChannel, "main.(*Pool).work", "main.NewPool")
	b.add(3, "select", facts.QuadrantChannel, "main.(*Cache).expire", "main.NewCache")
	b.add(1, "finalizer wait", facts.QuadrantGC, "", "runtime.createfing", "runtime.gopark", "runtime.runFinalizers")
	b.groups[len(b.groups)-1].System = true
	live := uint64(200 << 20)
	return &facts.Document{
		Schema: facts.Schema,
		Target: facts.Target{MainPackage: facts.Some("example.com/shop/orders"), VCSRevision: facts.Some("9f3c2ab0011223344"),
			Time: facts.Time{UptimeNS: facts.Some[int64](3 * 3600e9)}},
		Completeness: facts.Completeness{Identity: facts.IdentityVerified, Core: facts.CoreWhole},
		Crash:        &facts.Crash{Kind: facts.CrashSnapshot},
		Goroutines:   b.goroutines(),
		Threads:      make([]facts.Thread, 14),
		Scheduler:    &facts.Scheduler{GOMAXPROCS: facts.Some(8), Ms: facts.Some(14), IdleMs: facts.Some(9)},
		GC: &facts.GC{Phase: facts.Some("off"), Cycles: facts.Some[int64](5000), ForcedCycles: facts.Some[int64](0),
			StopTheWorld:  facts.StopTheWorld{InProgress: facts.Some(false), WaitingFor: []facts.NotStopped{}},
			HeapLiveBytes: facts.Some(live + live/4), HeapMarkedBytes: facts.Some(live), HeapGoalBytes: facts.Some(2 * live),
			GOGC: facts.Some[int64](100), CPULimiter: facts.Some(false),
			MemoryLimit: facts.MemoryLimit{Set: facts.Some(true), Bytes: facts.Some[uint64](1 << 30), UsedBytes: facts.Some[uint64](500 << 20)},
			Pauses:      facts.Pauses{Count: facts.Some[int64](5000), P50NS: facts.Some[int64](120_000)}},
		Heap: &facts.Heap{ReachableBytes: facts.Some(live), ReachableObjects: facts.Some[uint64](2e6),
			Stacks: facts.Stacks{InUseBytes: facts.Some[uint64](4 << 20)},
			Suspects: []facts.Suspect{{Kind: facts.SuspectGroup, Type: facts.Some("main.Item"), Objects: 900_000, RetainedBytes: 120 << 20, Share: 0.6,
				AccumulationPoint: &facts.AccumulationPoint{Address: 0xc000010000, Type: facts.Some("map[string]*main.Item")},
				Path:              []string{"main.cache", "main.Cache.items", "map[string]*main.Item"}, PathTotal: 3}},
			RetainedByGroup: []facts.GroupRetained{{Group: 2, Bytes: 2 << 20}}, RetainedByGroupTotal: 1,
			Waste: &facts.Waste{FinalizerOnly: &facts.Tally{}}},
	}
}

// Died is the process of Healthy, dead of a crash on a goroutine of its own that
// handled a request: g5000, in the function that is named first.
func Died(c *facts.Crash, functions ...string) *facts.Document {
	doc := Healthy()
	g := doc.Goroutines
	stack := Stack(functions...)
	group := facts.Group{ID: len(g.Groups) + 1, Count: 1, Status: facts.StatusRunning, Quadrant: facts.QuadrantRunning,
		GoidRanges: [][2]int64{{5000, 5000}}, CreatedBy: site("main.(*Server).Create"), Frames: stack}
	g.Groups = append(g.Groups, group)
	g.List = append(g.List, facts.Goroutine{ID: 5000, Group: group.ID})
	g.Total, g.User = g.Total+1, g.User+1
	c.Goroutine, c.Thread, c.Frames = facts.Some[int64](5000), facts.Some(17), stack
	doc.Crash = c
	return doc
}

// AddGroup adds goroutines that wait, in the functions from the innermost on, and
// returns their group.
func AddGroup(doc *facts.Document, count int, reason string, q facts.Quadrant, creator string, functions ...string) *facts.Group {
	g := doc.Goroutines
	b := &builder{next: g.List[len(g.List)-1].ID + 1, groups: g.Groups, list: g.List}
	b.add(count, reason, q, functions[0], creator, functions[1:]...)
	*g = *b.goroutines()
	return &g.Groups[len(g.Groups)-1]
}

type builder struct {
	next   int64
	groups []facts.Group
	list   []facts.Goroutine
}

func (b *builder) add(count int, reason string, q facts.Quadrant, own, creator string, functions ...string) {
	if own != "" {
		functions = append([]string{own}, functions...)
	}
	g := facts.Group{ID: len(b.groups) + 1, Count: count, Status: facts.StatusWaiting, WaitReason: facts.Some(reason), Quadrant: q,
		GoidRanges: [][2]int64{{b.next, b.next + int64(count) - 1}}, Frames: Stack(functions...)}
	if q == facts.QuadrantSyscall {
		g.Status, g.WaitReason = facts.StatusSyscall, facts.Maybe[string]{}
	}
	if creator != "" {
		g.CreatedBy = site(creator)
	}
	for range count {
		b.list = append(b.list, facts.Goroutine{ID: b.next, Group: g.ID})
		b.next++
	}
	b.groups = append(b.groups, g)
}

func (b *builder) goroutines() *facts.Goroutines {
	out := &facts.Goroutines{Groups: b.groups, List: b.list, Total: len(b.list), ByQuadrant: map[facts.Quadrant]int{},
		ByStatus: map[facts.Status]int{}, ByWaitReason: map[string]int{}}
	for i := range b.groups {
		g := &b.groups[i]
		if g.System {
			out.System += g.Count
		}
		out.ByQuadrant[g.Quadrant] += g.Count
		out.ByStatus[g.Status] += g.Count
		if g.WaitReason.Known {
			out.ByWaitReason[g.WaitReason.V] += g.Count
		}
	}
	out.User = out.Total - out.System
	return out
}

// Stack makes frames of functions, innermost first; those of package main are the
// program's own.
func Stack(functions ...string) []*facts.Frame {
	var frames []*facts.Frame
	for i, fn := range functions {
		f := &facts.Frame{Func: fn, File: facts.Some("/src/shop/orders/serve.go"), Line: facts.Some(10 * (i + 1)), Trust: facts.TrustPclntab}
		if len(fn) > 5 && fn[:5] == "main." {
			f.InApp, f.Source, f.Module = true, facts.Some("orders/serve.go"), facts.Some("example.com/shop")
		}
		frames = append(frames, f)
	}
	return frames
}

func site(fn string) *facts.Site {
	return &facts.Site{Func: fn, File: facts.Some("/src/shop/orders/start.go"), Line: facts.Some(7)}
}
