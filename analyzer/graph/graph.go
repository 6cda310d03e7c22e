// Package graph is the object graph of a dead process: which object refers to
// which, what outside of the heap refers to objects, what is reachable, and what
// each object, variable, goroutine and package alone keeps alive.
//
// It knows objects by number and bytes, not by type.
package graph

import (
	"postmortem/coreread/goheap"
	"postmortem/coreread/goroots"
	"postmortem/coreread/image"
)

// Kind is what a holder is.
type Kind uint8

// The kinds of holders.
const (
	Root            Kind = iota // of everything
	Package                     // the global variables of a package
	Variable                    // a global variable
	Group                       // goroutines with equal stacks
	Goroutine                   // its stack, its registers and its runtime.g
	Finalizers                  // finalizers and cleanups, due or not, and what they will be given
	RuntimeInternal             // what the runtime holds outside of variables and stacks
)

// Holder is something outside of the heap that refers to objects, or that
// gathers such. In the graph it is a node behind those of the objects.
type Holder struct {
	Kind   Kind
	Name   string     // of the variable or package; the rest have none
	At     image.Addr // of the variable
	Parent uint32     // index in Roots.Holders; the root is its own
	ID     uint64     // goroutine id, number of the group
	// Own is an object that belongs to the holder, whoever else refers to it: a
	// goroutine's runtime.g; NoObject for none.
	Own goheap.Object
}

// Slot is a word outside of the heap that refers to an object.
type Slot struct {
	At     image.Addr // where the word is; 0 for a register
	Value  image.Addr
	Holder uint32 // index in Roots.Holders
	Frame  uint32 // index in Roots.Frames; NoFrame for none
	Kind   goroots.Kind
	// Conservative says that the word may be no pointer: the collector could not
	// tell either, and kept the object.
	Conservative bool
}

// NoFrame is the index of no frame.
const NoFrame = ^uint32(0)

// Frame is a frame of a goroutine's stack with slots.
type Frame struct {
	PC    image.Addr // return address, or the instruction itself when Exact
	CFA   image.Addr // the caller's stack pointer
	SP    image.Addr
	Exact bool
}

// Roots are all that refers to objects from outside of the heap.
type Roots struct {
	Holders []Holder // the root first, parents before children
	Slots   []Slot
	Frames  []Frame
}
