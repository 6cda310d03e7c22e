package main

import "example.com/scenarios/park"

type (
	argument    struct{ n [3]int }
	local       struct{ n [6]int }
	onStack     struct{ p, q *stackObject }
	stackObject struct{ n [4]int }
	heldNode    struct {
		next *heldNode
		n    [3]int
	}
	deferArg     struct{ n [5]int }
	panicArg     struct{ n [8]int }
	goArg        struct{ n [9]int }
	waitingElem  struct{ n [10]int }
	recursionArg struct{ n [11]int }
)

func goroutines() {
	for i := 0; i < 20; i++ {
		park.Go(holder)
	}
	expect(runners, "main.holder", 20)
	expect(held, "main.holder", 40<<10+10*32)
	expect(live, "main.heldNode", 200)
	for i := 0; i < 4; i++ {
		park.Go(func() { withArgument(newArgument(), 1) })
	}
	expect(live, "main.argument", 4)
	expect(live, "main.local", 4)
	park.Go(withStackObject)
	expect(live, "main.stackObject", 2)
	park.Go(withDefers)
	expect(live, "main.deferArg", 5)
	park.Go(panicking)
	expect(live, "main.panicArg", 1)
	v := new(goArg)
	park.Go(func() {
		park.Ready()
		park.Forever()
		v.n[0]++
	})
	expect(live, "main.goArg", 1)
	c := make(chan *waitingElem)
	park.Go(func() {
		e := new(waitingElem)
		park.Ready()
		c <- e
	})
	expect(live, "main.waitingElem", 1)
	park.Go(func() { recurse(30, nil) })
	expect(live, "main.recursionArg", 31)
	park.Settle()
}

// holder keeps a block of 40 KiB and ten nodes of 32 bytes.
//
//go:noinline
func holder() {
	block := make([]byte, 40<<10)
	var nodes *heldNode
	for i := 0; i < 10; i++ {
		nodes = &heldNode{next: nodes}
	}
	wait()
	use(block)
	useNode(nodes)
}

//go:noinline
func withArgument(a *argument, depth int) {
	l := newLocal()
	wait()
	a.n[0] = l.n[0] + depth
}

//go:noinline
func newArgument() *argument { return new(argument) }

//go:noinline
func newLocal() *local { return new(local) }

//go:noinline
func newStackObject() *stackObject { return new(stackObject) }

// withStackObject keeps its objects by a variable that only its callee points to.
//
//go:noinline
func withStackObject() {
	var v onStack
	v.p, v.q = newStackObject(), newStackObject()
	waitWith(&v)
}

//go:noinline
func waitWith(v *onStack) {
	wait()
	v.p.n[0] = v.q.n[1]
}

func withDefers() {
	for i := 0; i < 5; i++ {
		a := new(deferArg)
		defer func() { a.n[0]++ }()
	}
	wait()
}

func panicking() {
	defer wait()
	panic(new(panicArg))
}

//go:noinline
func recurse(depth int, above *recursionArg) {
	a := new(recursionArg)
	a.n[1] = depth
	if depth == 0 {
		wait()
	} else {
		recurse(depth-1, a)
	}
	if above != nil {
		above.n[0] += a.n[0]
	}
	useArg(a)
}

//go:noinline
func wait() {
	park.Ready()
	park.Forever()
}

var sink interface{}

//go:noinline
func use(b []byte) { sink = b }

//go:noinline
func useNode(n *heldNode) { sink = n }

//go:noinline
func useArg(a *recursionArg) { sink = a }
