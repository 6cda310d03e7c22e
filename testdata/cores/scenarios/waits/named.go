package main

import "sync"

type (
	shard struct {
		mu    sync.Mutex
		items map[string]int
	}
	embedding struct {
		label string
		sync.Mutex
	}
	embedded struct {
		label string
		shard
	}
	guarded[T any] struct {
		value T
		mu    sync.Mutex
		next  *guarded[T]
	}
	nested struct {
		state struct {
			on bool
			rw sync.RWMutex
		}
		next *nested
	}
	striped struct {
		next  *striped
		locks [4]sync.Mutex
	}
)

var (
	registryMu sync.Mutex
	registry   struct {
		items map[string]int
		rw    sync.RWMutex
	}
	stripes [8]sync.Mutex
	shards  = map[string]*shard{"a": new(shard)}
	begin   sync.Once
)

// named are locks in all places that a lock can have, each held by a goroutine that will not unlock it, with one waiter.
func named() {
	list := make([]shard, 5)
	heldMutex("main.shard.mu", "in a slice", leaked, &list[3].mu)
	e := new(embedding)
	heldMutex("main.embedding.Mutex", "embedded", leaked, &e.Mutex)
	d := new(embedded)
	heldMutex("main.embedded.shard.mu", "in an embedded struct", leaked, &d.mu)
	g := new(guarded[string])
	heldMutex("main.guarded[string].mu", "in a generic struct", leaked, &g.mu)
	p := new(guarded[*store])
	heldMutex("main.guarded[*main.store].mu", "in a generic struct of a pointer", leaked, &p.mu)
	s := new(striped)
	heldMutex("main.striped.locks[2]", "in an array in a struct", leaked, &s.locks[2])
	n := new(nested)
	heldRWMutex("main.nested.state.rw", "in a nested struct", leaked, &n.state.rw)
	heldRWMutex("", "of its own", leaked, new(sync.RWMutex))
	heldMutex("main.registryMu", "in a global", blind, &registryMu)
	heldRWMutex("main.registry.rw", "in a global struct", blind, &registry.rw)
	heldMutex("main.stripes[5]", "in a global array", blind, &stripes[5])
	heldMutex("main.shard.mu", "in a global map", blind, &shards["a"].mu)
	globalOnce()
	globalOfTheDead()
}

//go:noinline
func heldMutex(name, place, verdict string, m *sync.Mutex) {
	spawn(func() { holdForever("has a mutex "+place, "mutex", name, address(m), m) })
	spawn(func() {
		wait("wants a mutex "+place, verdict, "lock", mutex(m))
		m.Lock()
		m.Unlock()
	})
}

//go:noinline
func heldRWMutex(name, place, verdict string, m *sync.RWMutex) {
	spawn(func() { holdForever("has an rwmutex "+place, "rwmutex", name, address(m), m) })
	spawn(func() {
		wait("wants an rwmutex "+place, verdict, "rlock", rwmutex(m))
		m.RLock()
		m.RUnlock()
	})
}

// holdForever has a lock through an interface.
//
//go:noinline
func holdForever(shape, kind, name string, at uintptr, m sync.Locker) {
	m.Lock()
	defer m.Unlock()
	c := make(chan int)
	noteLock(kind, name, at, goid())
	wait(shape, leaked, "receive", receives(c))
	<-c
}

// globalOnce does not come to its end.
func globalOnce() {
	c := make(chan int)
	spawn(func() {
		begin.Do(func() {
			wait("inside of a global once", leaked, "send", sendsTo(c))
			c <- 1
		})
	})
	spawn(func() {
		wait("behind a global once", blind, "lock", once(&begin))
		begin.Do(func() {})
	})
}

var abandoned sync.Mutex

// globalOfTheDead is held by a goroutine that has ended.
func globalOfTheDead() {
	done := make(chan int)
	go func() {
		abandoned.Lock()
		close(done)
	}()
	<-done
	noteLock("mutex", "main.abandoned", address(&abandoned), 0)
	for i := 0; i < 3; i++ {
		spawn(func() {
			wait("wants a global mutex that a dead goroutine holds", blind, "lock", mutex(&abandoned))
			abandoned.Lock()
		})
	}
}
