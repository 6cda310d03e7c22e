// Waits is a process with many goroutines, each of which waits in one of the classic shapes: leaks, deadlocks and what
// looks like them but is alive. Each is known by its shape, and by construction whether something may still wake it. The
// process ends by a nil pointer in one goroutine more, which tells before what is known.
package main

import (
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"example.com/scenarios/truth"
)

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	switch os.Args[1] {
	case "shapes", "unprofiled":
		shapes()
		untilSignal()
	case "selectmain":
		shapes()
		waitInSelect()
	case "crowd":
		n, err := strconv.Atoi(os.Args[len(os.Args)-1])
		if err != nil {
			usage()
		}
		crowd(n)
	default:
		usage()
	}
}

func usage() {
	println("usage: waits shapes|unprofiled|selectmain|crowd N")
	os.Exit(2)
}

// shapes starts everything, and the goroutine that will end it.
func shapes() {
	for i := 0; i < 3; i++ {
		spawn(spin)
	}
	channels()
	selects()
	primitives()
	held()
	cycles()
	named()
	contextsAndTimers()
	pools()
	lookAlikes()
	keepers()
	descriptors()
	coroutines()
	cleanups()
	go crash()
}

// untilSignal is how a server's main waits.
//
//go:noinline
func untilSignal() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	started.Add(1)
	wait("main until a signal", live, "receive", receives(stop))
	<-stop
}

// waitInSelect is main for good; a channel that only main has does not come to life by that.
//
//go:noinline
func waitInSelect() {
	c := make(chan int)
	defer close(c)
	receiveOne("receive from a channel that main in select {} would close", leaked, c)
	started.Add(1)
	wait("main in select {}", blind, "select-none")
	select {}
}

type account struct{ owner *struct{ name string } }

// crash lets all others fall asleep, tells, and dies.
func crash() {
	running("the one that dies", "run")
	time.Sleep(300 * time.Millisecond)
	pooled()
	late := make(chan int)
	receiveOne("channel of a goroutine that has not run yet", live, late)
	atomic.StoreInt32(&spinning, 1)
	time.Sleep(50 * time.Millisecond)
	var found []int64
	profiled := false
	if os.Args[1] != "unprofiled" {
		found, profiled = profile()
	}
	go sendLate(late)
	truth.TellMore(os.Args[1], told(profiled, found))
	println(nameOf(new(account)))
}

//go:noinline
func nameOf(a *account) string { return a.owner.name }

var (
	spinning int32
	spun     [8]uint64
)

// spin keeps a P busy, when told to. It has to be started before all others: the collector reads the frame of a loop
// that it has interrupted word by word, and would find what others have left on the stack.
func spin() {
	wait("busy loop", live, "run")
	for atomic.LoadInt32(&spinning) == 0 {
		time.Sleep(time.Millisecond)
	}
	for i := uint(0); ; i++ {
		spun[i%8]++
	}
}
