package main

import (
	"context"
	"fmt"
	"runtime/pprof"
	"strconv"
	"sync"
	"time"
)

// park starts the goroutines that the test looks at, and lets them stop. The
// marks at the ends of lines name the places that the test expects.
func park() {
	c := make(chan int)
	var mu sync.Mutex
	mu.Lock()
	go all(&mu, c)
	go some(c, false, &closer{})
	go deep(depth, c)
	go whilePanicking(c)
	go whileEnding(c)
	for _, n := range []int{1, 5, 8, 9, 20, 53, 60, 300} {
		go labelled(n, c)
	}
	time.Sleep(200 * time.Millisecond)
}

const depth = 300 // calls of deep

var count int

//go:noinline
func named() { count++ } // @named

//go:noinline
func counted(a, b int) { count += a + b }

type closer struct{ n int }

//go:noinline
func (c *closer) Close() error { c.n++; return nil }

// all has a deferred call of every kind pending.
//
//go:noinline
func all(mu *sync.Mutex, c chan int) {
	defer mu.Unlock()          // @unlock
	defer fmt.Println("never") // @println
	defer func() {             // @literal
		count++ // @in literal
	}()
	defer named()
	looped(c)
}

func looped(c chan int) {
	for i := 0; i < 3; i++ {
		defer counted(i, 2) // @looped
	}
	ranged(c)
}

// some has deferred one call of two, and one through an interface.
//
//go:noinline
func some(c chan int, yes bool, i interface{ Close() error }) {
	defer i.Close() // @interface
	if yes {
		defer fmt.Println("not deferred")
	}
	x := &closer{}
	defer x.Close() // @method
	<-c
	x.n += 2
}

// deep has more frames than a report keeps.
//
//go:noinline
func deep(n int, c chan int) {
	defer counted(n, 1) // @deep
	if n == 0 {
		<-c
	}
	deep(n-1, c)
}

// whilePanicking hangs in the second of its deferred calls.
func whilePanicking(c chan int) {
	defer named()
	defer func() {
		defer counted(7, 7) // @hangs
		<-c
	}()
	defer func() { count++ }()
	panic("hangs in a deferred call")
}

// whileEnding hangs in the second of its deferred calls without a panic.
func whileEnding(c chan int) {
	for i := 0; i < 1; i++ {
		defer named()
		defer func() { <-c }()
		defer func() { count++ }()
	}
}

// labelled waits with n labels.
func labelled(n int, c chan int) {
	var l []string
	for i := 0; i < n; i++ {
		l = append(l, "key"+strconv.Itoa(i), strconv.Itoa(n)+" value"+strconv.Itoa(i))
	}
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels(l...)))
	<-c
}
