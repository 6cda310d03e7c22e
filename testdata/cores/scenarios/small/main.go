// Small is a process with one goroutine for each way to wait, which then dies of the bug named by its argument. It keeps
// to a few packages so that its binary is small.
package main

import (
	"os"

	"example.com/scenarios/park"
	"example.com/scenarios/truth"
)

func main() {
	if len(os.Args) != 2 {
		println("usage: small nil|index|wait")
		os.Exit(2)
	}
	park.All()
	switch os.Args[1] {
	case "nil":
		park.Go(func() { die(new(account)) })
	case "index":
		park.Go(func() { lookUp(make([]int, 3), 7) })
	case "wait":
		truth.Tell("wait", nil)
	}
	park.Forever()
}

type account struct{ owner *owner }

type owner struct{ name string }

func die(a *account) {
	defer func() { a.owner = nil }()
	truth.Tell("nil", nil)
	println(a.nameOf(20))
}

//go:noinline
func (a *account) nameOf(depth int) string {
	defer nothing()
	if depth > 0 {
		return a.nameOf(depth - 1)
	}
	return a.owner.name
}

//go:noinline
func nothing() {}

func lookUp(l []int, i int) {
	truth.Tell("index", nil)
	println(at(l, i))
}

//go:noinline
func at(l []int, i int) int { return l[i] }
