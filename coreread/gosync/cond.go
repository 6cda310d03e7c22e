package gosync

import (
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// conds are the goroutines that wait for condition variables, by g. Before Go
// 1.26 nothing leads from such a goroutine to its sudog but the sync.Cond
// (src/runtime/sema.go, notifyList), and nothing to that but its stack.
type conds struct {
	waiting map[image.Addr]queued
	tried   map[image.Addr]bool // addresses that look like notify lists, and were read
}

// cond returns the place of a goroutine in the queue of a condition variable.
func (r *Reader) cond(g *gort.Goroutine) (queued, bool) {
	if q, ok := r.conds.waiting[g.Addr]; ok {
		return q, true
	}
	var frames []parkFrame
	r.parked(g, func(f parkFrame) bool {
		switch in := f.condRole(); in {
		case roleCond:
			// The function needs its receiver after the wait, and has saved it.
			r.tryWord(f.args)
			fallthrough
		case roleNotify:
			frames = append(frames, f)
			return in == roleNotify
		}
		return true
	})
	for i := 0; i < len(frames) && r.conds.waiting[g.Addr].sudog == 0; i++ {
		r.tryFrame(frames[i])
	}
	q, ok := r.conds.waiting[g.Addr]
	return q, ok
}

// condRole returns which of the functions that wait for a condition variable a frame is of.
func (f *parkFrame) condRole() role {
	for _, role := range f.roles {
		if role == roleNotify || role == roleCond {
			return role
		}
	}
	return roleOther
}

// maxFrameWords is how many words of a frame are taken for addresses: the frames
// of sync.Cond.Wait and runtime.notifyListWait have less than twenty.
const maxFrameWords = 64

// tryFrame takes each word of a frame for the address of a sync.Cond or of its list.
func (r *Reader) tryFrame(f parkFrame) {
	end := min(f.args+8, f.body.Start+8*maxFrameWords)
	for at := f.body.Start; at < end; at += 8 {
		r.tryWord(at)
	}
}

func (r *Reader) tryWord(at image.Addr) {
	v, ok := r.memory.word(at)
	if !ok || v == 0 || v%8 != 0 {
		return
	}
	if r.offsets.cond.err == nil {
		r.tryList(image.Addr(v) + image.Addr(r.offsets.cond.notify))
	}
	r.tryList(image.Addr(v))
}

// maxTried bounds the addresses that are remembered.
const maxTried = 1 << 20

// tryList takes an address for that of a notify list, and enters who waits in it
// if that is what it is: each entry is a goroutine's, for no channel and no
// semaphore, and the list ends where its tail is.
func (r *Reader) tryList(list image.Addr) {
	c, o := &r.conds, &r.offsets.notify
	if c.tried[list] || len(c.tried) >= maxTried {
		return
	}
	data := r.memory.bytes(list, o.bytes)
	if data == nil {
		return
	}
	order := r.memory.order
	head, tail := image.Addr(order.Uint64(data[o.head:])), image.Addr(order.Uint64(data[o.tail:]))
	if head == 0 || tail == 0 || order.Uint32(data[o.wait:]) == order.Uint32(data[o.notify:]) {
		return
	}
	c.tried[list] = true
	var last image.Addr
	err := r.list(head, r.offsets.sudog.next, func(at image.Addr, s sudog) error {
		last = at
		switch {
		case s.c != 0 || s.elem != 0 && s.elem != list:
			return errWrongQueue
		case s.g == 0:
			return errNoGoroutine
		}
		return r.charge()
	})
	if err != nil || last != tail {
		return
	}
	r.list(head, r.offsets.sudog.next, func(at image.Addr, s sudog) error {
		if c.waiting[s.g].sudog == 0 {
			c.waiting[s.g] = queued{sudog: at, at: list}
		}
		return nil
	})
}
