//go:build go1.19

package main

import "sync/atomic"

type atomicTarget struct{ n [3]int }

var atomicPointers [16]atomic.Pointer[atomicTarget]

func atomics() {
	for i := range atomicPointers {
		atomicPointers[i].Store(new(atomicTarget))
	}
	expect(live, "main.atomicTarget", 16)
}
