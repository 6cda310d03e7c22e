// Package goroots is what keeps heap objects alive from outside the heap:
// the modules' data and BSS, goroutines' frames and what hangs on them, the
// registers of running threads, and the runtime's own records about objects
// (finalizers, cleanups, weak handles), as the collector of the process's Go
// version would take them if it ran at the moment of the core.
//
// It says where each root lies and how sure it is, and never leaves out what the
// collector would mark. It does not follow roots into the heap, and it does not
// name variables.
package goroots

import (
	"errors"
	"fmt"

	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// Kind is what holds a root.
type Kind uint8

// The kinds of roots.
const (
	None        Kind = iota
	Global           // a variable of a module's data or BSS
	Local            // a local variable or spilled value of a frame
	Argument         // an argument or result of a frame
	StackObject      // a variable of a frame whose address is taken
	Register         // a register of a running thread
	Vector           // a vector register that a preempted goroutine saved
	Context          // the closure that a goroutine enters when it goes on (g.sched.ctxt)
	DeferFunc        // the function of a deferred call
	DeferRecord      // the record of a deferred call
	Unwalked         // a word of a stack whose frames could not be told
	Finalizer        // the function of a finalizer that is set
	Cleanup          // the function of a cleanup that is attached
	WeakHandle       // what weak pointers to an object share
	Queued           // a finalizer or cleanup that waits to run: function, argument
	TinyBlock        // the block that a processor still allocates small values from
	// Finalizable is an object with a finalizer that is not due: no collection marks
	// it for that, but finding it to be garbage will keep it until that has run.
	Finalizable
	numKinds = iota
)

var kindNames = [numKinds]string{
	"none", "global", "local", "argument", "stack object", "register", "vector register", "context", "deferred function",
	"defer record", "unwalked stack", "finalizer", "cleanup", "weak handle", "queued", "tiny block", "object with a finalizer",
}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Slot is one word that may refer to an object. Value is never 0; whether it
// lies in the heap is for the caller to find out.
type Slot struct {
	At    image.Addr // of the word; 0 for a register
	Value image.Addr
	Kind  Kind
	// Conservative says that the word need not be a pointer: a number that looks
	// like one keeps an object alive all the same.
	Conservative bool
	Register     string // name of the register, for Register
}

// Reader finds the roots of one process. It is not safe for concurrent use, nor
// beside other methods of its gort.Process.
type Reader struct {
	p       *gort.Process
	offsets offsets
	memory  memory
	maps    stackMaps
	scan    scanState
	room    uint64 // words of stacks and records that may still be looked at
}

// passes is how often the memory of a process may be looked at for roots:
// records and stacks that a damaged core shows on top of one another end there.
const passes = 8

// New prepares the reading of roots.
func New(p *gort.Process) (*Reader, error) {
	r := &Reader{p: p, memory: memory{image: p.Image, order: p.Image.ByteOrder()}}
	if err := r.offsets.bind(p.Layout()); err != nil {
		return nil, fmt.Errorf("finding what keeps objects alive in %s: %w", p.Exe.GoVersion(), err)
	}
	r.maps.init(p)
	r.room = passes * r.memory.bytes() / 8
	return r, nil
}

var errOverlap = errors.New("stacks or records lie on top of one another")

// charge accounts for n words that are looked at.
func (r *Reader) charge(n uint64) error {
	if r.room < n {
		return errOverlap
	}
	r.room -= n
	return nil
}

const effect = "objects that only this kept alive are taken for garbage"

func (r *Reader) gap(what string, at image.Addr, n uint64) {
	r.p.AddGap(gort.Gap{What: what, Addr: at, Bytes: n, Effect: effect, HidesReferences: true})
}
