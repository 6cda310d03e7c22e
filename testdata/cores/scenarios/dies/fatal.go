package main

import (
	"os"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"
	"unsafe"

	"example.com/scenarios/park"
	"example.com/scenarios/truth"
)

// deadlock ends with all goroutines asleep.
func deadlock() {
	var a, b sync.Mutex
	a.Lock()
	b.Lock()
	park.Go(func() { park.Ready(); a.Lock() })
	park.Go(func() { park.Ready(); b.Lock() })
	park.Settle()
	truth.Tell("deadlock", nil)
	park.Forever()
}

// mapWrites writes one map from several goroutines until the runtime sees it.
func mapWrites() {
	m := map[int]int{}
	truth.Tell("mapwrites", nil)
	for i := 0; i < 4; i++ {
		i := i
		go writeMap(m, i)
	}
	park.Forever()
}

//go:noinline
func writeMap(m map[int]int, i int) {
	for {
		m[i]++
	}
}

func unlockOfUnlocked() {
	truth.Tell("unlock", nil)
	var mu sync.Mutex
	mu.Unlock()
}

// overflow recurses without end, in a cycle of three, on a stack kept to 1 MiB.
func overflow() {
	debug.SetMaxStack(1 << 20)
	truth.Tell("overflow", map[string]string{"max_stack": strconv.Itoa(1 << 20)})
	park.Go(func() {
		park.Ready()
		ping(0)
	})
	park.Forever()
}

//go:noinline
func ping(n int) int { return pong(n+1) + 1 }

//go:noinline
func pong(n int) int { return tock(n+1, &[8]int{n}) + 2 }

//go:noinline
func tock(n int, a *[8]int) int { return ping(n+1) + a[n%8] }

// outOfMemory asks for more than the address space that it has left itself.
func outOfMemory() {
	lim := syscall.Rlimit{Cur: 1 << 30, Max: 1 << 30}
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &lim); err != nil {
		panic(err)
	}
	truth.Tell("oom", map[string]string{"asked": strconv.Itoa(2 << 30)})
	hoard(2 << 30)
}

//go:noinline
func hoard(n int) { keep = make([]byte, n) }

var keep []byte

// segv writes where nothing is: not a nil pointer, so that the runtime throws.
func segv() {
	truth.Tell("segv", map[string]string{"address": "0xdeadbeef000"})
	poke(0xdeadbeef000)
}

//go:noinline
func poke(addr uintptr) { *(*int)(wild(addr)) = 1 }

// wild makes a pointer of any number.
func wild(addr uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&addr)) }

// segvCopy faults in assembly, in memmove.
func segvCopy() {
	truth.Tell("segvcopy", nil)
	src := uintptr(0xdeadbeef000)
	copyFrom(make([]byte, 4096), src)
}

//go:noinline
func copyFrom(dst []byte, src uintptr) {
	copy(dst, (*[4096]byte)(wild(src))[:])
}

// selfAbort sends SIGABRT to its own process.
func selfAbort() {
	truth.Tell("selfabort", nil)
	syscall.Kill(os.Getpid(), syscall.SIGABRT)
	park.Forever()
}
