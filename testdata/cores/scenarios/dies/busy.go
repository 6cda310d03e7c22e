package main

import (
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"example.com/scenarios/park"
	"example.com/scenarios/truth"
)

var sink uint64

// busyLoop panics while the world is busy: other threads run on while it prints.
func busyLoop() {
	busy()
	truth.Tell("busyloop", nil)
	panic("busy")
}

// runaway panics while another thread runs a loop that cannot be preempted; it is to be run with GODEBUG=asyncpreemptoff=1.
func runaway() {
	truth.Tell("runaway", nil) // before the loop: it stops the world
	park.Go(tightLoop)
	park.Settle()
	panic("one runs on")
}

// busyWait is busy until a signal ends it.
func busyWait() {
	busy()
	truth.Tell("busywait", nil)
	park.Forever()
}

// busy starts more running goroutines than there are Ps, and blocked system calls.
func busy() {
	for i := 0; i < 2; i++ {
		park.Go(spin)
	}
	park.Go(readClock)
	park.Go(blockedRead)
	park.Go(func() {
		park.Ready()
		yielding()
	})
	park.Settle()
	time.Sleep(300 * time.Millisecond)
}

//go:noinline
func spin() {
	park.Ready()
	for {
		atomicAdd()
	}
}

func atomicAdd() { atomic.AddUint64(&sink, 1) }

// readClock is mostly in the vDSO.
func readClock() {
	park.Ready()
	for {
		if time.Now().IsZero() {
			return
		}
	}
}

func yielding() {
	for {
		runtime.Gosched()
	}
}

func blockedRead() {
	var fd [2]int
	if err := syscall.Pipe(fd[:]); err != nil {
		panic(err)
	}
	park.Ready()
	var b [1]byte
	syscall.Read(fd[0], b[:])
}

// stopTheWorldStall has a collection that waits for a loop without a preemption point; it is to be run with
// GODEBUG=asyncpreemptoff=1 and ended from outside.
func stopTheWorldStall() {
	truth.Tell("stwstall", nil)
	park.Go(tightLoop)
	park.Settle()
	go func() {
		time.Sleep(50 * time.Millisecond)
		os.Stdout.WriteString("ready\n")
		runtime.GC()
	}()
	park.Forever()
}

//go:noinline
func tightLoop() {
	park.Ready()
	for i := uint64(0); ; i++ {
		sink += i
	}
}

type tree struct{ left, right *tree }

func grow(depth int) *tree {
	if depth == 0 {
		return &tree{}
	}
	return &tree{grow(depth - 1), grow(depth - 1)}
}

// gcPhase collects all the time on a heap of some 32 KiB, and panics.
func gcPhase() {
	root := grow(10)
	for i := 0; i < 2; i++ {
		go func() {
			for {
				runtime.GC()
			}
		}()
	}
	go func() {
		for {
			root.left = grow(9)
		}
	}()
	time.Sleep(100 * time.Millisecond)
	truth.Tell("gcphase", nil)
	panic("collecting")
}

// manyGoroutines parks as many goroutines as its argument says, and waits.
func manyGoroutines() {
	n := 1000
	if len(os.Args) > 2 {
		n, _ = strconv.Atoi(os.Args[2])
	}
	for i := 0; i < n; i++ {
		park.Go(handle)
	}
	park.Settle()
	truth.Tell("manygoroutines", nil)
	park.Forever()
}

func handle() { receive() }

//go:noinline
func receive() {
	park.Ready()
	park.Forever()
}
