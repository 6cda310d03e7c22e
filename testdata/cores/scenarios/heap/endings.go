package main

import (
	"os"
	"runtime"
	"syscall"

	"example.com/scenarios/truth"
)

type (
	queued        struct{ n [4]int }
	finalized     struct{ n [3]int }
	onlyFinalizer struct{ to *referent }
	referent      struct{ n [5]int }
	droppedBefore struct {
		next *droppedBefore
		n    [3]int
	}
	droppedAfter struct {
		next *droppedAfter
		n    [5]int
	}
	madeAfter   struct{ n [7]int }
	newAfter    struct{ n [9]int }
	droppedLate struct{ n [6]int }
	duringMark  struct{ b [1000]byte }
	largeDead   struct {
		p *madeAfter
		n [6000]int
	}
)

var (
	finalizeds [6]*finalized
	lateList   *droppedAfter
	keptAfter  [10]*newAfter
	during     [1000]*duringMark
	never      = make(chan struct{})
)

// queueFinalizers has the first finalizer not return, so that the others stay in the queue.
func queueFinalizers() {
	for i := 0; i < 9; i++ {
		runtime.SetFinalizer(new(queued), func(q *queued) {
			<-never
			runtime.KeepAlive(q)
		})
	}
	expect(live, "main.queued", 9)
	for i := range finalizeds {
		finalizeds[i] = new(finalized)
		runtime.SetFinalizer(finalizeds[i], func(*finalized) {})
	}
	expect(live, "main.finalized", 6)
	for i := 0; i < 50; i++ {
		lateList = &droppedAfter{next: lateList}
	}
}

// dropped makes garbage that a collection finds.
func dropped() {
	var l *droppedBefore
	for i := 0; i < 400; i++ {
		l = &droppedBefore{next: l}
		sink = l
	}
	sink = nil
	expect(garbage, "main.droppedBefore", 400)
}

// afterGC is what no collection has seen.
func afterGC() {
	lateList = nil
	expect(dead, "main.droppedAfter", 50)
	for i := 0; i < 35; i++ {
		sink = new(madeAfter)
	}
	expect(dead, "main.madeAfter", 35)
	sink = new(largeDead)
	expect(dead, "main.largeDead", 1)
	for i := range keptAfter {
		keptAfter[i] = new(newAfter)
	}
	expect(live, "main.newAfter", 10)
	for i := 0; i < 5; i++ {
		x := &onlyFinalizer{new(referent)}
		runtime.SetFinalizer(x, func(*onlyFinalizer) {})
	}
	expect(doomed, "main.onlyFinalizer", 5)
	expect(live, "main.referent", 5)
	versionedAfter()
	poolAfter()
	sink = nil
}

// marking says whether pointer writes go through the barrier, as they do from the start of marking to the end of its termination.
func marking() bool

// beforeSweep dies as soon as a collection has marked. It has but one P, so that little is swept meanwhile.
func beforeSweep() {
	startMarking()
	for marking() {
		runtime.Gosched()
	}
	abort()
}

// whileMarking dies while a collection marks, after having helped it with about half of its work.
func whileMarking() {
	expect(live, "main.duringMark", len(during)) // no collection may free what is made while it marks
	startMarking()
	for i := range during {
		during[i] = new(duringMark)
	}
	abort()
}

// startMarking returns as soon as a collection marks; no other goroutine runs until the caller lets it.
func startMarking() {
	expect(live, "main.droppedAfter", 50)
	settle()
	runtime.GOMAXPROCS(1)
	for i := 0; i < 300; i++ {
		sink = new(droppedLate)
	}
	sink = nil
	expect(unswept, "main.droppedLate", 300)
	truth.TellMore(os.Args[1], told())
	go runtime.GC()
	for !marking() {
		runtime.Gosched()
	}
}

// abort sends the signal to the very thread, which keeps its P until the end.
func abort() {
	runtime.LockOSThread()
	syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(syscall.Getpid()), uintptr(syscall.Gettid()), uintptr(syscall.SIGABRT))
	for {
	}
}
