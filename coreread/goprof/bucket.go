package goprof

import (
	"errors"
	"fmt"

	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// bucketType is bucket.typ (runtime/mprof.go, the same numbers in 1.18 to 1.27).
type bucketType uint64

const (
	memoryProfile bucketType = 1 + iota
	blockProfile
	mutexProfile
)

// lists are the variables with the first bucket of each type.
var lists = map[bucketType]struct{ variable, name string }{
	memoryProfile: {"runtime.mbuckets", "memory profile"},
	blockProfile:  {"runtime.bbuckets", "block profile"},
	mutexProfile:  {"runtime.xbuckets", "mutex profile"},
}

func (t bucketType) effect() string { return "stacks are missing from the " + lists[t].name }

// maxDepth is the most words that a bucket's stack can have (runtime/mprof.go,
// maxProfStackDepth since 1.23; maxStack, 32, before).
const maxDepth = 1024

// found is a bucket of a list, with what follows its stack.
type found struct {
	Bucket
	size   uint64
	record []byte
}

var (
	errCircle    = errors.New("the list goes round in a circle")
	errMemory    = errors.New("the list claims more memory than there is")
	errUnaligned = errors.New("it is at an odd address")
)

// eachBucket calls visit with the buckets of a type, newest first. A bucket whose
// record is absent is left out, a stack ends where its memory does; the list ends
// where a header is absent or impossible. Each is a gap. budget is how many bytes
// buckets may still take.
func (ps *Profiles) eachBucket(t bucketType, budget *uint64, seen map[image.Addr]uint32, visit func(found)) {
	head, ok := ps.global(lists[t].variable, 0, 8, t.effect())
	if !ok {
		return
	}
	for at := image.Addr(head); at != 0; {
		b, next, err := ps.bucketAt(at, t)
		if _, again := seen[at]; again {
			err = errCircle
		}
		if err == nil {
			n := ps.offsets.header + 8*uint64(b.depth) + ps.recordBytes(t)
			if n > *budget {
				err = errMemory
			} else {
				*budget -= n
			}
		}
		if err != nil {
			ps.bucketGap(t, at, err)
			return
		}
		seen[at] = 0
		if b.record, err = ps.p.Image.Bytes(ps.record(b.Bucket), ps.recordBytes(t)); err != nil {
			ps.bucketGap(t, at, err)
		} else {
			if n := ps.p.Image.Missing(image.Range{Start: ps.stackStart(b.Bucket), End: ps.record(b.Bucket)}); n > 0 {
				ps.bucketGap(t, at, fmt.Errorf("%d bytes of its stack are not in the core", n))
			}
			visit(b)
		}
		at = next
	}
}

func (ps *Profiles) bucketGap(t bucketType, at image.Addr, err error) {
	ps.p.AddGap(gort.Gap{What: fmt.Sprintf("%s bucket: %v", lists[t].name, err), Addr: at, Effect: t.effect()})
}

func (ps *Profiles) bucketAt(at image.Addr, t bucketType) (b found, next image.Addr, err error) {
	if at%8 != 0 {
		return b, 0, errUnaligned
	}
	header, err := ps.p.Image.Bytes(at, ps.offsets.header)
	if err != nil {
		return b, 0, err
	}
	order, o := ps.p.Image.ByteOrder(), &ps.offsets
	if got := bucketType(order.Uint64(header[o.typ:])); got != t {
		return b, 0, fmt.Errorf("its type is %d", got)
	}
	depth := order.Uint64(header[o.depth:])
	if depth > maxDepth {
		return b, 0, fmt.Errorf("its stack is said to have %d words", depth)
	}
	b.Bucket = Bucket{Addr: at, depth: uint32(depth)}
	b.size = order.Uint64(header[o.size:])
	return b, image.Addr(order.Uint64(header[o.next:])), nil
}

func (ps *Profiles) stackStart(b Bucket) image.Addr { return b.Addr + image.Addr(ps.offsets.header) }

// record returns where the counts of b are: behind its stack.
func (ps *Profiles) record(b Bucket) image.Addr {
	return ps.stackStart(b) + 8*image.Addr(b.depth)
}

func (ps *Profiles) recordBytes(t bucketType) uint64 {
	if t == memoryProfile {
		return ps.offsets.record
	}
	return ps.offsets.blockRecord
}

// stack returns the program counters of b as the runtime recorded them, innermost
// first: return addresses, and where a call was inlined one more than the address
// of the instruction that marks it. It ends where the memory does, or at a zero.
func (ps *Profiles) stack(b Bucket) []image.Addr {
	pcs := make([]image.Addr, 0, b.depth)
	for c, at := ps.p.Image.Cursor(), ps.stackStart(b); at < ps.record(b); at += 8 {
		pc := c.Addr(at)
		if pc == 0 {
			break // absent memory too
		}
		pcs = append(pcs, pc)
	}
	return pcs
}
