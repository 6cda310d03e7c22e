package main

import (
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// sleeper runs then in a goroutine after a long sleep.
//
//go:noinline
func sleeper(shape string, then func()) {
	spawn(func() {
		noteTimer("sleep", 0, nanotime(), int64(time.Hour), 0)
		wait(shape, live, "sleep")
		time.Sleep(time.Hour)
		then()
	})
}

// lookAlikes look leaked but are not, or not by what the runtime sees, and the other way round.
func lookAlikes() {
	spawn(signalWaiter)
	keptBySleeper()
	keptByDefers()
	noLongerNeeded()
	onlyAsNumber()
	keptByFinalizer()
	globals()
}

func signalWaiter() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	wait("signal waiter", live, "receive", receives(c))
	<-c
}

//go:noinline
func receiveOne(shape, verdict string, c chan int) {
	spawn(func() {
		wait(shape, verdict, "receive", receives(c))
		<-c
	})
}

type node struct {
	next *node
	c    chan int
}

// keptBySleeper are channels that a sleeper finds by every kind of reference.
func keptBySleeper() {
	inMap, inInterface, inClosure, inList, inside := make(chan int), make(chan int), make(chan int), make(chan int), make(chan int)
	m := map[string]chan int{"x": inMap}
	var i interface{} = inInterface
	f := func() { inClosure <- 1 }
	l := &node{next: &node{next: &node{c: inList}}}
	array := &[4]node{2: {c: inside}}
	interior := &array[2].c
	receiveOne("channel in a sleeper's map", live, inMap)
	receiveOne("channel in a sleeper's interface", live, inInterface)
	receiveOne("channel in a sleeper's closure", live, inClosure)
	receiveOne("channel in a sleeper's list", live, inList)
	receiveOne("channel behind a sleeper's interior pointer", live, inside)
	sleeper("keeps channels", func() {
		m["x"] <- 1
		i.(chan int) <- 1
		f()
		l.next.next.c <- 1
		*interior <- 1
	})
}

// keptByDefers are channels that only pending deferred calls of sleepers know.
func keptByDefers() {
	a, b := make(chan int), make(chan int)
	receiveOne("channel that a deferred call closes", live, a)
	spawn(func() { sleepThenClose(a) })
	receiveOne("channel that a deferred call made in a loop closes", live, b)
	spawn(func() { sleepThenCloseAll(b) })
}

//go:noinline
func sleepThenClose(c chan int) {
	defer close(c)
	noteTimer("sleep", 0, nanotime(), int64(time.Hour), 0)
	wait("sleeper with a deferred close", live, "sleep")
	time.Sleep(time.Hour)
}

//go:noinline
func sleepThenCloseAll(l ...chan int) {
	for _, c := range l {
		defer close(c)
	}
	noteTimer("sleep", 0, nanotime(), int64(time.Hour), 0)
	wait("sleeper with deferred closes made in a loop", live, "sleep")
	time.Sleep(time.Hour)
}

// noLongerNeeded is a channel in a sleeper's frame that no later instruction reads.
func noLongerNeeded() {
	spawn(func() {
		c := make(chan int)
		started.Add(1)
		go func() {
			wait("channel in a sleeper's variable that is no longer needed", leaked, "receive", receives(c))
			<-c
		}()
		noteTimer("sleep", 0, nanotime(), int64(time.Hour), 0)
		println2(c)
		wait("sleeper with a variable that is no longer needed", live, "sleep")
		time.Sleep(time.Hour)
	})
}

//go:noinline
func println2(c chan int) {
	if len(c) > 0 {
		println(len(c))
	}
}

var asNumber uintptr

// onlyAsNumber is a channel whose address a sleeper has as an integer.
func onlyAsNumber() {
	c := make(chan int)
	asNumber = channel(c)
	receiveOne("channel whose address is in an integer", leaked, c)
}

var pool sync.Pool

// pooled is a channel in a sync.Pool, which the second collection from now on empties.
//
//go:noinline
func pooled() {
	c := make(chan int)
	pool.Put(&node{c: c})
	receiveOne("channel in a sync.Pool", blind, c)
}

type finalized struct {
	next *finalized
	n    int
}

// keptByFinalizer is a channel that the finalizer of an object knows, which the waiting goroutine keeps.
func keptByFinalizer() {
	spawn(func() {
		c, object := make(chan int), &finalized{n: 1}
		runtime.SetFinalizer(object, func(*finalized) { close(c) })
		wait("channel in a finalizer", blind, "receive", receives(c))
		<-c
		runtime.KeepAlive(object)
	})
}

var (
	subscribers []chan int
	tree        *node
)

// globals are channels some steps behind a variable.
func globals() {
	for i := 0; i < 3; i++ {
		c := make(chan int)
		subscribers = append(subscribers, c)
		receiveOne("subscriber in a global slice", blind, c)
	}
	c := make(chan int)
	tree = &node{next: &node{c: c}}
	receiveOne("channel behind a global list", blind, c)
}
