package report_test

import (
	"fmt"

	"postmortem/analyzer/facts"
)

func bytesOf(n uint64) facts.Maybe[uint64] { return facts.Some(n) }

// leaked adds a heap in which a cache and goroutines keep nearly all.
func leaked(d *facts.Document) *facts.Document {
	d.Heap = leakedHeap()
	d.Completeness.UnknownTypeBytes = d.Heap.UnknownTypeBytes
	d.Completeness.Sections[facts.PartHeap] = facts.Section{State: facts.SectionComplete}
	return d
}

func leakedHeap() *facts.Heap {
	const cache, user = "map[string]*" + app + ".User", app + ".User"
	usersPath := []string{app + ".cache", app + ".Cache.users", cache}
	h := &facts.Heap{
		Arenas: []facts.Arena{{Address: 0xc000000000, ReservedBytes: 64 << 20, MappedBytes: bytesOf(64 << 20), InCoreBytes: 64 << 20},
			{Address: 0xc004000000, ReservedBytes: 64 << 20, MappedBytes: bytesOf(48 << 20), InCoreBytes: 40 << 20}},
		ArenasTotal: 2,
		Spans: facts.Spans{InUse: 9120, Free: facts.Some(17), ByClass: []facts.SpanClass{
			{Class: 0, Spans: 2, Objects: 2, Bytes: 12 << 20},
			{Class: 5, ObjectBytes: 48, Spans: 7000, Objects: 1_100_000, FreeSlots: 90_000, Bytes: 7000 * 8192, TailBytes: 7000 * 32, UnsweptSpans: 3},
			{Class: 2, ObjectBytes: 16, NoScan: true, Spans: 100, Objects: 51_000, FreeSlots: 200, Bytes: 100 * 8192},
		}},
		Objects: 1_151_002, ObjectBytes: 66_192_000,
		ReachableObjects: bytesOf(1_100_002), ReachableBytes: bytesOf(64_000_000), GarbageObjects: bytesOf(51_000), GarbageBytes: bytesOf(2_192_000),
		TypesTotal: 345, RootsTotal: 29, RetainedByGroupTotal: 2, DominatorsTotal: 1_000_000,
		RetainedByGroup: []facts.GroupRetained{{Group: 1, Bytes: 9_000_000, StackBytes: bytesOf(29 * 8192)}, {Group: 2, Bytes: 4096}},
		Accounting: []facts.AccountLine{{What: "reachable objects", Bytes: 64_000_000}, {What: "garbage objects", Bytes: 2_192_000},
			{What: "free slots", Bytes: 4_323_200}, {What: "stacks of goroutines", Bytes: 2 << 20}, {What: "not known to Go: C memory, mapped files", Bytes: 3 << 20}},
		Profiles: []facts.Profile{{Name: "heap", Rate: facts.Some[int64](524288), Records: 57, Objects: bytesOf(1_090_000), Bytes: bytesOf(63_100_000)},
			{Name: "mutex", Rate: facts.Some[int64](10), Records: 3, Events: bytesOf(412), DelayNS: facts.Some[int64](1_500_000_000)}, {Name: "block"}},
		MappedBytes: bytesOf(75_758_080),
		Pages: facts.Pages{InUseBytes: bytesOf(70 << 20), IdleBytes: bytesOf(3 << 20), ReleasedBytes: bytesOf(20 << 20), FreeRuns: facts.Some(17),
			LargestFreeBytes: bytesOf(1 << 20)},
		Stacks: facts.Stacks{Spans: facts.Some(40), Bytes: bytesOf(2 << 20), InUseBytes: bytesOf(1 << 20)},
		LargeObjects: facts.LargeObjects{Objects: 2, Bytes: 12 << 20, TopTotal: 2, Top: []facts.LargeObject{
			{Address: 0xc004000000, Type: str("[1048576]" + app + ".Entry"), Bytes: 8 << 20, Reachable: facts.Some(true)}, {Address: 0xc004800000, Bytes: 4 << 20}}},
		TinyBlocks: facts.Tally{Objects: 51_000, Bytes: 816_000},
		Marks: facts.Marks{Marked: &facts.Tally{Objects: 1_100_000, Bytes: 1}, Unmarked: &facts.Tally{Objects: 51_000, Bytes: 1},
			AllocatedSince: &facts.Tally{Objects: 2, Bytes: 1}, UnsweptSpans: facts.Some(3)},
		Books: facts.Books{SlotsByBits: 1_151_002, SlotsByAllocCount: bytesOf(1_151_002), SlotsByStatistics: bytesOf(1_151_002), BytesByBits: 66_192_000,
			BytesByStatistics: bytesOf(66_192_000), Agree: facts.Some(true)},
		ConservativeRoots: bytesOf(41), ConservativeFrames: bytesOf(3),
		TypedBytes: bytesOf(62_080_000), UnknownTypeBytes: bytesOf(1_920_000), TypeConflicts: bytesOf(7),
		Packages:      []facts.PackageRetained{{Name: app, RetainedBytes: 48_640_000}, {Name: "net/http", RetainedBytes: 81_920}},
		PackagesTotal: 2,
		Goroutines:    []facts.GoroutineRetained{{ID: 4121, RetainedBytes: 310_344}}, GoroutinesTotal: 38,
		Suspects: []facts.Suspect{
			{Kind: facts.SuspectGroup, Type: str("*" + user), Objects: 481_212, RetainedBytes: 48_640_000, Share: 0.76,
				AccumulationPoint: &facts.AccumulationPoint{Address: 0xc000123400, Type: str(cache)}, Path: usersPath, PathTotal: 3},
			{Kind: facts.SuspectDominator, Type: str("[1048576]" + app + ".Entry"), Objects: 1, RetainedBytes: 8 << 20, Share: 0.1311,
				AccumulationPoint: &facts.AccumulationPoint{Address: 0xc004000000, Type: str("[1048576]" + app + ".Entry")},
				Path:              []string{"g4121 net/http.(*conn).serve", app + ".ring", app + ".Ring.entries"}, PathTotal: 3},
		},
		Waste: &facts.Waste{
			DuplicateStrings: &facts.DuplicateStrings{Count: 12_345, Bytes: 401_000, Distinct: 321, TopTotal: 321,
				Top: []facts.DuplicateString{{Count: 5001, Bytes: 120_000, Length: 24}, {Count: 2, Bytes: 1, Length: 1}}},
			SpareSlices: &facts.SpareSlices{Count: 812, Bytes: 3_100_000, TopTotal: 812, Top: []facts.SpareSlice{
				{Address: 0xc004000000, Type: str("[1048576]" + app + ".Entry"), Length: 12, Capacity: 1_048_576, Bytes: 8<<20 - 96, Holder: str(app + ".Ring.entries")}}},
			SparseMaps: &facts.SparseMaps{Count: 1, Bytes: 70_000, TopTotal: 1, Top: []facts.SparseMap{
				{Address: 0xc000777000, Type: str(cache), Entries: 1, Capacity: 4096, Bytes: 70_000, Holder: str(app + ".Cache.old")}}},
			FinalizerOnly: &facts.Tally{Objects: 3, Bytes: 192},
		},
		AllocationSites: []facts.AllocationSite{{Frames: crashFrames(), FramesTotal: 4, Objects: 88, Bytes: 4224, RetainingPath: usersPath, RetainingPathTotal: 3},
			{Frames: park(), FramesTotal: 40, Objects: 1, Bytes: 1024}},
		AllocationSitesTotal: 12,
	}
	h.Types = append(h.Types, facts.TypeTotal{Name: str(user), Count: 481_212, Bytes: 23_098_176, RetainedBytes: bytesOf(48_600_000)},
		facts.TypeTotal{Name: str("string data"), Count: 481_000, Bytes: 15_392_000, RetainedBytes: bytesOf(15_392_000)}, facts.TypeTotal{Count: 40_000, Bytes: 1_920_000})
	for i := range 25 {
		h.Types = append(h.Types, facts.TypeTotal{Name: str(fmt.Sprintf("map[%s.Key%d]struct{ a, b *%s/pricing.Quote; of chan<- func(%s.User) error }", app, i, app, app)),
			Count: uint64(1000 - i), Bytes: uint64(64_000 - 64*i), RetainedBytes: bytesOf(uint64(128_000 - 64*i))})
		h.Dominators = append(h.Dominators, facts.Dominator{Address: facts.Word(0xc000123400 + 64*i), Type: str(cache), Bytes: 48, RetainedBytes: uint64(48_640_000 / (i + 1)),
			Path: append([]string{app + ".cache"}, make([]string, i)...), PathTotal: i + 1})
		for j := range i {
			h.Dominators[i].Path[j+1] = fmt.Sprintf("%s.Node.next[%d]", app, j)
		}
		h.Roots = append(h.Roots, facts.Root{Kind: facts.RootGlobal, Name: str(fmt.Sprintf("%s.cache%d", app, i)), RetainedBytes: bytesOf(uint64(40_000_000 >> i)), Address: facts.Some(facts.Word(0x9a0000 + i*8))})
	}
	h.Dominators[24].PathTotal = 1_000_000
	h.Roots = append(h.Roots, facts.Root{Kind: facts.RootGoroutine, Name: str("net/http.(*conn).serve"), Goroutine: facts.Some[int64](4121), RetainedBytes: bytesOf(310_344)},
		facts.Root{Kind: facts.RootFinalizer}, facts.Root{Kind: facts.RootOther, Address: facts.Some[facts.Word](0x9a0000)}, facts.Root{Kind: facts.RootThread, Name: str("thread 12")})
	return h
}

// halfHeap is what a small budget leaves: counts, and nothing of what holds what.
func halfHeap(d *facts.Document) *facts.Document {
	h := leakedHeap()
	d.Heap = &facts.Heap{Arenas: h.Arenas, ArenasTotal: 2, Spans: h.Spans, Objects: h.Objects, ObjectBytes: h.ObjectBytes, Pages: h.Pages,
		Books: facts.Books{SlotsByBits: 12, SlotsByAllocCount: bytesOf(13), Agree: facts.Some(false)}, Accounting: h.Accounting, MappedBytes: bytesOf(1 << 30)}
	d.Completeness.Sections[facts.PartHeap] = facts.Section{State: facts.SectionPartial, Why: str("out of --max-memory: what holds what is not known")}
	return d
}

// hostileHeap has text wherever text from memory can stand in the heap part.
func hostileHeap(s string) *facts.Heap {
	h := leakedHeap()
	h.Types[0].Name, h.Dominators[0].Type, h.Dominators[0].Path = str(s), str(s), []string{s, s, s, s}
	h.Suspects[0].Type, h.Suspects[0].Path, h.Suspects[0].AccumulationPoint.Type = str(s), []string{s, s}, str(s)
	h.Roots[0].Name, h.Packages[0].Name, h.LargeObjects.Top[0].Type = str(s), s, str(s)
	h.Waste.DuplicateStrings.Top[0].Value, h.Waste.SpareSlices.Top[0].Holder = str(s), str(s)
	h.Accounting[0].What, h.Profiles[0].Name, h.AllocationSites[0].RetainingPath = s, s, []string{s}
	h.Suspects[0].Share, h.Suspects[0].Kind, h.RetainedByGroup[1].Group = -1, facts.SuspectKind(s), -9
	return h
}
