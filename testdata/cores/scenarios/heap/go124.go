//go:build go1.24

package main

import (
	"runtime"
	"weak"
)

type (
	weakTarget    struct{ n [4]int }
	onlyWeak      struct{ n [5]int }
	cleaned       struct{ n [3]int }
	cleanupArg    struct{ n [6]int }
	queuedCleanup struct{ n [7]int }
)

var (
	weakTargets  [8]*weakTarget
	weakPointers [8]weak.Pointer[weakTarget]
	weakOnly     [5]weak.Pointer[onlyWeak]
	cleaneds     [6]*cleaned
)

func versioned() {
	common()
	for i := range weakTargets {
		weakTargets[i] = new(weakTarget)
		weakPointers[i] = weak.Make(weakTargets[i])
	}
	expect(live, "main.weakTarget", 8)
	for i := range cleaneds {
		cleaneds[i] = new(cleaned)
		runtime.AddCleanup(cleaneds[i], func(*cleanupArg) {}, new(cleanupArg))
	}
	expect(live, "main.cleaned", 6)
	expect(loose, "main.cleanupArg", 6)
	for i := 0; i < 8; i++ {
		runtime.AddCleanup(new(cleaned), func(a *queuedCleanup) {
			<-never
			runtime.KeepAlive(a)
		}, new(queuedCleanup))
	}
	expect(loose, "main.queuedCleanup", 8)
	expect(garbage, "main.cleaned", 8)
}

// versionedAfter makes objects that only weak pointers know.
func versionedAfter() {
	for i := range weakOnly {
		weakOnly[i] = weak.Make(new(onlyWeak))
	}
	expect(onlyWeakly, "main.onlyWeak", 5)
}
