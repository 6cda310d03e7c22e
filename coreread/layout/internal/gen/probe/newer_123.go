//go:build go1.23

package main

import (
	"iter"
	"runtime"
	"unique"
)

func newer() {
	var p runtime.Pinner
	p.Pin(new(int))
	sink = unique.Make("s").Value()
	next, stop := iter.Pull(func(yield func(int) bool) { yield(1) })
	next()
	stop()
	newest()
}
