package main

// wantedTypes are the structs that readers of a core ask for, in any version.
// Structs inside them by value come along.
var wantedTypes = []string{
	// goroutines
	"runtime.g", "runtime.gobuf", "runtime.stack", "runtime.sudog", "runtime.waitq", "runtime._panic", "runtime._defer",
	"runtime.ancestorInfo", "runtime.coro", "runtime.gsignalStack",
	"runtime.synctestGroup", "runtime.synctestBubble",
	// threads and scheduler
	"runtime.m", "runtime.mPadded", "runtime.p", "runtime.schedt", "runtime.sysmontick", "runtime.mutex", "runtime.note",
	"runtime.libcall", "runtime.forcegcstate", "runtime.timeHistogram",
	// heap
	"runtime.mheap", "runtime.heapArena", "runtime.mspan", "runtime.mcache", "runtime.mcentral", "runtime.fixalloc",
	"runtime.spanInlineMarkBits", "runtime.arenaHint", "runtime.linearAlloc",
	"runtime.stackfreelist", "runtime.persistentAlloc", "runtime.lfnode", "runtime.workbuf", "runtime.workbufhdr", "runtime.wbBuf", "runtime.gcWork",
	"runtime.special", "runtime.specialfinalizer", "runtime.specialprofile", "runtime.specialReachable", "runtime.specialPinCounter",
	"runtime.specialWeakHandle", "runtime.specialCleanup", "runtime.specialCheckFinalizer", "runtime.specialTinyBlock",
	"runtime.specialBubble", "runtime.specialSecret",
	"runtime.finblock", "runtime.finBlock", "runtime.finalizer", "runtime.cleanupQueue", "runtime.cleanupBlock", "runtime.cleanupFn",
	// collector and statistics
	"runtime.workType", "runtime.gcControllerState", "runtime.gcCPULimiterState", "runtime.sweepdata", "runtime.activeSweep", "runtime.mstats",
	"runtime.consistentHeapStats", "runtime.heapStatsDelta", "runtime.cpuStats",
	// profiles and traces
	"runtime.bucket", "runtime.memRecord", "runtime.memRecordCycle", "runtime.blockRecord", "runtime.profBuf", "runtime.cpuProfile",
	"runtime.traceBuf", "runtime.traceBufHeader", "runtime.traceMap", "runtime.traceMapNode", "runtime.traceRegionAlloc",
	// waits
	"runtime.hchan", "runtime.scase", "runtime.semaRoot", "runtime.pollDesc", "runtime.pollCache", "runtime.timer", "runtime.timers",
	"runtime.timeTimer", "runtime.timerWhen", "runtime.notifyList",
	"sync.Mutex", "sync.RWMutex", "sync.WaitGroup", "sync.Cond", "sync.Once", "internal/sync.Mutex",
	"internal/poll.FD", "internal/poll.fdMutex", "internal/poll.pollDesc",
	// types and modules
	"runtime.moduledata", "runtime.itabTableType", "runtime.hmap", "runtime.mapextra", "internal/runtime/maps.Map", "internal/runtime/maps.table",
	"internal/runtime/maps.groupsReference", "internal/abi.SwissMapType", "internal/abi.OldMapType", "internal/abi.MapType",
}

// wantedVars are variables of an unnamed struct type, or arrays of one, with
// the name that the type gets: the one it has in other versions, else the
// variable's own. The element of an array gets "[]" after it.
var wantedVars = []struct{ name, as string }{
	{"runtime.work", "runtime.workType"},
	{"runtime.semtable", "runtime.semtable"},
	{"runtime.stackpool", "runtime.stackpool"},
	{"runtime.stackLarge", "runtime.stackLarge"},
	{"runtime.scavenge", "runtime.scavenge"},
	{"runtime.writeBarrier", "runtime.writeBarrier"},
	{"runtime.debug", "runtime.debug"},
	{"runtime.trace", "runtime.trace"},
	{"runtime.reflectOffs", "runtime.reflectOffs"},
	{"runtime.prof", "runtime.prof"},
	{"runtime.mProf", "runtime.mProf"},
	{"runtime.sig", "runtime.sig"},
	{"runtime.ticks", "runtime.ticks"},
}
