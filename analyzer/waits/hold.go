package waits

import (
	"context"

	"postmortem/analyzer/facts"
	"postmortem/analyzer/locks"
	"postmortem/coreread/image"
)

// holdLocks enters who holds the locks that goroutines wait for, and the locks that
// waiting goroutines hold and nobody waits for. Where nobody waits for any, there is
// nothing to explain.
func (b *book) holdLocks(ctx context.Context) {
	asked, list := b.contended()
	if len(list) == 0 {
		return
	}
	found := locks.Find(ctx, locks.Input{Snapshot: b.in.Snapshot, Heap: b.in.Heap, Goroutines: b.in.Goroutines}, list)
	for at, holders := range found.Holders {
		if i, ok := asked[at]; ok {
			b.resources[i].holders = holders
		}
	}
	for n, waiting := range b.entered {
		if !waiting {
			continue
		}
		for _, h := range found.Held[uint64(b.id(uint32(n)))] {
			if _, ok := asked[h.Addr]; ok {
				continue
			}
			k := key{kind: facts.ResourceMutex, at: h.Addr}
			if h.Kind == locks.RWMutex {
				k.kind = facts.ResourceRWMutex
			}
			r := &b.resources[b.resource(k, uint32(n), 0)]
			r.holders = append(r.holders, h.Holder)
		}
	}
}

// contended returns the locks that goroutines wait for, and which resource has the
// lock at an address: a sync.Once is waited for by its mutex.
func (b *book) contended() (map[image.Addr]uint32, []locks.Lock) {
	asked := map[image.Addr]uint32{}
	waiters := make(map[uint32][]uint64)
	for _, e := range b.edges {
		switch b.resources[e.resource].kind {
		case facts.ResourceMutex, facts.ResourceOnce, facts.ResourceRWMutex:
			waiters[e.resource] = append(waiters[e.resource], uint64(b.id(e.goroutine)))
		}
	}
	var list []locks.Lock
	for i := range b.resources {
		r := &b.resources[i]
		if waiters[uint32(i)] == nil {
			continue
		}
		l := locks.Lock{Addr: r.at, Kind: locks.Mutex, Waiters: waiters[uint32(i)]}
		switch r.kind {
		case facts.ResourceRWMutex:
			l.Kind = locks.RWMutex
		case facts.ResourceOnce:
			l.Addr = r.sema - mutexSema
		}
		l.Name, _ = b.names.place(r.at, objectTypes[r.kind])
		asked[l.Addr] = uint32(i)
		list = append(list, l)
	}
	return asked, list
}
