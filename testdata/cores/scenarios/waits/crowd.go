package main

import (
	"strconv"
	"sync"
	"time"

	"example.com/scenarios/truth"
)

// crowd starts n goroutines of few shapes, which are not noted one by one, and waits to be ended from outside: a fifth in
// one lock's queue behind a sleeper, a fifth in one channel's queue, a fifth in selects, a tenth behind a cond, and the others
// each with a channel of its own.
func crowd(n int) {
	var shared struct {
		mu   sync.Mutex
		cond *sync.Cond
		c    chan int
	}
	shared.cond, shared.c = sync.NewCond(new(sync.Mutex)), make(chan int)
	locked := make(chan struct{})
	go func() {
		shared.mu.Lock()
		defer shared.mu.Unlock()
		close(locked)
		time.Sleep(24 * time.Hour)
	}()
	<-locked
	counts := map[string]string{}
	start := func(shape string, n int, f func()) {
		counts[shape] = strconv.Itoa(n)
		for i := 0; i < n; i++ {
			go f()
		}
	}
	start("lock", n/5, func() {
		shared.mu.Lock()
		shared.mu.Unlock()
	})
	start("send", n/5, func() { shared.c <- 1 })
	start("select", n/5, func() {
		a, b := make(chan int), make(chan int)
		select {
		case <-a:
		case b <- 1:
		case shared.c <- 1:
		}
	})
	start("cond", n/10, func() {
		shared.cond.L.Lock()
		shared.cond.Wait()
	})
	start("receive", n-3*(n/5)-n/10, func() { <-make(chan int) })
	time.Sleep(time.Second + time.Duration(n)*20*time.Microsecond)
	truth.Tell("crowd", counts)
	untilSignal()
}
