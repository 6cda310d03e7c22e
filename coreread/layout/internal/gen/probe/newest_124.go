//go:build go1.24

package main

import (
	"runtime"
	"weak"
)

func newest() {
	x := new([4]int)
	sink = weak.Make(x)
	runtime.AddCleanup(x, func(int) {}, 1)
}
