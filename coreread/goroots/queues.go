package goroots

import (
	"fmt"

	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// QueuedCall is a finalizer or cleanup that is due and has not returned.
type QueuedCall struct {
	At      image.Addr // of the entry in the queue, which is not on the heap
	Cleanup bool       // a cleanup; until 1.24 those stand among the finalizers, with a function only
	Func    image.Addr // func value to call
	Call    image.Addr // func value that calls it: cleanups since 1.26
	Arg     image.Addr // what it is called with: a finalizer's object, and a cleanup's argument since 1.26
	ArgType image.Addr // descriptor of the parameter of Func: finalizers
	PtrType image.Addr // descriptor of the pointer to the object: finalizers
	at      [5]image.Addr
}

// Roots visits what the entry keeps alive.
func (q *QueuedCall) Roots(visit func(Slot)) {
	for i, v := range [...]image.Addr{q.Func, q.Arg, q.Call, q.ArgType, q.PtrType} {
		if v != 0 {
			visit(Slot{At: q.at[i], Value: v, Kind: Queued})
		}
	}
}

// queueOffsets are the queues of finalizers and cleanups.
type queueOffsets struct {
	block, blockNext, blockCount uint64 // runtime.finBlock, finblock until 1.24
	entries                      layout.Array
	fn, arg, fint, ot            uint64 // runtime.finalizer

	// The queue of cleanups, since 1.25; the size of its blocks is 0 before.
	queue               uint64 // cleanupQueue.all
	cleanups            uint64 // size of runtime.cleanupBlock
	nextBlock, count    uint64
	calls               layout.Array
	whole               bool // an entry is a runtime.cleanupFn, and not a func value (1.26)
	cleanupCall, cleanF uint64
	cleanupArg          uint64
}

func (o *queueOffsets) bind(l *layout.Layout) error {
	block := l.Struct("runtime.finBlock")
	if block.Err() != nil {
		block = l.Struct("runtime.finblock")
	}
	o.block, o.blockNext, o.blockCount = block.Size(), block.Offset("alllink"), block.Offset("cnt")
	o.entries = block.Array("fin")
	fin := l.Struct("runtime.finalizer")
	o.fn, o.arg, o.fint, o.ot = fin.Offset("fn"), fin.Offset("arg"), fin.Offset("fint"), fin.Offset("ot")
	if err := block.Err(); err != nil {
		return err
	}
	if err := fin.Err(); err != nil || !l.Has(layout.CleanupGoroutines) {
		return err
	}
	queue, cleanup := l.Struct("runtime.cleanupQueue"), l.Struct("runtime.cleanupBlock")
	o.queue = queue.Offset("all")
	o.cleanups, o.nextBlock, o.count = cleanup.Size(), cleanup.OneOf("alllink", "cleanupBlockHeader.alllink"), cleanup.OneOf("n", "cleanupBlockHeader.n")
	o.calls = cleanup.Array("cleanups")
	if err := queue.Err(); err != nil {
		return err
	}
	if call := l.Struct("runtime.cleanupFn"); o.calls.Stride > 8 {
		o.whole = true
		o.cleanupCall, o.cleanF, o.cleanupArg = call.Offset("call"), call.Offset("fn"), call.Offset("arg")
		if err := call.Err(); err != nil {
			return err
		}
	}
	return cleanup.Err()
}

// Queues visits the finalizers and cleanups that are due: the garbage that they
// are for lives on until they have run. The entry is only lent.
func (r *Reader) Queues(visit func(*QueuedCall)) {
	o := &r.offsets.queues
	err := r.blocks("runtime.allfin", 0, o.block, o.blockNext, o.blockCount, o.entries, func(at image.Addr) error {
		return r.queuedFinalizer(at, visit)
	})
	if err != nil {
		r.gap(fmt.Sprintf("queued finalizers: %v", err), 0, 0)
	}
	if o.cleanups == 0 {
		return
	}
	err = r.blocks("runtime.gcCleanups", o.queue, o.cleanups, o.nextBlock, o.count, o.calls, func(at image.Addr) error {
		return r.queuedCleanup(at, visit)
	})
	if err != nil {
		r.gap(fmt.Sprintf("queued cleanups: %v", err), 0, 0)
	}
}

// blocks visits the entries of the blocks of a queue, all of which a list links
// that begins in a variable.
func (r *Reader) blocks(name string, field, size, next, count uint64, entries layout.Array, visit func(image.Addr) error) error {
	global, _, err := r.p.Exe.Global(name)
	if err != nil {
		return err
	}
	block, err := r.p.Image.Addr(global.Add(r.p.Bias) + image.Addr(field))
	var loop circle
	for err == nil && block != 0 {
		if err = loop.check(block); err == nil {
			err = r.charge(size / 8)
		}
		if err != nil {
			break
		}
		var n uint32
		if n, err = r.p.Image.Uint32(block + image.Addr(count)); err != nil {
			break
		}
		if uint64(n) > entries.Len {
			return fmt.Errorf("the block at %v counts %d of %d", block, n, entries.Len)
		}
		for i := range uint64(n) {
			if err := visit(block + image.Addr(entries.Offset+i*entries.Stride)); err != nil {
				return err
			}
		}
		block, err = r.p.Image.Addr(block + image.Addr(next))
	}
	return err
}

func (r *Reader) queuedFinalizer(at image.Addr, visit func(*QueuedCall)) error {
	o, c := &r.offsets.queues, r.p.Image.Cursor()
	q := QueuedCall{At: at, at: [5]image.Addr{
		at + image.Addr(o.fn), at + image.Addr(o.arg), 0, at + image.Addr(o.fint), at + image.Addr(o.ot),
	}}
	q.Func, q.Arg, q.ArgType, q.PtrType = c.Addr(q.at[0]), c.Addr(q.at[1]), c.Addr(q.at[3]), c.Addr(q.at[4])
	if c.Err() != nil {
		return c.Err()
	}
	q.Cleanup = q.Func != 0 && q.Arg == 0 && q.PtrType == 0
	visit(&q)
	return nil
}

func (r *Reader) queuedCleanup(at image.Addr, visit func(*QueuedCall)) error {
	o, c := &r.offsets.queues, r.p.Image.Cursor()
	q := QueuedCall{At: at, Cleanup: true, at: [5]image.Addr{at}}
	if o.whole {
		q.at = [5]image.Addr{at + image.Addr(o.cleanF), at + image.Addr(o.cleanupArg), at + image.Addr(o.cleanupCall)}
		q.Arg, q.Call = c.Addr(q.at[1]), c.Addr(q.at[2])
	}
	q.Func = c.Addr(q.at[0])
	if c.Err() != nil {
		return c.Err()
	}
	visit(&q)
	return nil
}

// TinyBlocks visits the block that each processor still allocates small values
// from: a cycle of the collector begins by marking them (runtime/mgcmark.go,
// gcMarkTinyAllocs).
func (r *Reader) TinyBlocks(visit func(Slot)) {
	o := &r.offsets
	for _, p := range r.p.Scheduler().Processors {
		cache, err := r.p.Image.Addr(p.Addr + image.Addr(o.cache))
		if err != nil || cache == 0 {
			continue // the scheduler's own reader tells of lost processors
		}
		at := cache + image.Addr(o.tiny)
		block, err := r.p.Image.Addr(at)
		if err != nil {
			r.gap(fmt.Sprintf("the block for small values of processor %d", p.ID), at, 8)
			continue
		}
		if block != 0 {
			visit(Slot{At: at, Value: block, Kind: TinyBlock})
		}
	}
}
