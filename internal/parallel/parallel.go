// Package parallel runs parts of a computation at the same time. What goes wrong
// in a part goes wrong in the caller: a panic there is a panic here, and a fault
// on mapped memory is a panic, as debug.SetPanicOnFault makes it for the caller.
package parallel

import (
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// Panic is a panic of a part, as it is raised in the caller.
type Panic struct {
	Value any
	Stack []byte // of the part
}

func (p *Panic) Error() string { return fmt.Sprintf("%v\n\n%s", p.Value, p.Stack) }

// Unwrap returns the value when it is an error.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// group waits for parts, and keeps the first panic.
type group struct {
	wait   sync.WaitGroup
	failed atomic.Pointer[Panic]
}

func (g *group) start(f func()) {
	g.wait.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				g.failed.CompareAndSwap(nil, &Panic{v, debug.Stack()})
			}
		}()
		debug.SetPanicOnFault(true)
		f()
	})
}

func (g *group) end() {
	g.wait.Wait()
	if p := g.failed.Load(); p != nil {
		panic(p)
	}
}

// Each calls f for the parts 0 to n-1 with so many workers, which are numbered
// from 0, and returns when all is done. The parts begin in order.
func Each(workers, n int, f func(worker, part int)) {
	var g group
	var next atomic.Int64
	for worker := range min(max(workers, 1), n) {
		g.start(func() {
			for g.failed.Load() == nil {
				part := int(next.Add(1)) - 1
				if part >= n {
					return
				}
				f(worker, part)
			}
		})
	}
	g.end()
}

// Beside starts f and returns what waits for it.
func Beside(f func()) (wait func()) {
	var g group
	g.start(f)
	return g.end
}
