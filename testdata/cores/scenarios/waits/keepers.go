package main

import (
	"context"
	"net"
	"syscall"
	"time"
)

// keepers are goroutines that will wake, each of which has the only reference to a channel in a place of its own.
func keepers() {
	keptInSystemCall()
	keptByAcceptor()
	keptByPanic()
	keptByMethodValue()
	keptByContext()
	keptInBuffer()
	keptBesideField()
	keptBySemaphore()
}

func keptInSystemCall() {
	c := make(chan int)
	receiveOne("channel of a goroutine in a system call", live, c)
	spawn(func() {
		var fd [2]int
		must(syscall.Pipe(fd[:]))
		notePoll(poll{id: goid(), mode: "call", fd: uintptr(fd[0]), network: "pipe"})
		wait("system call, then send", live, "call")
		var b [1]byte
		n, err := syscall.Read(fd[0], b[:])
		println(n, err)
		c <- 1
	})
}

// keptByAcceptor are workers who wait for connections from one that accepts them.
func keptByAcceptor() {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	must(err)
	conns := make(chan net.Conn)
	for i := 0; i < 3; i++ {
		spawn(func() {
			wait("worker of an acceptor", live, "receive", receives(conns))
			for c := range conns {
				c.Close()
			}
		})
	}
	spawn(func() {
		notePoll(poll{id: goid(), mode: "read", fd: descriptor(l.(control)), network: "tcp", local: l.Addr().String()})
		wait("accept for workers", live, "read")
		for {
			c, err := l.Accept()
			must(err)
			conns <- c
		}
	})
}

// keptByPanic is the value of a panic whose deferred call sleeps.
func keptByPanic() {
	c := make(chan int)
	receiveOne("channel that is the value of a panic", live, c)
	spawn(func() { panicWith(c) })
}

//go:noinline
func panicWith(c chan int) {
	defer sleepThenRecover()
	panic(c)
}

func sleepThenRecover() {
	noteTimer("sleep", 0, nanotime(), int64(time.Hour), 0)
	wait("sleeps within a panic", live, "sleep")
	time.Sleep(time.Hour)
	recover().(chan int) <- 1
}

func keptByMethodValue() {
	h := &hub{events: make(chan event)}
	put := h.put
	spawn(func() {
		wait("channel behind a sleeper's method value", live, "receive", receives(h.events))
		h.take()
	})
	sleeper("keeps a method value", func() { put() })
}

func (h *hub) put() { h.events <- event{} }

func keptByContext() {
	c := make(chan int)
	ctx := context.WithValue(context.Background(), contextKey{}, c)
	receiveOne("channel in a sleeper's context", live, c)
	sleeper("keeps a context", func() { ctx.Value(contextKey{}).(chan int) <- 1 })
}

// keptInBuffer is a channel in the buffer of another.
func keptInBuffer() {
	c, mail := make(chan int), make(chan chan int, 2)
	mail <- c
	receiveOne("channel in a buffer that a sleeper will read", live, c)
	sleeper("will read a buffer", func() { <-mail <- 1 })
}

// keptBesideField is a lock that nobody will unlock, in an object of which a sleeper has another field.
func keptBesideField() {
	s := &store{name: "beside", rows: map[string]int{}}
	s.mu.Lock()
	noteLock("mutex", "main.store.mu", address(&s.mu), 0)
	spawn(func() {
		wait("lock in an object that a sleeper has another field of", blind, "lock", mutex(&s.mu))
		s.mu.Lock()
	})
	name := &s.name
	sleeper("has a field beside a lock", func() { println(*name) })
}

// keptBySemaphore is a channel of one who waits for a plain semaphore, whom the runtime takes for one that may wake.
func keptBySemaphore() {
	c := make(chan int)
	receiveOne("channel of a goroutine in a plain semaphore", blind, c)
	spawn(func() {
		s := new(uint32)
		wait("plain semaphore, then send", blind, "wait", target{kind: "semaphore", addr: address(s)})
		semacquire(s)
		c <- 1
	})
}

// sendLate is started last of all, when no processor is free for it, so that its channel is known only to what the
// scheduler keeps of it; should it run, it is busy.
//
//go:noinline
func sendLate(c chan int) {
	for spun[0] < 1<<62 {
	}
	c <- 1
}
