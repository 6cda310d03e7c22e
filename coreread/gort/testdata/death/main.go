// Death dies in the way that its argument names, with goroutines whose deferred
// calls and labels its source tells.
package main

import (
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) != 2 {
		println("usage: death SCENARIO")
		os.Exit(2)
	}
	park()
	switch os.Args[1] {
	case "values":
		chain(values())
	case "faults":
		chain(faults())
	case "floats":
		chain(floats())
	case "goexit":
		go goexit()
	case "between":
		go goexitBetween()
	case "repanic":
		repanic()
	case "twice":
		twice()
	case "recovered-fault":
		recoveredFault()
	case "error-panics":
		panic(faulty{})
	case "fatal-in-defer":
		defer unlock()
		panic("before the fatal error")
	case "printed":
		println("fatal error: only printed")
		for i := 0; i < 100; i++ {
			println("line", i)
		}
		println("fatal error: printed too")
		unlock()
	case "breakpoint":
		runtime.Breakpoint()
	case "quit":
		syscall.Kill(os.Getpid(), syscall.SIGQUIT)
	}
	time.Sleep(time.Hour)
}

func unlock() {
	var mu sync.Mutex
	mu.Unlock()
}

// goexit panics while the goroutine ends.
func goexit() {
	defer func() { panic("while it ended") }()
	runtime.Goexit()
}

// goexitBetween ends the goroutine in a panic, and panics again.
func goexitBetween() {
	defer func() { panic("the second") }()
	defer runtime.Goexit()
	panic("the first")
}

// repanic dies of an error that two deferred calls have recovered and raised again.
func repanic() {
	defer func() { panic(recover()) }()
	defer func() { panic(recover()) }()
	raise(&failure{"raised again"})
}

//go:noinline
func raise(v any) { panic(v) }

// twice raises one value twice without recovering it.
func twice() {
	v := &failure{"raised twice"}
	defer func() { panic(v) }()
	panic(v)
}

// recoveredFault dies of a fault, and recovers another panic on the way.
func recoveredFault() {
	defer func() { attempt(func() { panic("recovered") }) }()
	var p *point
	p.X = 1
}

// attempt returns what f panics with.
func attempt(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

// chain panics with every value, each in a deferred call of the one after it.
func chain(vals []any) {
	if len(vals) == 0 {
		panic("the innermost")
	}
	defer func() { panic(vals[0]) }()
	chain(vals[1:])
}
