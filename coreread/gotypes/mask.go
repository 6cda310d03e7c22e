package gotypes

import (
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"

	"postmortem/coreread/exe"
	"postmortem/coreread/image"
)

// Mask is the collector's bitmap of one value: a bit for each word, low bit
// first, set where the word is a pointer.
type Mask struct {
	Words uint64   // up to the last pointer: PtrBytes/8
	Bits  []uint64 // at least Words bits, those behind are 0; not to be changed
}

// Bit reports whether word i of the value is a pointer.
func (m *Mask) Bit(i uint64) bool { return i < m.Words && m.Bits[i/64]>>(i%64)&1 != 0 }

// masks keeps the masks that were made, by the descriptor's address.
type masks struct {
	recent [1 << recentBits]atomic.Pointer[mask] // by hash
	mu     sync.RWMutex
	all    map[image.Addr]*mask
	limit  uint64 // bytes of values that masks may still be made for
}

const recentBits = 12

type mask struct {
	descriptor image.Addr
	mask       Mask
	size       uint64
	err        error
}

// init sets the limit: every descriptor that heap objects name may be a
// different one, but their values lie in the image, and each needs an object.
func (m *masks) init(process *image.Image) {
	m.all = make(map[image.Addr]*mask)
	m.limit = minMaskLimit
	for _, s := range process.Segments() {
		m.limit += 4 * s.Len()
	}
}

// minMaskLimit allows for types that are much larger than the process, of which
// it has none (bytes).
const minMaskLimit = 1 << 30

// GCMask returns where the pointers of a value are, as the collector sees it,
// and the value's size in bytes, from the descriptor at an address: also from
// those that the runtime makes for the collector alone.
func (u *Universe) GCMask(descriptor image.Addr) (Mask, uint64, error) {
	slot := &u.masks.recent[uint64(descriptor)*0x9e3779b97f4a7c15>>(64-recentBits)]
	m := slot.Load()
	if m == nil || m.descriptor != descriptor {
		m = u.mask(descriptor)
		slot.Store(m)
	}
	return m.mask, m.size, m.err
}

// mask finds or makes the mask of a descriptor. Those that cannot be made are not kept.
func (u *Universe) mask(descriptor image.Addr) *mask {
	u.masks.mu.RLock()
	m := u.masks.all[descriptor]
	u.masks.mu.RUnlock()
	if m != nil {
		return m
	}
	m = &mask{descriptor: descriptor}
	if m.mask, m.size, m.err = u.makeMask(descriptor); m.err != nil {
		return m
	}
	u.masks.mu.Lock()
	defer u.masks.mu.Unlock()
	u.masks.all[descriptor] = m
	return m
}

func (u *Universe) makeMask(descriptor image.Addr) (Mask, uint64, error) {
	head, err := u.types.Pointers(descriptor)
	if err != nil {
		return Mask{}, 0, err
	}
	m := Mask{Words: head.PtrBytes / 8}
	if m.Words == 0 {
		return m, head.Size, nil
	}
	if !u.masks.allow(head.PtrBytes) {
		return Mask{}, 0, &exe.TypeError{Addr: descriptor, What: fmt.Sprintf("pointers in %d bytes: more than the process has", head.PtrBytes)}
	}
	switch head.Form {
	case exe.GCProgram:
		m.Bits, err = Unroll(u.image, head.Data+4, m.Words) // behind its length
	case exe.GCOnDemand:
		m.Bits = make([]uint64, (m.Words+63)/64)
		err = u.buildMask(descriptor, m.Bits, 0, 0)
	default:
		m.Bits, err = u.readMask(head)
	}
	if err != nil {
		return Mask{}, 0, fmt.Errorf("pointer mask of the type at %v: %w", descriptor, err)
	}
	return m, head.Size, nil
}

// allow takes n bytes of values off the limit.
func (m *masks) allow(n uint64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n > m.limit {
		return false
	}
	m.limit -= n
	return true
}

// readMask reads a bitmap from memory.
func (u *Universe) readMask(head exe.Pointers) ([]uint64, error) {
	words := head.PtrBytes / 8
	data, err := u.image.Bytes(head.Data, (words+7)/8)
	if err != nil {
		return nil, err
	}
	bits := make([]uint64, (words+63)/64)
	for i, b := range data {
		bits[i/8] |= uint64(b) << (i % 8 * 8)
	}
	if tail := words % 64; tail != 0 {
		bits[len(bits)-1] &= 1<<tail - 1
	}
	return bits, nil
}

// buildMask writes the mask of a type that has none, which only arrays and
// structs have not, at bit to, as the runtime does when it needs it
// (runtime/type.go, buildGCMask): from the masks of its parts. What the runtime may have built is not used.
func (u *Universe) buildMask(descriptor image.Addr, bits []uint64, to uint64, nesting int) error {
	head, err := u.types.Pointers(descriptor)
	if err != nil || head.PtrBytes == 0 {
		return err
	}
	words := head.PtrBytes / 8
	if nesting > maxNesting || to+words > 64*uint64(len(bits)) {
		return &exe.TypeError{Addr: descriptor, What: "a part that does not fit the whole"}
	}
	if head.Form != exe.GCOnDemand {
		part, err := u.readMask(head)
		if err != nil {
			return err
		}
		orBits(bits, to, part)
		return nil
	}
	d, err := u.types.Bare(descriptor)
	if err == nil {
		err = u.check(d)
	}
	if err != nil {
		return err
	}
	switch d.Kind {
	case reflect.Array:
		if d.Len == 0 {
			return nil
		}
		if err := u.buildMask(d.Elem, bits, to, nesting+1); err != nil {
			return err
		}
		if stride := d.Size / d.Len / 8; d.Len > 1 && stride > 0 && to+stride < 64*uint64(len(bits)) {
			n := min(stride*(d.Len-1), 64*uint64(len(bits))-to-stride)
			copyBits(bits, to+stride, stride, n)
		}
		return nil
	case reflect.Struct:
		for i := range d.Fields {
			f := &d.Fields[i]
			if err := u.buildMask(f.TypeAddr, bits, to+f.Offset/8, nesting+1); err != nil {
				return err
			}
		}
		return nil
	}
	return &exe.TypeError{Addr: descriptor, What: fmt.Sprintf("a %v without a mask", d.Kind)}
}

// orBits sets at position to the bits that are set in part.
func orBits(bits []uint64, to uint64, part []uint64) {
	for i, v := range part {
		at := to/64 + uint64(i)
		bits[at] |= v << (to % 64)
		if high := v >> (64 - to%64); high != 0 && to%64 != 0 {
			bits[at+1] |= high
		}
	}
}
