//go:build go1.23

package main

import "iter"

var (
	nextValue func() (int, bool)
	stopValue func()
)

// coroutines are goroutines that run only when asked for a value.
func coroutines() {
	c := make(chan int)
	receiveOne("channel of a coroutine", live, c)
	nextValue, stopValue = iter.Pull(func(yield func(int) bool) {
		started.Add(1)
		wait("coroutine", live, "coroutine")
		yield(1)
		c <- 1
	})
	nextValue()
}
