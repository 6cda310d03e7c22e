package main

type single struct {
	next  *single
	value int
}

type double struct {
	prev, next *double
	value      [3]int
}

type tree struct {
	left, right *tree
	key         string
}

// ring is a list that its last element closes.
type ring struct {
	next *ring
	pad  [6]int
}

var (
	singles   *single
	doubles   struct{ first, last *double }
	treeRoot  *tree
	ringEntry *ring
)

func lists() {
	for i := 0; i < 2000; i++ {
		singles = &single{next: singles, value: i}
	}
	expect(live, "main.single", 2000)
	for i := 0; i < 700; i++ {
		d := &double{prev: doubles.last}
		if d.prev == nil {
			doubles.first = d
		} else {
			d.prev.next = d
		}
		doubles.last = d
	}
	expect(live, "main.double", 700)
	ringEntry = new(ring)
	ringEntry.next = ringEntry
	for i := 1; i < 60; i++ {
		ringEntry.next = &ring{next: ringEntry.next}
	}
	expect(live, "main.ring", 60)
}

func trees() {
	treeRoot = grow(9)
	expect(live, "main.tree", 1<<10-1)
}

func grow(depth int) *tree {
	t := &tree{key: "static"}
	if depth > 0 {
		t.left, t.right = grow(depth-1), grow(depth-1)
	}
	return t
}
