// Heap is a process that knows what is on its heap: it builds structures of every kind, each of types of its own, counts
// them, and dies in the way named by its argument.
package main

import (
	"os"
	"runtime"
	"time"

	"example.com/scenarios/truth"
)

// endings are the ways to die, by the name that the command line gives.
var endings = map[string]func(){
	"plain":   plain,
	"profile": plain,
	"sweep":   beforeSweep,
	"mark":    whileMarking,
}

func main() {
	if len(os.Args) != 2 || endings[os.Args[1]] == nil {
		println("usage: heap plain|profile|sweep|mark")
		os.Exit(2)
	}
	if os.Args[1] == "profile" {
		startProfiles()
	}
	build()
	endings[os.Args[1]]()
}

// build makes everything that is to be there before the last collection.
func build() {
	lists()
	trees()
	maps()
	channels()
	interfaces()
	closures()
	slices()
	arrays()
	pointers()
	generics()
	syncs()
	clocks()
	contexts()
	fillCache()
	versioned()
	queueFinalizers()
	goroutines()
	dropped()
}

// plain collects until nothing is left to do, makes the garbage that the core is to have, and dies.
func plain() {
	settle()
	poolBefore()
	runtime.GC()
	writeProfiles()
	afterGC()
	line := told()
	truth.TellMore(os.Args[1], line)
	panic("counted")
}

// settle lets the collector get rid of all there is to get rid of; finalizers run between.
func settle() {
	for i := 0; i < 3; i++ {
		runtime.GC()
		time.Sleep(50 * time.Millisecond)
	}
}
