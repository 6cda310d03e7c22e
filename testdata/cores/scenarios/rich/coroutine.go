//go:build go1.23

package main

import (
	"iter"

	"example.com/scenarios/park"
)

func init() { newer = append(newer, coroutine) }

// coroutine leaves a goroutine of iter.Pull waiting between two values.
func coroutine() {
	next, _ := iter.Pull(func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
		}
	})
	park.Go(func() {
		next()
		park.Ready()
		park.Forever()
		next()
	})
}
