// Strain is a process that has run out of something, or nearly: threads, room below its memory limit, or patience with a peer.
// It panics in that state, after having printed what it knows of itself.
package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"

	"example.com/scenarios/park"
	"example.com/scenarios/truth"
)

func main() {
	if len(os.Args) == 2 {
		switch os.Args[1] {
		case "threads":
			threads()
		case "limit":
			limit()
		case "peer":
			peer()
		}
	}
	fmt.Fprintln(os.Stderr, "usage: strain threads|limit|peer")
	os.Exit(2)
}

const readers = 1100

// threads has as many goroutines as readers wait in a system call, each on a thread of its own.
func threads() {
	var fd [2]int
	if err := syscall.Pipe(fd[:]); err != nil {
		panic(err)
	}
	for i := 0; i < readers; i++ {
		park.Go(func() { readPipe(fd[0]) })
	}
	park.Settle()
	truth.Tell("threads", map[string]string{"readers": strconv.Itoa(readers)})
	panic("many threads")
}

//go:noinline
func readPipe(fd int) {
	park.Ready()
	var b [1]byte
	syscall.Read(fd, b[:])
}

type entry struct {
	next *entry
	pad  [6]uintptr
}

var (
	entries *entry
	garbage []byte
)

// limit fills memory up to its limit with what stays alive, and works on: it is to be run with GOMEMLIMIT=16MiB, which is
// nearly what it keeps.
func limit() {
	const keep = 12 << 20
	for i := 0; i < keep/56; i++ {
		entries = &entry{next: entries}
	}
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		garbage = make([]byte, 1<<10)
	}
	truth.Tell("limit", map[string]string{"kept": strconv.Itoa(keep)})
	panic("at the limit")
}

const (
	asked  = 220
	ticked = 12000
)

var tickers []interface{}

// peer has asked goroutines wait for one address that never answers, and as many tickers as ticked that nobody stops.
func peer() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	for i := 0; i < asked; i++ {
		park.Go(func() { ask(l.Addr().String()) })
	}
	park.Settle()
	for i := 0; i < ticked; i++ {
		tickers = append(tickers, time.NewTicker(time.Hour))
	}
	truth.Tell("peer", map[string]string{"asked": strconv.Itoa(asked), "ticked": strconv.Itoa(ticked), "peer": l.Addr().String()})
	panic("nobody answers")
}

//go:noinline
func ask(address string) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		panic(err)
	}
	park.Ready()
	var b [1]byte
	c.Read(b[:])
}
