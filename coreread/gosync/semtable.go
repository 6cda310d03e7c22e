package gosync

import (
	"errors"
	"fmt"
	"sync"

	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// queued is the place of a goroutine in the queue of a semaphore or a condition variable.
type queued struct {
	sudog image.Addr
	at    image.Addr // the semaphore's word, or the runtime.notifyList
}

// semaphores are the goroutines that wait for semaphores, by g. Each root of
// runtime.semtable is a treap with one sudog for each address; its waitlink leads to
// the others that wait for the same (src/runtime/sema.go, semaRoot).
type semaphores struct {
	once    sync.Once
	waiting map[image.Addr]queued
	lost    int   // queues or subtrees that could not be read
	err     error // the first reason
	where   image.Addr
}

// semaphore returns the place of a goroutine in the table.
func (r *Reader) semaphore(g image.Addr) (queued, bool) {
	r.semaphores.once.Do(r.part(1).readSemaphores)
	q, ok := r.semaphores.waiting[g]
	return q, ok
}

func (r *Reader) readSemaphores() {
	s := r.semaphores
	s.waiting = make(map[image.Addr]queued)
	table, _, err := r.p.Exe.Global("runtime.semtable")
	if err != nil {
		r.gap(fmt.Sprintf("the table of semaphores (runtime.semtable): %v", err), 0, 0)
		return
	}
	table = table.Add(r.p.Bias)
	var stack []image.Addr
	for i := range uint64(layout.SemTableLen) {
		at := table + image.Addr(i*r.offsets.sema.stride+r.offsets.sema.treap)
		root, ok := r.memory.word(at)
		if !ok {
			s.lose(at, &image.FaultError{Addr: at, Len: 8})
			continue
		}
		stack = append(stack[:0], image.Addr(root))
		for len(stack) > 0 {
			node := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if node != 0 {
				stack = r.semaphoreQueue(node, i, stack)
			}
		}
	}
	if s.lost > 0 {
		r.gap(fmt.Sprintf("%d parts of the table of semaphores (runtime.semtable), the first: %v", s.lost, s.err), s.where, 0)
	}
}

func (s *semaphores) lose(at image.Addr, err error) {
	if s.lost++; s.lost == 1 {
		s.err, s.where = err, at
	}
}

var (
	errTwice       = errors.New("a goroutine waits twice")
	errWrongRoot   = errors.New("a semaphore is in the wrong part of the table")
	errWrongQueue  = errors.New("a goroutine waits for another semaphore than its queue")
	errNoGoroutine = errors.New("nobody waits in a queue's entry")
)

// semaphoreQueue reads the queue of one semaphore, and puts the roots of the
// subtrees onto the stack. No goroutine is taken twice, so that it ends.
func (r *Reader) semaphoreQueue(head image.Addr, root uint64, stack []image.Addr) []image.Addr {
	s := r.semaphores
	var sema image.Addr
	for at := head; at != 0; {
		d, err := r.sudog(at)
		switch {
		case err != nil:
		case d.g == 0:
			err = errNoGoroutine
		case at == head && uint64(d.elem>>3)%layout.SemTableLen != root:
			err = errWrongRoot
		case at != head && d.elem != sema:
			err = errWrongQueue
		case s.waiting[d.g].sudog != 0:
			err = errTwice
		default:
			err = r.charge()
		}
		if err != nil {
			s.lose(at, err)
			return stack
		}
		if at == head {
			sema = d.elem
			stack = append(stack, d.next, d.prev)
		}
		s.waiting[d.g] = queued{sudog: at, at: sema}
		at = d.waitlink
	}
	return stack
}
