//go:build go1.24

package main

import (
	"runtime"
	"weak"
)

var weakly weak.Pointer[node]

// cleanups are channels that only a cleanup or a weak pointer knows.
func cleanups() {
	spawn(func() {
		c, object := make(chan int), &finalized{n: 1}
		runtime.AddCleanup(object, func(c chan int) { close(c) }, c)
		wait("channel in a cleanup", blind, "receive", receives(c))
		<-c
		runtime.KeepAlive(object)
	})
	spawn(func() {
		n := &node{c: make(chan int)}
		weakly = weak.Make(n)
		wait("channel behind a weak pointer", leaked, "receive", receives(n.c))
		<-n.c
		runtime.KeepAlive(n)
	})
}
