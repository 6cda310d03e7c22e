package main

import (
	"sync"
	"time"
)

// pause lets the goroutine spawned last fall asleep, where the order in a queue matters.
func pause() { time.Sleep(2 * time.Millisecond) }

type accounts struct {
	mu    sync.Mutex
	total int
}

type ledger struct {
	name    string
	mu      sync.Mutex
	entries map[string]int
}

// cycles are goroutines that wait for each other's locks.
func cycles() {
	twoLocks()
	twoLocksPlain()
	threeLocks()
	readerWriterReader()
	recursiveReader()
	lockAndChannel()
	lockAndWaitGroup()
}

// twoLocks are taken in different orders, with deferred unlocks.
func twoLocks() {
	a, l := new(accounts), new(ledger)
	barrier := make(chan int)
	spawn(func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		noteLock("mutex", "main.accounts.mu", address(&a.mu), goid())
		wait("cycle of two: accounts, then ledger", leaked, "lock", mutex(&l.mu))
		<-barrier
		l.mu.Lock()
		defer l.mu.Unlock()
		a.total++
	})
	spawn(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		noteLock("mutex", "main.ledger.mu", address(&l.mu), goid())
		wait("cycle of two: ledger, then accounts", leaked, "lock", mutex(&a.mu))
		barrier <- 1
		a.mu.Lock()
		defer a.mu.Unlock()
		l.entries["x"]++
	})
	for i := 0; i < 4; i++ {
		spawn(func() {
			wait("behind a cycle of two", leaked, "lock", mutex(&a.mu))
			a.mu.Lock()
			a.total++
			a.mu.Unlock()
		})
	}
}

type left struct {
	mu   sync.Mutex
	next *left
}

type right struct {
	mu   sync.Mutex
	next *right
}

// twoLocksPlain are taken in different orders, with plain unlocks, by methods.
func twoLocksPlain() {
	l, r := new(left), new(right)
	barrier := make(chan int)
	spawn(func() { l.then(r, barrier) })
	spawn(func() { r.then(l, barrier) })
}

//go:noinline
func (l *left) then(r *right, barrier chan int) {
	l.mu.Lock()
	noteLock("mutex", "main.left.mu", address(&l.mu), goid())
	wait("cycle of two without defer: left, then right", leaked, "lock", mutex(&r.mu))
	<-barrier
	r.mu.Lock()
	r.mu.Unlock()
	l.mu.Unlock()
}

//go:noinline
func (r *right) then(l *left, barrier chan int) {
	r.mu.Lock()
	noteLock("mutex", "main.right.mu", address(&r.mu), goid())
	wait("cycle of two without defer: right, then left", leaked, "lock", mutex(&l.mu))
	barrier <- 1
	l.mu.Lock()
	l.mu.Unlock()
	r.mu.Unlock()
}

type philosopher struct {
	seat int
	fork sync.Mutex
}

// threeLocks are a cycle of three locks of one type.
func threeLocks() {
	var table [3]*philosopher
	for i := range table {
		table[i] = &philosopher{seat: i}
	}
	var all sync.WaitGroup
	all.Add(3)
	for i := range table {
		mine, next := table[i], table[(i+1)%3]
		spawn(func() {
			mine.fork.Lock()
			defer mine.fork.Unlock()
			noteLock("mutex", "main.philosopher.fork", address(&mine.fork), goid())
			wait("cycle of three", leaked, "lock", mutex(&next.fork))
			all.Done()
			all.Wait()
			next.fork.Lock()
			defer next.fork.Unlock()
		})
	}
}

type table struct {
	rw   sync.RWMutex
	rows map[int]string
}

// readerWriterReader: a reader waits for what a second reader would send, who waits behind the writer that waits for the
// first.
func readerWriterReader() {
	t, c := new(table), make(chan int)
	var first int64
	spawn(func() {
		t.rw.RLock()
		defer t.rw.RUnlock()
		first = wait("reader, writer, reader: the first waits for the second", leaked, "receive", receives(c))
		<-c
	})
	noteLock("rwmutex", "main.table.rw", address(&t.rw), 0, first)
	spawn(func() {
		wait("reader, writer, reader: the writer", leaked, "lock", rwmutex(&t.rw))
		t.rw.Lock()
		defer t.rw.Unlock()
		t.rows[1] = "x"
	})
	pause()
	spawn(func() {
		wait("reader, writer, reader: the second", leaked, "rlock", rwmutex(&t.rw))
		t.rw.RLock()
		defer t.rw.RUnlock()
		c <- 1
	})
}

// recursiveReader locks again for reading what a writer waits for.
func recursiveReader() {
	t := new(table)
	barrier := make(chan int)
	spawn(func() {
		t.rw.RLock()
		noteLock("rwmutex", "main.table.rw", address(&t.rw), 0, goid())
		wait("recursive reader with a writer between", leaked, "rlock", rwmutex(&t.rw))
		<-barrier
		t.rw.RLock()
		t.rw.RUnlock()
		t.rw.RUnlock()
	})
	spawn(func() {
		wait("writer between a recursive reader's locks", leaked, "lock", rwmutex(&t.rw))
		t.rw.Lock()
		t.rw.Unlock()
	})
	pause()
	barrier <- 1
}

type mailbox struct {
	mu   sync.Mutex
	mail chan string
}

// lockAndChannel: who holds the lock waits for a value that another would send, had it the lock.
func lockAndChannel() {
	b := &mailbox{mail: make(chan string)}
	spawn(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		noteLock("mutex", "main.mailbox.mu", address(&b.mu), goid())
		wait("receive under a lock", leaked, "receive", receives(b.mail))
		<-b.mail
	})
	spawn(func() {
		wait("lock, then send to who holds it", leaked, "lock", mutex(&b.mu))
		b.mu.Lock()
		b.mail <- "x"
		b.mu.Unlock()
	})
}

type crew struct {
	mu      sync.Mutex
	workers sync.WaitGroup
}

// lockAndWaitGroup: who holds the lock waits for workers that need it.
func lockAndWaitGroup() {
	c := new(crew)
	c.workers.Add(2)
	spawn(func() {
		c.mu.Lock()
		noteLock("mutex", "main.crew.mu", address(&c.mu), goid())
		wait("wait group under a lock", leaked, "wait", waitGroup(&c.workers))
		c.workers.Wait()
		c.mu.Unlock()
	})
	for i := 0; i < 2; i++ {
		spawn(func() {
			defer c.workers.Done()
			wait("worker that needs the lock of who waits for it", leaked, "lock", mutex(&c.mu))
			c.mu.Lock()
			c.mu.Unlock()
		})
	}
}
