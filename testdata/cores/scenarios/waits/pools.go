package main

import (
	"sync"
	"time"
)

type job struct{ n int }

// pools are groups of workers.
func pools() {
	orphanedWorkers()
	idleWorkers()
	errgroup()
	pipeline()
}

// orphanedWorkers have had a producer that has gone without closing their channel.
func orphanedWorkers() {
	jobs := make(chan job, 4)
	for i := 0; i < 5; i++ {
		spawn(func() {
			wait("worker whose producer has gone", leaked, "receive", receives(jobs))
			for j := range jobs {
				println(j.n)
			}
		})
	}
}

// idleWorkers have a producer that sleeps.
func idleWorkers() {
	jobs := make(chan job)
	for i := 0; i < 5; i++ {
		spawn(func() {
			wait("idle worker", live, "receive", receives(jobs))
			for j := range jobs {
				println(j.n)
			}
		})
	}
	spawn(func() {
		noteTimer("sleep", 0, nanotime(), int64(time.Hour), 0)
		wait("producer of idle workers", live, "sleep")
		for i := 0; ; i++ {
			time.Sleep(time.Hour)
			jobs <- job{i}
		}
	})
}

// group is what golang.org/x/sync/errgroup has.
type group struct {
	wg   sync.WaitGroup
	once sync.Once
	sem  chan struct{}
	err  error
}

func (g *group) Go(f func() error) {
	g.sem <- struct{}{}
	g.wg.Add(1)
	go func() {
		defer func() {
			<-g.sem
			g.wg.Done()
		}()
		if err := f(); err != nil {
			g.once.Do(func() { g.err = err })
		}
	}()
}

func (g *group) Wait() error {
	g.wg.Wait()
	return g.err
}

// errgroup has a limit, members that wait for what comes only after Wait, and one member too many.
func errgroup() {
	g, results := &group{sem: make(chan struct{}, 2)}, make(chan int)
	started.Add(3)
	go func() {
		for i := 0; i < 2; i++ {
			g.Go(func() error {
				wait("member of an error group", leaked, "send", sendsTo(results))
				results <- 1
				return nil
			})
		}
		wait("one more than the limit of an error group", leaked, "send", sendsTo(g.sem))
		g.Go(func() error { return nil })
		close(results)
	}()
	started.Wait()
	spawn(func() {
		wait("wait for an error group", leaked, "wait", waitGroup(&g.wg))
		g.Wait()
	})
}

// pipeline has lost the reader of its last stage.
func pipeline() {
	first, second, third := make(chan int), make(chan int), make(chan int)
	spawn(func() {
		defer close(third)
		wait("last stage of a pipeline that nobody reads", leaked, "send", sendsTo(third))
		third <- 3
		for n := range second {
			third <- n
		}
	})
	spawn(func() {
		defer close(second)
		wait("second stage of a pipeline that nobody reads", leaked, "send", sendsTo(second))
		second <- 2
		for n := range first {
			second <- n
		}
	})
	spawn(func() {
		defer close(first)
		wait("first stage of a pipeline that nobody reads", leaked, "send", sendsTo(first))
		first <- 1
	})
}
