package report_test

import (
	"fmt"
	"path"
	"strings"

	"postmortem/analyzer/facts"
)

// Documents of invented programs, one for each way to end, and hostile ones.

func str(s string) facts.Maybe[string] { return facts.Some(s) }

// frame builds a frame of module: "" is C code.
func frame(fn, module, source string, line int, pc facts.Word) *facts.Frame {
	f := &facts.Frame{Func: fn, PC: facts.Some(pc), StaticPC: facts.Some(pc), Trust: facts.TrustPclntab}
	if module == "" {
		f.Trust, f.StaticPC = facts.TrustCgo, facts.Maybe[facts.Word]{}
		return f
	}
	dir := "/src/" + path.Base(module) + "/"
	if module == "std" {
		dir = "/usr/local/go/src/"
	}
	f.Module, f.Source, f.File, f.Line = str(module), str(source), str(dir+source), facts.Some(line)
	f.InApp = strings.HasPrefix(module, "example.com/")
	return f
}

const app = "example.com/orders"

func park() []*facts.Frame {
	return []*facts.Frame{
		frame("runtime.gopark", "std", "runtime/proc.go", 435, 0x43f0ce),
		frame("runtime.netpollblock", "std", "runtime/netpoll.go", 575, 0x438577),
	}
}

func handlerFrames(fn string, line int) []*facts.Frame {
	return append(park(),
		frame("database/sql.(*Tx).ExecContext", "std", "database/sql/sql.go", 2488, 0x5a1c11),
		frame(app+".(*Server)."+fn, app, "create.go", line, 0x6b70d2),
		frame("net/http.HandlerFunc.ServeHTTP", "std", "net/http/server.go", 2322, 0x5f3a49),
		frame(app+".withLog.func1", app, "log.go", 31, 0x6b2a11),
		frame("net/http.HandlerFunc.ServeHTTP", "std", "net/http/server.go", 2322, 0x5f3a49),
		frame("net/http.serverHandler.ServeHTTP", "std", "net/http/server.go", 3340, 0x5f5e0e),
		frame("net/http.(*conn).serve", "std", "net/http/server.go", 2109, 0x5f2d05),
		frame("runtime.goexit", "std", "runtime/asm_amd64.s", 1774, 0x476961),
	)
}

func base() *facts.Document {
	return &facts.Document{
		Schema:  facts.Schema,
		Tool:    facts.Tool{Version: "v0.1.0", Commit: str("0123456789ab")},
		Context: map[string]string{},
		Target: facts.Target{
			GoVersion: str("go1.26.8"), GOOS: str("linux"), GOARCH: str("amd64"),
			MainModule:  &facts.Module{Path: app, Version: str("v1.42.0")},
			MainPackage: str(app + "/cmd/orders"),
			VCSRevision: str("9f3c2abd00112233445566778899aabbccddeeff"), VCSModified: facts.Some(false),
			BuildSettings: map[string]string{"-trimpath": "true", "CGO_ENABLED": "0"},
			Deps:          []facts.Module{{Path: "github.com/spf13/pflag", Version: str("v1.0.10")}},
			Binary: &facts.Binary{Name: "orders", BuildID: str("5d0e77aa01c1"), GoBuildID: str("abc/def/ghi/jkl"),
				LoadBias: facts.Some[facts.Word](0), HasSymtab: true, HasDWARF: true},
			Core: &facts.Core{Name: "core.4711", Producer: facts.ProducerKernel, Compression: "zstd",
				FileBytes: facts.Some[uint64](3 << 20), MemoryBytes: facts.Some[uint64](143 << 20)},
			Process:    &facts.Process{PID: facts.Some(4711), Comm: str("orders"), Threads: facts.Some(12)},
			InstanceID: str("4e0b0a9d"),
			Time: facts.Time{Started: str("2026-11-19T23:29:00Z"), LastSeen: str("2026-11-20T02:41:07.123456789Z"),
				UptimeNS: facts.Some[int64](11_527_000_000_000), Basis: str("sched.lastpoll")},
		},
		Completeness: facts.Completeness{
			Symbols: facts.SymbolsDWARF, Core: facts.CoreWhole, Identity: facts.IdentityVerified,
			MissingBytes: facts.Some[uint64](0), UnreadableGoroutines: facts.Some(0),
			Sections: map[string]facts.Section{
				facts.PartCrash: {State: facts.SectionComplete}, facts.PartGoroutines: {State: facts.SectionComplete},
				facts.PartThreads: {State: facts.SectionComplete}, facts.PartScheduler: {State: facts.SectionComplete},
				facts.PartGC: {State: facts.SectionComplete}, facts.PartTarget: {State: facts.SectionComplete},
			},
			Gaps: []facts.Gap{},
		},
		Goroutines: goroutines(),
		Threads: []facts.Thread{
			{TID: 16, State: facts.ThreadFutex, Signal: facts.Some(0), M: facts.Some[int64](0),
				Frames: []*facts.Frame{frame("runtime.futex", "std", "runtime/sys_linux_amd64.s", 558, 0x478a03)}},
			{TID: 17, State: facts.ThreadGo, Signal: facts.Some(6), M: facts.Some[int64](3), Goroutine: facts.Some[int64](4121),
				Registers:        map[string]facts.Word{"rip": 0x6b1c40, "rsp": 0xc000111000, "rax": 0, "rbx": 0x18},
				RegistersOf:      facts.RegistersAtSignal,
				InstructionBytes: str("488b4018"),
				Frames:           []*facts.Frame{frame("runtime.raise", "std", "runtime/sys_linux_amd64.s", 154, 0x478201)}},
		},
		Scheduler: &facts.Scheduler{GOMAXPROCS: facts.Some(2), Ms: facts.Some(12), IdleMs: facts.Some(8), SpinningMs: facts.Some(0),
			RunQueue: facts.Some(1), PerP: []facts.P{
				{ID: 0, Status: str("running"), RunQueue: facts.Some(3), M: facts.Some[int64](3)},
				{ID: 1, Status: str("idle"), RunQueue: facts.Some(0)}}},
		GC: &facts.GC{Phase: str("off"), Cycles: facts.Some[int64](88),
			StopTheWorld:  facts.StopTheWorld{InProgress: facts.Some(false), WaitingFor: []facts.NotStopped{}},
			HeapLiveBytes: facts.Some[uint64](97<<20 + 3<<18), HeapGoalBytes: facts.Some[uint64](190 << 20), GOGC: facts.Some[int64](100),
			MemoryLimit: facts.MemoryLimit{Set: facts.Some(false)},
			Pauses:      facts.Pauses{Count: facts.Some[int64](176), LastNS: facts.Some[int64](41_000), P50NS: facts.Some[int64](38_500), P95NS: facts.Some[int64](120_999), MaxNS: facts.Some[int64](2_345_678)},
			LastGCAgeNS: facts.Some[int64](61_000_000_000), CPULimiter: facts.Some(false)},
	}
}

// goroutines are 38 of the program, one of them running, and 2 of the runtime.
func goroutines() *facts.Goroutines {
	serve := &facts.Site{Func: "net/http.(*Server).Serve", File: str("/usr/local/go/src/net/http/server.go"), Line: facts.Some(3493)}
	create := &facts.Site{Func: app + ".(*Server).Create", File: str("/src/orders/publish.go"), Line: facts.Some(131)}
	rollback := []facts.Defer{{Func: app + ".(*Tx).Rollback", File: str("/src/orders/create.go"), Line: facts.Some(49), Count: 29, InApp: true}}
	g := &facts.Goroutines{
		Total: 40, User: 38, System: 2,
		ByStatus:     map[facts.Status]int{facts.StatusWaiting: 39, facts.StatusRunning: 1},
		ByWaitReason: map[string]int{"IO wait": 37, "GC worker (idle)": 2},
		ByQuadrant:   map[facts.Quadrant]int{facts.QuadrantNetpoll: 37, facts.QuadrantGC: 2, facts.QuadrantRunning: 1},
		Groups: []facts.Group{
			{ID: 1, Fingerprint: "a1", Count: 29, Status: facts.StatusWaiting, WaitReason: str("IO wait"), Quadrant: facts.QuadrantNetpoll,
				GoidRanges:      [][2]int64{{100, 120}, {130, 137}},
				WaitedAtLeastNS: facts.WaitSpread{Min: facts.Some[int64](1_500_000_000), Median: facts.Some[int64](2e9), Max: facts.Some[int64](380e9), Unknown: 4},
				CreatedBy:       serve, LabelKeys: []string{"request_id"}, PendingDefers: rollback, Frames: handlerFrames("Create", 57)},
			{ID: 2, Fingerprint: "a2", Count: 8, Status: facts.StatusWaiting, WaitReason: str("IO wait"), Quadrant: facts.QuadrantNetpoll,
				GoidRanges: [][2]int64{{200, 207}}, WaitedAtLeastNS: facts.WaitSpread{Unknown: 8},
				CreatedBy: serve, LabelKeys: []string{}, PendingDefers: []facts.Defer{}, Frames: handlerFrames("Get", 77)},
			{ID: 3, Fingerprint: "a3", Count: 2, Status: facts.StatusWaiting, WaitReason: str("GC worker (idle)"), Quadrant: facts.QuadrantGC, System: true,
				GoidRanges: [][2]int64{{4, 5}}, WaitedAtLeastNS: facts.WaitSpread{Unknown: 2}, LabelKeys: []string{}, PendingDefers: []facts.Defer{},
				Frames: []*facts.Frame{frame("runtime.gopark", "std", "runtime/proc.go", 435, 0x43f0ce), frame("runtime.gcBgMarkWorker", "std", "runtime/mgc.go", 1423, 0x41f6e5)}},
			{ID: 4, Fingerprint: "a4", Count: 1, Status: facts.StatusRunning, Quadrant: facts.QuadrantRunning,
				GoidRanges: [][2]int64{{4121, 4121}}, WaitedAtLeastNS: facts.WaitSpread{Unknown: 1},
				CreatedBy: create, LabelKeys: []string{"request_id"}, PendingDefers: []facts.Defer{}, Frames: crashFrames()},
		},
	}
	add := func(id int64, group int) {
		e := facts.Goroutine{ID: id, Group: group, Parent: facts.Some[int64](1), Labels: map[string]*string{},
			Start: &facts.Site{Func: "net/http.(*conn).serve", File: str("/usr/local/go/src/net/http/server.go"), Line: facts.Some(1900)}}
		switch group {
		case 1:
			e.Labels["request_id"] = nil
		case 4:
			e.Labels["request_id"], e.Thread, e.M, e.Parent = nil, facts.Some(17), facts.Some[int64](3), facts.Some[int64](4117)
		}
		g.List = append(g.List, e)
	}
	for _, id := range []int{3, 1, 2, 4} {
		for _, r := range g.Groups[id-1].GoidRanges {
			for i := r[0]; i <= r[1]; i++ {
				add(i, id)
			}
		}
	}
	return g
}

func crashFrames() []*facts.Frame {
	inlined := frame(app+".(*Server).publish", app, "publish.go", 57, 0x6b6a9f)
	inlined.Inlined = true
	return []*facts.Frame{
		frame(app+"/pricing.(*Quote).Apply", app, "pricing/quote.go", 88, 0x6b1c40),
		inlined,
		frame(app+".(*Server).Create.func1", app, "publish.go", 131, 0x6b71d2),
		frame("runtime.goexit", "std", "runtime/asm_amd64.s", 1774, 0x476961),
	}
}

func selfAbort() *facts.Signal {
	return &facts.Signal{Number: 6, Name: str("SIGABRT"), Code: facts.Some(-6), CodeName: str("SI_TKILL"),
		Sender: &facts.Sender{PID: facts.Some(4711), Who: facts.SenderSelf}, Source: str("NT_SIGINFO")}
}

func died(title string, class facts.Class, c *facts.Crash) *facts.Document {
	d := base()
	d.Crash = c
	d.Verdict = facts.Verdict{Class: class, Title: title, Severity: facts.SeverityCritical, Confidence: facts.ConfidenceProven,
		Signature: str("pm1:4be1c07a92d3"), ExitClass: facts.ExitClasses[class]}
	d.Signature = &facts.Signature{Scheme: facts.SignatureScheme, Fine: "4be1c07a92d3", Coarse: "77aa02b1c9e4", Basis: "crash",
		Frames: []string{app + "/pricing.(*Quote).Apply", app + ".(*Server).publish"}}
	return d
}

func panicked() *facts.Document {
	return died("orders died: nil pointer dereference in pricing.(*Quote).Apply", facts.ClassPanic, &facts.Crash{
		Kind: facts.CrashPanic, Message: str("runtime error: invalid memory address or nil pointer dereference"),
		Goroutine: facts.Some[int64](4121), Thread: facts.Some(17), Frames: crashFrames(),
		Values: []facts.FrameValues{
			{Func: app + ".(*Quote).Apply", File: str("/src/orders/pricing/quote.go"), Line: facts.Some(88), PC: 0x6b1c40,
				Arguments: []facts.Variable{{Name: "q", Type: "*pricing.Quote", Value: str("nil")}, {Name: "rate", Type: "float64", Unreadable: str("was in a register, which is lost")}},
				Locals:    []facts.Variable{{Name: "lines", Type: "[]pricing.Line", Value: str(`len 2 cap 4 [{SKU: "a|b"}, …1 more]`)}}},
			{Func: app + ".(*Server).publish", PC: 0x6b6a9f, Arguments: []facts.Variable{{Name: "s", Type: "*orders.Server", Unreadable: str("optimised away here")}}, Locals: []facts.Variable{}},
		},
		Signal: &facts.Signal{Number: 11, Name: str("SIGSEGV"), Code: facts.Some(1), CodeName: str("SEGV_MAPERR"), FaultAddress: facts.Some[facts.Word](0x18),
			PC: facts.Some[facts.Word](0x6b1c40), InstructionBytes: str("488b4018"), Instruction: str("MOVQ 0x18(AX), AX"),
			Sender: &facts.Sender{Who: facts.SenderKernel}, Source: str("g.sig")},
		DumpSignal:       selfAbort(),
		Panics:           []facts.Panic{{Message: str("runtime error: invalid memory address or nil pointer dereference"), Type: str("runtime.errorString")}},
		RuntimePrintTail: str(""),
	})
}

// waiters puts the program's goroutines at a channel.
func waiters(d *facts.Document, reason string, q facts.Quadrant) *facts.Document {
	recv := func(fn, src string, line int) []*facts.Frame {
		return []*facts.Frame{
			frame("runtime.gopark", "std", "runtime/proc.go", 435, 0x43f0ce),
			frame("runtime.chanrecv", "std", "runtime/chan.go", 667, 0x40d3a1),
			frame("runtime.chanrecv1", "std", "runtime/chan.go", 509, 0x40ce2b),
			frame(fn, app, src, line, 0x6b9000),
		}
	}
	gs := d.Goroutines.Groups
	for i := range 2 {
		gs[i].WaitReason, gs[i].Quadrant = str(reason), q
		gs[i].Frames = recv(fmt.Sprintf("%s/acct.(*Pool).work%d", app, i+1), "acct/pool.go", 33+i)
		gs[i].CreatedBy = &facts.Site{Func: app + "/acct.(*Pool).Start", File: str("/src/acct/pool.go"), Line: facts.Some(21)}
		gs[i].PendingDefers = []facts.Defer{{Func: "sync.(*Mutex).Unlock", File: str("/src/acct/pool.go"), Line: facts.Some(30), Count: gs[i].Count, InApp: true}}
	}
	d.Goroutines.ByQuadrant = map[facts.Quadrant]int{q: 37, facts.QuadrantGC: 2, facts.QuadrantRunning: 1}
	d.Goroutines.ByWaitReason = map[string]int{reason: 37, "GC worker (idle)": 2}
	return d
}

// documents lists the fixtures by name.
func documents() map[string]*facts.Document {
	docs := map[string]*facts.Document{"panic": panicked()}

	chain := died("orders died: panic while handling a panic", facts.ClassPanic, &facts.Crash{
		Kind: facts.CrashPanic, Message: str("second\nwith\ttwo lines"), Goroutine: facts.Some[int64](4121), Thread: facts.Some(17),
		Frames: crashFrames(), DumpSignal: selfAbort(),
		Panics: []facts.Panic{
			{Message: str("first"), Type: str("string"), Recovered: true},
			{Type: str("orders.secret")},
			{Message: str("second\nwith\ttwo lines"), Type: str("*errors.errorString")}},
	})
	docs["panic-chain"] = chain

	docs["fatal-map"] = died("orders died: concurrent map writes in orders.(*Cache).Put", facts.ClassFatal, &facts.Crash{
		Kind: facts.CrashFatal, Message: str("concurrent map writes"), Goroutine: facts.Some[int64](4121), Thread: facts.Some(17),
		Frames: crashFrames(), DumpSignal: selfAbort(), Panics: []facts.Panic{},
		RuntimePrintTail: str("fatal error: concurrent map writes\n"),
	})

	deep := died("orders died: stack overflow, main.f and main.g call each other", facts.ClassFatal, &facts.Crash{
		Kind: facts.CrashFatal, Message: str("stack overflow"), Goroutine: facts.Some[int64](4121), Thread: facts.Some(17),
		FramesElided: 22_369_211, Cycle: &facts.Cycle{Funcs: []string{app + ".f", app + ".g"}, Repeats: 11_184_705}, DumpSignal: selfAbort(), Panics: []facts.Panic{},
		RuntimePrintTail: str("runtime: goroutine stack exceeds 1000000000-byte limit\nfatal error: stack overflow"),
	})
	for i := range 200 {
		deep.Crash.Frames = append(deep.Crash.Frames, frame(app+"."+[]string{"f", "g"}[i%2], app, "deep.go", 10+i%2, facts.Word(0x6b0000+i%2)))
	}
	docs["fatal-stack"] = deep

	native := died("orders died: SIGSEGV in libvips.so.42+0x1f3a0", facts.ClassFault, &facts.Crash{
		Kind: facts.CrashSignal, Goroutine: facts.Some[int64](4121), Thread: facts.Some(17),
		Frames: append([]*facts.Frame{frame("libvips.so.42+0x1f3a0", "", "", 0, 0x7f0000123456),
			frame("runtime.cgocall", "std", "runtime/cgocall.go", 167, 0x47012a),
			frame(app+"/thumb._Cfunc_scale", app, "_cgo_gotypes.go", 88, 0x6b4400)}, crashFrames()[2:]...),
		Signal: &facts.Signal{Number: 11, Name: str("SIGSEGV"), Code: facts.Some(1), CodeName: str("SEGV_MAPERR"), FaultAddress: facts.Some[facts.Word](0x7f00dead0000),
			PC: facts.Some[facts.Word](0x6b1c40), InstructionBytes: str("488b00"),
			Sender: &facts.Sender{Who: facts.SenderKernel}, Source: str("signal context of thread 17")},
		DumpSignal: selfAbort(), Panics: []facts.Panic{}, RuntimePrintTail: str(""),
	})
	native.Threads[1].Frames = native.Crash.Frames
	docs["signal"] = native

	docs["signal-self"] = died("orders sent itself SIGSEGV", facts.ClassFault, &facts.Crash{
		Kind: facts.CrashSignal, Goroutine: facts.Some[int64](4121), Thread: facts.Some(17), Frames: crashFrames(),
		Signal: &facts.Signal{Number: 11, Name: str("SIGSEGV"), Code: facts.Some(0), CodeName: str("SI_USER"),
			Sender: &facts.Sender{PID: facts.Some(4711), Who: facts.SenderSelf}, Source: str("signal context of thread 17")},
		DumpSignal: selfAbort(), Panics: []facts.Panic{}, RuntimePrintTail: str(""),
	})

	docs["deadlock"] = waiters(died("orders deadlocked: all goroutines are asleep", facts.ClassDeadlock, &facts.Crash{
		Kind: facts.CrashDeadlock, Message: str("all goroutines are asleep - deadlock!"), Frames: []*facts.Frame{}, DumpSignal: selfAbort(), Panics: []facts.Panic{},
		RuntimePrintTail: str("fatal error: all goroutines are asleep - deadlock!\n"),
	}), "chan receive", facts.QuadrantChannel)

	oom := died("orders ran out of memory: live heap 3.9 GiB", facts.ClassOutOfMemory, &facts.Crash{
		Kind: facts.CrashOutOfMemory, Message: str("runtime: cannot allocate memory"), Goroutine: facts.Some[int64](4121), Thread: facts.Some(17), Frames: crashFrames(),
		DumpSignal: selfAbort(), Panics: []facts.Panic{}, RuntimePrintTail: str("runtime: out of memory: cannot allocate 4194304-byte block (4186308608 in use)\nfatal error: out of memory"),
	})
	oom.GC.HeapLiveBytes, oom.GC.MemoryLimit = facts.Some[uint64](4187593113), facts.MemoryLimit{Set: facts.Some(true), Bytes: facts.Some[uint64](4 << 30)}
	oom.GC.CPULimiter = facts.Some(true)
	docs["out-of-memory"] = oom

	abort := waiters(died("orders was ended by SIGABRT: 29 goroutines wait in acct.(*Pool).work1", facts.ClassAborted, &facts.Crash{
		Kind: facts.CrashAbortRequest, Goroutine: facts.Some[int64](4121), Thread: facts.Some(17), Frames: crashFrames(),
		Signal: &facts.Signal{Number: 6, Name: str("SIGABRT"), Code: facts.Some(0), CodeName: str("SI_USER"),
			Sender: &facts.Sender{PID: facts.Some(3921), Who: facts.SenderOther}, Source: str("signal context of thread 17")},
		DumpSignal: selfAbort(), Panics: []facts.Panic{}, RuntimePrintTail: str(""),
	}), "sync.Mutex.Lock", facts.QuadrantLock)
	abort.Verdict.Confidence = facts.ConfidenceLikely
	abort.Threads[1].Frames = crashFrames()
	docs["abort-request"] = abort

	docs["abort-self"] = died("orders aborted itself in libvips.so.42+0x99", facts.ClassFault, &facts.Crash{
		Kind: facts.CrashAbortSelf, Goroutine: facts.Some[int64](4121), Thread: facts.Some(17),
		Frames: append([]*facts.Frame{frame("libc.so.6+0x8a2c1", "", "", 0, 0x7f0000123456)}, crashFrames()[2:]...),
		Signal: selfAbort(), DumpSignal: selfAbort(), Panics: []facts.Panic{}, RuntimePrintTail: str(""),
	})

	docs["snapshot"] = snapshot()

	docs["unknown"] = unknownDoc()
	docs["hostile"] = hostile()
	docs["empty"] = &facts.Document{Schema: facts.Schema}
	docs["many-groups"] = manyGroups(45)
	docs["heap-half"] = halfHeap(died("orders ran out of memory: live heap 63 MiB", facts.ClassOutOfMemory, docs["out-of-memory"].Crash))
	docs["heap-leak"] = leaked(snapshot())
	docs["hang"] = hung()
	docs["goroutine-leak"] = leaking()
	docs["hostile"].Heap = hostileHeap(nasty)
	docs["panic"].Completeness.Sections[facts.PartHeap] = facts.Section{State: facts.SectionSkipped, Why: str("--no-heap")}
	return docs
}

// snapshot is of a process that lived on.
func snapshot() *facts.Document {
	snap := waiters(died("orders was alive: 29 goroutines wait in acct.(*Pool).work1", facts.ClassSnapshot, &facts.Crash{
		Kind: facts.CrashSnapshot, Frames: []*facts.Frame{}, Panics: []facts.Panic{}, RuntimePrintTail: str(""),
	}), "select", facts.QuadrantChannel)
	snap.Verdict.Severity, snap.Target.Core.Producer = facts.SeverityInfo, facts.ProducerGcore
	snap.Verdict.Signature, snap.Signature = facts.Maybe[string]{}, nil
	return snap
}

// unknownDoc is of a core cut short, with a binary that is not its own.
func unknownDoc() *facts.Document {
	d := died("orders ended for an unknown reason", facts.ClassUnknown, &facts.Crash{Kind: facts.CrashUnknown, Frames: []*facts.Frame{}})
	d.Verdict.Severity, d.Verdict.Confidence = facts.SeverityWarning, facts.ConfidencePossible
	d.Signature, d.Verdict.Signature = nil, facts.Maybe[string]{}
	d.Goroutines, d.GC, d.Threads = nil, nil, nil
	d.Target.Time = facts.Time{}
	c := &d.Completeness
	c.Core, c.Identity, c.MissingBytes, c.UnreadableGoroutines = facts.CoreCut, facts.IdentityMismatchForced, facts.Some[uint64](77<<20), facts.Maybe[int]{}
	c.Sections[facts.PartGoroutines] = facts.Section{State: facts.SectionAbsent, Why: str("runtime.allgs lies in the part that is missing")}
	c.Sections[facts.PartGC] = facts.Section{State: facts.SectionSkipped, Why: str("out of time")}
	c.Sections[facts.PartThreads] = facts.Section{State: facts.SectionAbsent, Why: str("the core has no thread notes")}
	c.Gaps = []facts.Gap{{What: "memory behind the end of the file", Address: facts.Some[facts.Word](0xc000400000), Bytes: facts.Some[uint64](77 << 20), Effect: "goroutines and the heap are missing"}}
	c.GapsTotal = 1
	d.Context = map[string]string{"incident": "INC-42", "host": "web|3"}
	return d
}

// nasty holds what breaks tables, fences, terminals and HTML.
const nasty = "a|b `c` ```d``` <script>alert(1)</script> [x](http://y) *e* _f_ ~~g~~ \\| \x1b[31mred\x07\u202eevil\xff\r\n# head\n- item\n| t | u |\n|---|---|\n---\n&lt; $1$ 1. z\u2028end\U000e0001"

// hostile has nasty text wherever text from memory can stand.
func hostile() *facts.Document {
	d := died(nasty, facts.ClassPanic, &facts.Crash{
		Kind: facts.CrashPanic, Message: str(nasty), Goroutine: facts.Some[int64](4121), Thread: facts.Some(17), Frames: crashFrames(),
		DumpSignal: selfAbort(), Panics: []facts.Panic{{Message: str(nasty), Type: str(nasty)}}, RuntimePrintTail: str(nasty),
	})
	d.Crash.Frames[0].Func, d.Crash.Frames[0].Source = nasty, str(nasty)
	d.Target.MainModule = &facts.Module{Path: nasty, Version: str(nasty)}
	d.Target.Process.Comm, d.Target.VCSRevision = str(nasty), str(nasty)
	d.Target.BuildSettings[nasty] = nasty
	d.Target.Binary.Name, d.Target.Core.Name = nasty, nasty
	d.Context[nasty] = nasty
	g := d.Goroutines
	g.Groups[0].WaitReason, g.Groups[0].LabelKeys = str(nasty), []string{nasty}
	g.Groups[0].Frames[3].Func = nasty
	g.Groups[0].CreatedBy = &facts.Site{Func: nasty, File: str(nasty), Line: facts.Some(-1)}
	g.Groups[0].PendingDefers = []facts.Defer{{Func: nasty, File: str(nasty), Count: -3}}
	g.Groups = append(g.Groups, facts.Group{ID: 2, Count: -7, Frames: []*facts.Frame{nil}, GoidRanges: [][2]int64{{9, 1}}, FramesElided: -1})
	g.List[len(g.List)-1].Labels[nasty] = nil
	d.Threads = append(d.Threads, facts.Thread{TID: -1, State: nasty, Frames: []*facts.Frame{nil}})
	d.Threads[1].Registers[nasty] = 1
	d.Threads[1].Frames = d.Crash.Frames
	d.Completeness.Sections[nasty] = facts.Section{State: nasty, Why: str(nasty)}
	d.Waits = leaking().Waits
	for i := range d.Waits.Resources {
		r := &d.Waits.Resources[i]
		r.Type, r.Name, r.Kind = str(nasty), str(nasty), facts.ResourceKind(nasty)
	}
	d.Waits.Cycles = []facts.WaitCycle{{Goroutines: []int64{-1, 4121}, Resources: []int{99, 1}, Confidence: nasty, Legs: []string{nasty}, Knot: [][2]int64{{9, 1}}, Behind: -1}, {}}
	d.Waits.HeadBlockers = []facts.HeadBlocker{{Goroutine: -1, Resources: []int{1, -5}, Confidence: nasty}}
	d.Waits.Leaks.Groups[1].Reason, d.Waits.Leaks.Groups[1].Path = nasty, []string{nasty, nasty}
	d.Findings = []facts.Finding{{Rule: nasty, Severity: nasty, Confidence: nasty, Title: nasty, Summary: nasty, Evidence: []facts.Evidence{{Kind: nasty, Text: nasty, Ref: nasty}},
		NextSteps: []facts.NextStep{{Who: nasty, Action: nasty}}, DependsOn: []string{nasty}}, {Title: nasty, Summary: nasty}}
	d.Verdict.Finding = facts.Some(7)
	d.Completeness.Gaps = append(d.Completeness.Gaps, facts.Gap{What: nasty, Effect: nasty})
	d.Completeness.GapsTotal = 1
	return d
}

// manyGroups has n groups of the program with one goroutine each.
func manyGroups(n int) *facts.Document {
	d := panicked()
	g := d.Goroutines
	g.Groups, g.List = nil, nil
	shared := crashFrames()
	start := &facts.Site{Func: app + ".run"}
	labels := map[string]*string{}
	for i := range n {
		g.Groups = append(g.Groups, facts.Group{ID: i + 1, Fingerprint: fmt.Sprint(i), Count: 1, Status: facts.StatusRunnable, Quadrant: facts.QuadrantRunnable,
			GoidRanges: [][2]int64{{int64(i + 1), int64(i + 1)}}, LabelKeys: []string{}, PendingDefers: []facts.Defer{}, Frames: shared})
		g.List = append(g.List, facts.Goroutine{ID: int64(i + 1), Group: i + 1, Start: start, Labels: labels})
	}
	g.Total, g.User, g.System = n, n, 0
	g.ByStatus, g.ByQuadrant, g.ByWaitReason = map[facts.Status]int{facts.StatusRunnable: n}, map[facts.Quadrant]int{facts.QuadrantRunnable: n}, map[string]int{}
	return d
}
