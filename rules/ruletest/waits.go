package ruletest

import (
	"fmt"

	"postmortem/analyzer/facts"
)

// Waiting is Healthy with what its goroutines wait for: connections that are idle,
// jobs that come, and tickers.
func Waiting() *facts.Document {
	doc := Healthy()
	w := &facts.Waits{Cycles: []facts.WaitCycle{}, HeadBlockers: []facts.HeadBlocker{}, Leaks: &facts.Leaks{Groups: []facts.LeakGroup{}}}
	w.Resources = append(w.Resources, facts.Resource{ID: 1, Kind: facts.ResourceChannel, Address: facts.Some[facts.Word](0xc000100000),
		Type: facts.Some("chan main.Job"), Name: facts.Some("main.Pool.jobs"), WaiterCount: 64, Holders: []facts.Holder{},
		Channel: &facts.ChannelState{Element: facts.Some("main.Job"), Capacity: 64, Receivers: 64,
			ReferencedBy: []facts.Referrer{{Goroutine: facts.Some[int64](1)}, {Variable: facts.Some("main.pool")}}, ReferencedByTotal: 2}})
	for i := range 64 {
		w.Edges = append(w.Edges, facts.WaitEdge{Goroutine: int64(202 + i), Resource: 1, Op: facts.OpReceive})
	}
	for i := range 200 {
		id := len(w.Resources) + 1
		w.Resources = append(w.Resources, facts.Resource{ID: id, Kind: facts.ResourcePoll, Type: facts.Some("*net.TCPConn"), WaiterCount: 1, Holders: []facts.Holder{},
			Poll: &facts.PollState{FD: facts.Some(int64(10 + i)), Network: facts.Some("tcp"), Local: facts.Some("10.0.0.7:8080"),
				Remote: facts.Some(fmt.Sprintf("10.1.0.%d:%d", i, 40000+i)), Listening: facts.Some(false), ReadDeadlineNS: facts.Some[int64](60e9)}})
		w.Edges = append(w.Edges, facts.WaitEdge{Goroutine: int64(2 + i), Resource: id, Op: facts.OpRead})
	}
	w.ResourcesTotal, w.EdgesTotal = len(w.Resources), len(w.Edges)
	doc.Waits = w
	return doc
}

// AddResource adds something that the goroutines of a group wait for.
func AddResource(doc *facts.Document, r facts.Resource, op facts.WaitOp, groups ...*facts.Group) *facts.Resource {
	w := doc.Waits
	r.ID = len(w.Resources) + 1
	for _, g := range groups {
		r.WaiterCount += g.Count
		for _, ids := range g.GoidRanges {
			for id := ids[0]; id <= ids[1]; id++ {
				w.Edges = append(w.Edges, facts.WaitEdge{Goroutine: id, Resource: r.ID, Op: op, SinceAtLeastNS: g.WaitedAtLeastNS.Min})
			}
		}
	}
	w.Resources = append(w.Resources, r)
	w.ResourcesTotal, w.EdgesTotal = len(w.Resources), len(w.Edges)
	return &w.Resources[len(w.Resources)-1]
}

// Lock is a locked mutex of a name.
func Lock(name string, holders ...facts.Holder) facts.Resource {
	return facts.Resource{Kind: facts.ResourceMutex, Address: facts.Some[facts.Word](0xc0001a4010), Type: facts.Some("sync.Mutex"), Name: facts.Some(name),
		Lock: &facts.LockState{Locked: true}, Holders: holders, HoldersTotal: len(holders)}
}

// Deadlocked is a process that hung: g5001 and g5002 wait for each other's locks, 28
// more behind one of them, until SIGABRT came from outside.
func Deadlocked() *facts.Document {
	doc := Waiting()
	list := doc.Goroutines.List
	list[len(list)-1].ID = 5000 // so that the next are g5001 and g5002
	last := &doc.Goroutines.Groups[len(doc.Goroutines.Groups)-1]
	last.GoidRanges = [][2]int64{{5000, 5000}}
	doc.Crash = &facts.Crash{Kind: facts.CrashAbortRequest}
	AddGroup(doc, 1, "sync.Mutex.Lock", facts.QuadrantLock, "", "main.(*Cache).Get", "main.(*Ledger).Post")
	AddGroup(doc, 1, "sync.Mutex.Lock", facts.QuadrantLock, "", "main.(*Ledger).Balance", "main.(*Cache).Evict")
	AddGroup(doc, 28, "sync.Mutex.Lock", facts.QuadrantLock, "main.(*Server).Serve", "main.(*Ledger).Balance", "main.handle")
	groups := doc.Goroutines.Groups[len(doc.Goroutines.Groups)-3:]
	taken := func(fn string) *facts.Site { return site(fn) }
	ledger := AddResource(doc, Lock("example.com/shop/orders/main.Ledger.mu", facts.Holder{Goroutine: 5001, Confidence: facts.ConfidenceLikely, TakenAt: taken("main.(*Ledger).Post"),
		Evidence: []string{"deferred Unlock pending in main.(*Ledger).Post"}}), facts.OpLock, &groups[1], &groups[2]).ID
	cache := AddResource(doc, Lock("example.com/shop/orders/main.Cache.mu", facts.Holder{Goroutine: 5002, Confidence: facts.ConfidenceProven, TakenAt: taken("main.(*Cache).Evict"),
		Evidence: []string{"deferred Unlock pending in main.(*Cache).Evict"}}), facts.OpLock, &groups[0]).ID
	doc.Waits.Cycles = []facts.WaitCycle{{Goroutines: []int64{5001, 5002}, Resources: []int{cache, ledger}, Confidence: facts.ConfidenceLikely, Behind: 28,
		Legs: []string{"goroutine 5001 holds main.Ledger.mu and waits for main.Cache.mu", "goroutine 5002 holds main.Cache.mu and waits for main.Ledger.mu"},
		Knot: [][2]int64{{5001, 5002}}}}
	doc.Waits.CyclesTotal = 1
	doc.Waits.HeadBlockers = []facts.HeadBlocker{{Goroutine: 5001, Direct: 29, Total: 29, Resources: []int{ledger}, Confidence: facts.ConfidenceLikely}}
	doc.Waits.HeadBlockersTotal = 1
	return doc
}
