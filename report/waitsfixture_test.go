package report_test

import "postmortem/analyzer/facts"

// hung is a lock cycle of two goroutines with a pile behind it, ended from outside.
func hung() *facts.Document {
	d := waiters(died("orders hung: lock cycle of 2 goroutines, 27 more behind it", facts.ClassAborted, &facts.Crash{
		Kind: facts.CrashAbortRequest, Goroutine: facts.Some[int64](4121), Thread: facts.Some(17), Frames: crashFrames(),
		Signal: &facts.Signal{Number: 6, Name: str("SIGABRT"), Code: facts.Some(0), CodeName: str("SI_USER"),
			Sender: &facts.Sender{PID: facts.Some(3921), Who: facts.SenderOther}, Source: str("signal context of thread 17")},
		DumpSignal: selfAbort(), Panics: []facts.Panic{}, RuntimePrintTail: str(""),
	}), "sync.Mutex.Lock", facts.QuadrantLock)
	d.Verdict.Confidence, d.Verdict.Finding = facts.ConfidenceLikely, facts.Some(0)
	taken := func(fn string, line int) *facts.Site {
		return &facts.Site{Func: app + "/acct." + fn, File: str("/src/orders/acct/ledger.go"), Line: facts.Some(line)}
	}
	d.Waits = &facts.Waits{
		Resources: []facts.Resource{
			{ID: 1, Kind: facts.ResourceMutex, Address: facts.Some[facts.Word](0xc0001a4010), Type: str("sync.Mutex"), Name: str(app + "/acct.Ledger.mu"), WaiterCount: 28,
				Holders: []facts.Holder{{Goroutine: 100, Confidence: facts.ConfidenceProven, TakenAt: taken("(*Ledger).Post", 61),
					Evidence: []string{"deferred Unlock pending in acct.(*Ledger).Post (ledger.go:61)"}}},
				HoldersTotal: 1, Lock: &facts.LockState{Locked: true, Starving: true, Waiters: 28}},
			{ID: 2, Kind: facts.ResourceMutex, Address: facts.Some[facts.Word](0xc0001a4100), Type: str("sync.Mutex"), Name: str(app + "/acct.Cache.mu"), WaiterCount: 1,
				Holders: []facts.Holder{{Goroutine: 101, Confidence: facts.ConfidenceLikely, TakenAt: taken("(*Cache).Evict", 112),
					Evidence: []string{"stands between Lock (cache.go:112) and Unlock (cache.go:119)"}}},
				HoldersTotal: 1, Lock: &facts.LockState{Locked: true, Waiters: 1}},
			{ID: 3, Kind: facts.ResourcePoll, Type: str("*net.TCPListener"), WaiterCount: 1, Holders: []facts.Holder{},
				Poll: &facts.PollState{FD: facts.Some[int64](3), Network: str("tcp"), Local: str("10.0.0.7:8080"), Listening: facts.Some(true)}},
			{ID: 4, Kind: facts.ResourceIdle, WaiterCount: 2, Holders: []facts.Holder{}},
		},
		ResourcesTotal: 4,
		Edges: []facts.WaitEdge{{Goroutine: 100, Resource: 2, Op: facts.OpLock, SinceAtLeastNS: facts.Some[int64](380e9)},
			{Goroutine: 101, Resource: 1, Op: facts.OpLock}},
		EdgesTotal: 31,
		Cycles: []facts.WaitCycle{{Goroutines: []int64{100, 101}, Resources: []int{2, 1}, Confidence: facts.ConfidenceLikely,
			Legs: []string{"goroutine 100 holds acct.Ledger.mu and waits for acct.Cache.mu", "goroutine 101 holds acct.Cache.mu and waits for acct.Ledger.mu"},
			Knot: [][2]int64{{100, 101}}, Behind: 27}},
		CyclesTotal: 1,
		HeadBlockers: []facts.HeadBlocker{
			{Goroutine: 100, Direct: 28, Total: 28, Resources: []int{1}, Confidence: facts.ConfidenceProven}},
		HeadBlockersTotal: 1,
		Leaks:             &facts.Leaks{Groups: []facts.LeakGroup{}},
	}
	d.Findings = []facts.Finding{
		{Rule: "deadlock-cycle", Fingerprint: "c1", Severity: facts.SeverityCritical, Confidence: facts.ConfidenceLikely,
			Title:      "lock cycle of 2 goroutines, 27 more behind it",
			Summary:    "g100 holds acct.Ledger.mu and waits for acct.Cache.mu; g101 holds acct.Cache.mu and waits for acct.Ledger.mu. Neither can go on, nor can the 27 behind them.",
			Goroutines: facts.FindingGoroutines{Count: 29, GoidRanges: [][2]int64{{100, 120}, {130, 137}}}, Groups: []int{1}, Addresses: []facts.Word{0xc0001a4010},
			Evidence: []facts.Evidence{{Kind: "wait", Text: "g101 waits at ledger.go:97 for what g100 took at ledger.go:61", Ref: "/waits/cycles/0"}},
			NextSteps: []facts.NextStep{{Who: facts.WhoOnCall, Action: "a restart clears it."},
				{Who: facts.WhoDeveloper, Action: "one order for both locks; Evict must not call Balance under Cache.mu."}},
			Unknowns: []facts.Unknown{{What: "Who holds Cache.mu is likely, not proven", WouldTell: "a core of a build with DWARF"}}, DependsOn: []string{}, Docs: "postmortem rules show deadlock-cycle"},
		{Rule: "lock-contention-pileup", Fingerprint: "c2", Severity: facts.SeverityError, Confidence: facts.ConfidenceLikely,
			Title: "28 goroutines wait for acct.Ledger.mu", Summary: "They wait for one lock.", Evidence: []facts.Evidence{}, DependsOn: []string{"deadlock-cycle"}},
	}
	return d
}

// leaking has goroutines that nothing will wake, of each verdict.
func leaking() *facts.Document {
	d := leaked(snapshot())
	d.Waits = &facts.Waits{
		Resources: []facts.Resource{
			{ID: 1, Kind: facts.ResourceChannel, Address: facts.Some[facts.Word](0xc000200060), Type: str("chan " + app + ".Event"), WaiterCount: 29, Holders: []facts.Holder{},
				Channel: &facts.ChannelState{Element: str(app + ".Event"), Senders: 29, Timer: &facts.TimerState{Stopped: true}}},
			{ID: 2, Kind: facts.ResourceChannel, Address: facts.Some[facts.Word](0xc000200160), Type: str("<-chan struct{}"), WaiterCount: 3, Holders: []facts.Holder{},
				Channel: &facts.ChannelState{Element: str("struct {}"), Length: 1, Capacity: 2, Receivers: 3},
				Context: &facts.ContextState{Chain: []string{"context.timerCtx", "context.cancelCtx"}, DeadlineInNS: facts.Some[int64](-3e9), Canceled: facts.Some(false)}},
			{ID: 3, Kind: facts.ResourceWaitGroup, Name: str(app + ".all"), Type: str("sync.WaitGroup"), WaiterCount: 1, Holders: []facts.Holder{}, WaitGroup: &facts.WaitGroupState{Counter: 2, Waiters: 1}},
			{ID: 4, Kind: facts.ResourceSyscall, WaiterCount: 1, Holders: []facts.Holder{}, Syscall: &facts.SyscallState{Number: facts.Some[int64](0), Name: str("read"), FD: facts.Some[int64](7)}},
			{ID: 5, Kind: facts.ResourceRWMutex, Type: str("sync.RWMutex"), WaiterCount: 1, Holders: []facts.Holder{{Goroutine: 120, Confidence: facts.ConfidencePossible, Reader: true}}, HoldersTotal: 5,
				Lock: &facts.LockState{Readers: 5, WriterWaits: true}},
		},
		ResourcesTotal: 40, Edges: []facts.WaitEdge{}, Cycles: []facts.WaitCycle{}, HeadBlockers: []facts.HeadBlocker{},
		Leaks: &facts.Leaks{Proven: 29, Likely: 1, NotProven: str("2 places of the heap are not in the core"), Groups: []facts.LeakGroup{
			{Verdict: facts.ConfidenceProven, Group: 1, Count: 29, GoidRanges: [][2]int64{{100, 120}, {130, 137}},
				Reason: "nothing that can run refers to the channel", RetainedBytes: bytesOf(9_000_000), StackBytes: 29 * 8192},
			{Verdict: facts.ConfidenceLikely, Group: 1, Count: 1, GoidRanges: [][2]int64{{138, 138}}, Reason: "only a variable that nobody uses refers to the channel",
				Path: []string{app + ".registry", "map[string]*" + app + ".Hub", app + ".Hub.done"}}}},
	}
	d.Completeness.Sections["waits"] = facts.Section{State: facts.SectionComplete}
	d.Findings = []facts.Finding{{Rule: "goroutine-leak", Fingerprint: "c3", Severity: facts.SeverityError, Confidence: facts.ConfidenceProven,
		Title: "29 leaked goroutines", Summary: "All are blocked at hub.go:143, sending; nobody left can receive.",
		Evidence:  []facts.Evidence{{Kind: "leak", Text: "29 unbuffered channels, each referenced only by its sender", Ref: "/waits/leaks/groups/0"}},
		NextSteps: []facts.NextStep{{Who: facts.WhoDeveloper, Action: "a capacity of 1, or a select with ctx.Done()."}}, DependsOn: []string{}}}
	return d
}
