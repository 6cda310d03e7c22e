// Cgo is a process with goroutines in C, and in Go called from C, which ends in the way named by its argument.
package main

/*
#cgo CFLAGS: -O1 -g
#cgo LDFLAGS: -lpthread
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

extern void goPark(int);
extern void goCallC(int);
extern void goCrash(int);

static __attribute__((noinline)) int c_wait(int n) { for (;;) pause(); return n; }
static __attribute__((noinline)) int c_spin(volatile int *p) { while (!*p) ; return *p; }
static __attribute__((noinline)) void c_call_park(int n) { goPark(n); __asm__ volatile(""); }
static __attribute__((noinline)) void c_call_nested(int n) { goCallC(n); __asm__ volatile(""); }
static __attribute__((noinline)) void c_call_crash(int n) { goCrash(n); __asm__ volatile(""); }
static __attribute__((noinline)) int c_fault(int *p) { *p = 1; return *p; }
static __attribute__((noinline)) void c_abort(void) { abort(); }

// thread_wait takes no signals: a SIGQUIT that the runtime passes on would end the process there, in the middle of its print.
static void *thread_wait(void *p) {
	sigset_t all;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	c_wait(1);
	return p;
}
static void *thread_into_go(void *p) { goPark(4); return p; }
static void c_start(void *(*f)(void *)) {
	pthread_t t;
	pthread_attr_t a;
	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 256 << 10);
	pthread_create(&t, &a, f, NULL);
}
static void c_threads(void) { c_start(thread_wait); c_start(thread_into_go); }
*/
import "C"

import (
	"os"
	"time"
	"unsafe"

	"example.com/scenarios/park"
	"example.com/scenarios/truth"
)

func main() {
	if len(os.Args) != 2 {
		println("usage: cgo panic|wait|callback|segv|abort")
		os.Exit(2)
	}
	inC()
	switch os.Args[1] {
	case "panic":
		truth.Tell("panic", nil)
		panic("with goroutines in C")
	case "wait":
		truth.Tell("wait", nil)
		park.Forever()
	case "callback":
		C.c_call_crash(3)
	case "segv":
		truth.Tell("segv", map[string]string{"address": "0x1234"})
		address := uintptr(0x1234)
		C.c_fault(*(**C.int)(unsafe.Pointer(&address)))
	case "abort":
		truth.Tell("abort", nil)
		C.c_abort()
	}
}

// goPark waits in Go code that C has called.
//
//export goPark
func goPark(n C.int) {
	park.Ready()
	park.Forever()
}

// goCallC calls C, which calls Go, n levels deep.
//
//export goCallC
func goCallC(n C.int) {
	if n > 0 {
		C.c_call_nested(n - 1)
	}
	C.c_call_park(n)
}

// goCrash dies of a nil pointer in Go code that C has called.
//
//export goCrash
func goCrash(n C.int) {
	truth.Tell("callback", nil)
	down(int(n), nil)
}

//go:noinline
func down(n int, p *int) int {
	if n > 0 {
		return down(n-1, p) + 1
	}
	return *p
}

// inC has goroutines in C, in Go called from C, several levels of it, and threads that C made.
func inC() {
	park.Go(func() { park.Ready(); C.c_wait(7) })
	park.Go(func() { C.c_call_park(8) })
	park.Go(func() { C.c_call_nested(2) })
	park.Go(func() {
		park.Ready()
		var word C.int
		C.c_spin(&word)
	})
	park.Go(func() { C.c_threads(); park.Forever() }) // ready when the thread has called Go
	park.Settle()
	time.Sleep(200 * time.Millisecond)
}
