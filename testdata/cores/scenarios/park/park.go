// Package park starts goroutines that wait in every way a Go program can. It is not a test of anything: each goroutine
// only stands still in a function whose name says where, so that a reader of the dead process can be asked for it.
package park

import (
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// never is a channel that nothing is ever sent on.
var never = make(chan struct{})

// started counts the goroutines that have reached their last line before waiting.
var started sync.WaitGroup

// Go runs f as a goroutine of its own and counts it among those that Settle waits for; f calls Ready before it waits.
func Go(f func()) {
	started.Add(1)
	go f()
}

// Ready says that the calling goroutine is about to wait.
func Ready() { started.Done() }

// Forever waits for something that does not happen.
//
//go:noinline
func Forever() { <-never }

// Settle returns when all goroutines started by Go have called Ready and have had time to fall asleep.
func Settle() {
	started.Wait()
	time.Sleep(100 * time.Millisecond)
}

// All starts one goroutine for each way to wait and returns when all of them do.
func All() {
	channels()
	locks()
	clocks()
	systemCalls()
	shapes()
	unwinding()
	Settle()
}

func channels() {
	Go(chanReceive)
	Go(chanSend)
	Go(chanReceiveNil)
	Go(chanSendNil)
	Go(selectTwo)
	Go(selectNone)
	Go(rangeChannel)
}

func chanReceive() {
	Ready()
	Forever()
}

func chanSend() {
	c := make(chan int)
	Ready()
	c <- 1
}

func chanReceiveNil() {
	var c chan string
	Ready()
	<-c
}

func chanSendNil() {
	var c chan string
	Ready()
	c <- "x"
}

func selectTwo() {
	a, b := make(chan int), make(chan string, 1)
	b <- "full"
	Ready()
	select {
	case v := <-a:
		println(v)
	case b <- "more":
	}
}

func selectNone() {
	Ready()
	select {}
}

func rangeChannel() {
	Ready()
	for range never {
	}
}

// guarded is what the lock scenarios fight over.
type guarded struct {
	mu   sync.Mutex
	rw   sync.RWMutex
	cond *sync.Cond
	wg   sync.WaitGroup
	once sync.Once
}

func locks() {
	g := new(guarded)
	g.cond = sync.NewCond(&sync.Mutex{})
	g.wg.Add(1)
	g.mu.Lock()
	g.rw.RLock()
	Go(g.waitMutex)
	Go(g.waitWriteLock)
	Go(g.waitCond)
	Go(g.waitGroup)
	Go(g.insideOnce)
	Settle()
	Go(g.waitReadLock) // behind the writer
	Go(g.waitOnce)
}

func (g *guarded) waitMutex() {
	Ready()
	g.mu.Lock()
	g.mu.Unlock()
}

func (g *guarded) waitWriteLock() {
	Ready()
	g.rw.Lock()
	g.rw.Unlock()
}

func (g *guarded) waitReadLock() {
	Ready()
	g.rw.RLock()
	g.rw.RUnlock()
}

func (g *guarded) waitCond() {
	g.cond.L.Lock()
	Ready()
	g.cond.Wait()
}

func (g *guarded) waitGroup() {
	Ready()
	g.wg.Wait()
}

func (g *guarded) insideOnce() {
	g.once.Do(func() {
		Ready()
		Forever()
	})
}

func (g *guarded) waitOnce() {
	Ready()
	g.once.Do(func() {})
}

func clocks() {
	Go(sleep)
	Go(ticking)
	Go(timerChannel)
	Go(timerSelect)
	started.Add(1)
	time.AfterFunc(time.Millisecond, afterFunc)
	time.AfterFunc(time.Hour, afterFunc)
}

func sleep() {
	Ready()
	time.Sleep(time.Hour)
}

func ticking() {
	t := time.NewTicker(10 * time.Minute)
	Ready()
	for range t.C {
	}
}

func timerChannel() {
	t := time.NewTimer(time.Hour)
	Ready()
	<-t.C
}

func timerSelect() {
	Ready()
	select {
	case <-time.After(2 * time.Hour):
	case <-never:
	}
}

func afterFunc() {
	Ready()
	Forever()
}

func systemCalls() {
	Go(pollRead)
	Go(pipeRead)
	Go(lockedThread)
}

// keep holds what must not be closed by a finalizer while a goroutine reads from its other end.
var keep []*os.File

// pollRead waits in the network poller.
func pollRead() {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	keep = append(keep, r, w)
	buf := make([]byte, 1)
	Ready()
	r.Read(buf)
}

// pipeRead holds a thread in a read system call.
func pipeRead() {
	var fd [2]int
	if err := syscall.Pipe(fd[:]); err != nil {
		panic(err)
	}
	buf := make([]byte, 1)
	Ready()
	syscall.Read(fd[0], buf)
}

func lockedThread() {
	runtime.LockOSThread()
	Ready()
	Forever()
}
