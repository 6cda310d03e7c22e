package main

import "sync"

// lone has a pointer so that no object of it shares a block of the tiny allocator with others, which keep it alive.
type lone struct {
	mu   sync.Mutex
	rw   sync.RWMutex
	wg   sync.WaitGroup
	once sync.Once
	next *lone
}

// primitives are waits for one object of package sync each.
func primitives() {
	spawn(waitGroupNeverDone)
	spawn(condWithoutSignal)
	spawn(lockTwice)
	spawn(writeThenRead)
	spawn(readThenWrite)
	lockOfTheDead()
	rwLockOfTheDead()
	insideOnce()
	spawn(onceInOnce)
	semaphores()
	waitGroupOfTheLeaked()
	tinyLock()
}

func waitGroupNeverDone() {
	g := &new(lone).wg
	g.Add(2)
	g.Done()
	wait("wait group never done", leaked, "wait", waitGroup(g))
	g.Wait()
}

func condWithoutSignal() {
	c := sync.NewCond(new(sync.Mutex))
	c.L.Lock()
	wait("cond without signal", leaked, "wait", cond(c))
	c.Wait()
}

func lockTwice() {
	m := &new(lone).mu
	m.Lock()
	noteLock("mutex", "main.lone.mu", address(m), goid())
	wait("lock twice", leaked, "lock", mutex(m))
	m.Lock()
}

func writeThenRead() {
	m := &new(lone).rw
	m.Lock()
	noteLock("rwmutex", "main.lone.rw", address(m), goid())
	wait("read lock under the own write lock", leaked, "rlock", rwmutex(m))
	m.RLock()
}

func readThenWrite() {
	m := &new(lone).rw
	m.RLock()
	noteLock("rwmutex", "main.lone.rw", address(m), 0, goid())
	wait("write lock under the own read lock", leaked, "lock", rwmutex(m))
	m.Lock()
}

// lockOfTheDead is held by a goroutine that has ended.
func lockOfTheDead() {
	m := &new(lone).mu
	done := make(chan struct{})
	go func() {
		m.Lock()
		close(done)
	}()
	<-done
	noteLock("mutex", "main.lone.mu", address(m), 0)
	spawn(func() {
		wait("lock that a dead goroutine holds", leaked, "lock", mutex(m))
		m.Lock()
	})
}

// rwLockOfTheDead has a reader that has ended, a writer, and readers behind it.
func rwLockOfTheDead() {
	m := &new(lone).rw
	done := make(chan struct{})
	go func() {
		m.RLock()
		close(done)
	}()
	<-done
	noteLock("rwmutex", "main.lone.rw", address(m), 0)
	spawn(func() {
		wait("write lock that a dead goroutine reads", leaked, "lock", rwmutex(m))
		m.Lock()
	})
	pause()
	for i := 0; i < 2; i++ {
		spawn(func() {
			wait("read lock behind a writer that waits for the dead", leaked, "rlock", rwmutex(m))
			m.RLock()
		})
	}
	spawn(func() {
		wait("write lock behind another writer", leaked, "lock", rwmutex(m))
		m.Lock()
	})
}

// insideOnce does not return from the function of a sync.Once.
func insideOnce() {
	o, c := &new(lone).once, make(chan int)
	spawn(func() {
		o.Do(func() {
			wait("inside of a once", leaked, "receive", receives(c))
			<-c
		})
	})
	for i := 0; i < 2; i++ {
		spawn(func() {
			wait("behind a once", leaked, "lock", once(o))
			o.Do(func() {})
		})
	}
}

func onceInOnce() {
	o := &new(lone).once
	o.Do(func() {
		wait("once within itself", leaked, "lock", once(o))
		o.Do(func() {})
	})
}

// semaphores are a full channel, and a semaphore of the runtime, which the runtime never calls leaked.
func semaphores() {
	tokens := make(chan struct{}, 2)
	tokens <- struct{}{}
	tokens <- struct{}{}
	spawn(func() {
		wait("semaphore made of a channel", leaked, "send", sendsTo(tokens))
		tokens <- struct{}{}
	})
	spawn(func() {
		s := new(uint32)
		wait("plain semaphore", blind, "wait", target{kind: "semaphore", addr: address(s)})
		semacquire(s)
	})
}

// waitGroupOfTheLeaked counts workers that are leaked themselves.
func waitGroupOfTheLeaked() {
	g, results := &new(lone).wg, make(chan int)
	for i := 0; i < 3; i++ {
		g.Add(1)
		spawn(func() {
			defer g.Done()
			wait("result that nobody takes", leaked, "send", sendsTo(results))
			results <- 1
		})
	}
	spawn(func() {
		wait("wait group of leaked workers", leaked, "wait", waitGroup(g))
		g.Wait()
		close(results)
	})
}

var neighbor *uint64

// tinyLock is a lock of its own, 8 bytes in a block of 16 whose other half something alive has.
func tinyLock() {
	m := new(sync.Mutex)
	for {
		if neighbor = new(uint64); address(neighbor)/16 == address(m)/16 {
			break
		}
		m = new(sync.Mutex)
	}
	spawn(func() {
		m.Lock()
		noteLock("mutex", "", address(m), goid())
		wait("lock in a tiny block with something alive", blind, "lock", mutex(m))
		m.Lock()
	})
}
