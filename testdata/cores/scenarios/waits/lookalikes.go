package main

import "time"

// sleeper runs then in a goroutine after a long sleep.
//
//go:noinline
func sleeper(shape string, then func()) {
	spawn(func() {
		noteTimer("sleep", 0, nanotime(), int64(time.Hour), 0)
		wait(shape, live, "sleep")
		time.Sleep(time.Hour)
		then()
	})
}

func lookAlikes() {}
