package main

import (
	"sync"
	"time"
)

type store struct {
	name string
	mu   sync.Mutex
	rows map[string]int
}

// held are locks with a holder that no cycle leads back to.
func held() {
	longQueue()
	heldOverReceive(true)
	heldOverReceive(false)
	heldOverLiveReceive()
	busyReaders()
	helperLocks()
	spawn(lockTaken)
	chainOfLocks()
}

// longQueue is one lock that a sleeper has, and many who want it.
func longQueue() {
	s := &store{name: "queue"}
	spawn(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		id := goid()
		noteTimer("sleep", 0, nanotime(), int64(time.Hour), 0)
		noteLock("mutex", "main.store.mu", address(&s.mu), id)
		wait("sleeps under a lock", live, "sleep")
		time.Sleep(time.Hour)
	})
	for i := 0; i < 50; i++ {
		spawn(func() {
			wait("in a long queue behind a sleeper", live, "lock", mutex(&s.mu))
			s.mu.Lock()
			s.rows["x"]++
			s.mu.Unlock()
		})
	}
}

// heldOverReceive is a lock whose holder waits for a value that never comes.
func heldOverReceive(deferred bool) {
	s, c := &store{name: "over receive"}, make(chan int)
	spawn(func() {
		if deferred {
			s.updateDeferred(c)
		} else {
			s.update(c)
		}
	})
	for i := 0; i < 5; i++ {
		spawn(func() {
			wait("behind a lock held over a receive", leaked, "lock", mutex(&s.mu))
			s.mu.Lock()
			defer s.mu.Unlock()
		})
	}
}

//go:noinline
func (s *store) updateDeferred(c chan int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	noteLock("mutex", "main.store.mu", address(&s.mu), goid())
	wait("receive under a lock with a deferred unlock", leaked, "receive", receives(c))
	s.rows["x"] = <-c
}

//go:noinline
func (s *store) update(c chan int) {
	s.mu.Lock()
	noteLock("mutex", "main.store.mu", address(&s.mu), goid())
	wait("receive under a lock with a plain unlock", leaked, "receive", receives(c))
	s.rows["x"] = <-c
	s.mu.Unlock()
}

// heldOverLiveReceive is a lock whose holder will get its value.
func heldOverLiveReceive() {
	s, c := &store{name: "over live receive"}, make(chan int)
	spawn(func() {
		s.mu.Lock()
		noteLock("mutex", "main.store.mu", address(&s.mu), goid())
		wait("receive from a sleeper under a lock", live, "receive", receives(c))
		s.rows["x"] = <-c
		s.mu.Unlock()
	})
	spawn(func() {
		wait("behind a lock held over a live receive", live, "lock", mutex(&s.mu))
		s.mu.Lock()
		s.mu.Unlock()
	})
	sleeper("sends to who has a lock", func() { c <- 1 })
}

// busyReaders sleep with a read lock; a writer waits for them, and more readers for it.
func busyReaders() {
	t := new(table)
	var ids [3]int64
	for i := range ids {
		i := i
		spawn(func() {
			t.rw.RLock()
			defer t.rw.RUnlock()
			noteTimer("sleep", 0, nanotime(), int64(time.Hour), 0)
			ids[i] = wait("sleeps under a read lock", live, "sleep")
			time.Sleep(time.Hour)
		})
	}
	noteLock("rwmutex", "main.table.rw", address(&t.rw), 0, ids[:]...)
	spawn(func() {
		wait("writer behind sleeping readers", live, "lock", rwmutex(&t.rw))
		t.rw.Lock()
		t.rw.Unlock()
	})
	pause()
	for i := 0; i < 2; i++ {
		spawn(func() {
			wait("reader behind a writer behind sleeping readers", live, "rlock", rwmutex(&t.rw))
			t.rw.RLock()
			t.rw.RUnlock()
		})
	}
}

type box struct {
	lock sync.RWMutex
	next *box
}

//go:noinline
func (b *box) enter() { b.lock.Lock() }

//go:noinline
func (b *box) leave() { b.lock.Unlock() }

// helperLocks are taken and given back by methods that have returned.
func helperLocks() {
	b, c := new(box), make(chan int)
	spawn(func() {
		b.enter()
		noteLock("rwmutex", "main.box.lock", address(&b.lock), goid())
		wait("has a lock by a helper", leaked, "send", sendsTo(c))
		c <- 1
		b.leave()
	})
	spawn(func() {
		wait("behind a lock by a helper", leaked, "rlock", rwmutex(&b.lock))
		b.lock.RLock()
		b.lock.RUnlock()
	})
}

// lockTaken has tried and got a lock, which nobody wants.
func lockTaken() {
	s, c := &store{name: "tried"}, make(chan int)
	if !s.mu.TryLock() {
		return
	}
	defer s.mu.Unlock()
	noteLock("mutex", "main.store.mu", address(&s.mu), goid())
	wait("has a lock by TryLock", leaked, "receive", receives(c))
	s.rows["x"] = <-c
}

// chainOfLocks: each has one and waits for the next; the last one sleeps.
func chainOfLocks() {
	var links [4]*philosopher
	for i := range links {
		links[i] = &philosopher{seat: i}
	}
	last := links[3]
	spawn(func() {
		last.fork.Lock()
		defer last.fork.Unlock()
		noteTimer("sleep", 0, nanotime(), int64(time.Hour), 0)
		noteLock("mutex", "main.philosopher.fork", address(&last.fork), goid())
		wait("head of a chain of locks", live, "sleep")
		time.Sleep(time.Hour)
	})
	for i := 2; i >= 0; i-- {
		mine, next := links[i], links[i+1]
		spawn(func() {
			mine.fork.Lock()
			defer mine.fork.Unlock()
			noteLock("mutex", "main.philosopher.fork", address(&mine.fork), goid())
			wait("link of a chain of locks", live, "lock", mutex(&next.fork))
			next.fork.Lock()
			defer next.fork.Unlock()
		})
	}
}
