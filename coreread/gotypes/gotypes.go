// Package gotypes is the universe of all types that the values of a dead process
// can have: from the type descriptors that the linker or reflect made, and from
// DWARF, joined so that a type has one number whoever names it. It says where
// the pointers of a value are and what they point to, what type a variable, a
// local or a closure has, and how a field is called.
//
// It reads descriptors, code and debug information and never a value: which
// object has which type is not its business, nor is the heap.
package gotypes

import (
	"sync"
	"sync/atomic"

	"postmortem/coreread/exe"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// ID is the number of a type in a Universe; 0 is no type that is known. Numbers
// are given in the order in which types are first asked for.
type ID uint32

// Universe is the types of one process. Addresses that go in and come out are
// the process's own. It is safe for concurrent use.
type Universe struct {
	bin    *exe.Binary
	bias   int64 // process address minus the binary's own
	image  *image.Image
	types  *exe.Types
	module image.Range // of the binary's descriptors

	known     []atomic.Uint32 // by word of module: the descriptor's ID, 0 when not met yet
	mu        sync.Mutex
	elsewhere map[image.Addr]ID // descriptors outside of module
	chunks    [maxChunks]atomic.Pointer[chunk]
	byDIE     map[uint64]ID // by offset in .debug_info
	n         uint32        // numbers given, 0 included

	masks    masks
	names    func() map[string]ID // every type that the binary's lists lead to
	basic    func() *basicTypes   // by kind
	debug    func() *debugInfo    // never nil; debugErr says what it lacks
	debugErr error
	lists    func() *lists // of debug
	closures func() map[image.Addr]image.Addr
	swiss    bool // maps are Swiss tables
}

// entry is a type with what was found out about it so far.
type entry struct {
	descriptor image.Addr // 0 when only DWARF has it
	die        uint64     // then the offset of its entry in .debug_info
	typ        atomic.Pointer[Type]
	slots      atomic.Pointer[[]Slot]
}

// Entries stay where they are, in chunks.
const (
	chunkBits = 10
	maxChunks = 1 << 13 // 8 million types; the largest binaries have some 200,000
)

type chunk [1 << chunkBits]entry

// New prepares the types of a process. They are decoded when they are asked for.
func New(p *gort.Process) (*Universe, error) {
	return newUniverse(p.Image, p.Exe, p.Bias, p.Layout().Has(layout.SwissMaps)), nil
}

// newUniverse prepares the types of a process with the memory m, which loaded a
// binary at bias; swiss says that its maps are Swiss tables.
func newUniverse(m *image.Image, bin *exe.Binary, bias int64, swiss bool) *Universe {
	types := bin.Types().Range()
	u := &Universe{
		bin: bin, bias: bias, image: m, swiss: swiss, n: 1,
		module:    image.Range{Start: types.Start.Add(bias), End: types.End.Add(bias)},
		elsewhere: make(map[image.Addr]ID), byDIE: make(map[uint64]ID),
	}
	u.types = bin.Types().In(m, u.module)
	u.known = make([]atomic.Uint32, u.module.Len()/8)
	u.masks.init(m)
	u.names = sync.OnceValue(u.readNames)
	u.closures = sync.OnceValue(u.readClosures)
	u.basic = sync.OnceValue(u.readBasic)
	u.lists = sync.OnceValue(func() *lists { return readLists(bin.DebugSection) })
	u.debug = sync.OnceValue(func() (d *debugInfo) {
		d, u.debugErr = readDebugInfo(bin.DebugSection)
		return d
	})
	return u
}

// DebugInfo reports whether the binary's DWARF was read whole: nil, or why not.
// What was read before a damaged place is used.
func (u *Universe) DebugInfo() error {
	u.debug()
	return u.debugErr
}

// entry returns the entry of a number that was given, nil for any other.
func (u *Universe) entry(id ID) *entry {
	if id == 0 || id>>chunkBits >= maxChunks {
		return nil
	}
	c := u.chunks[id>>chunkBits].Load()
	if c == nil {
		return nil
	}
	return &c[id&(1<<chunkBits-1)]
}

// add gives the next number; 0 when there are none left. u.mu is held.
func (u *Universe) add(descriptor image.Addr) ID {
	id := ID(u.n)
	if id>>chunkBits >= maxChunks {
		return 0
	}
	c := u.chunks[id>>chunkBits].Load()
	if c == nil {
		c = new(chunk)
		u.chunks[id>>chunkBits].Store(c)
	}
	c[id&(1<<chunkBits-1)].descriptor = descriptor
	u.n++
	return id
}

// At returns the type of the descriptor at an address, such as the first word
// of an eface; false when no valid descriptor is there.
func (u *Universe) At(descriptor image.Addr) (ID, bool) {
	id := u.ref(descriptor)
	return id, id != 0 && u.Type(id).Kind != 0
}

// ref returns the number of the descriptor at an address, 0 when none can be
// there. The descriptor is decoded later.
func (u *Universe) ref(descriptor image.Addr) ID {
	if descriptor%8 != 0 || descriptor == 0 {
		return 0
	}
	if !u.module.Contains(descriptor) {
		return u.refElsewhere(descriptor)
	}
	i := (descriptor - u.module.Start) / 8
	if i >= image.Addr(len(u.known)) {
		return 0
	}
	if id := u.known[i].Load(); id != 0 {
		return ID(id)
	}
	if !u.plausible(descriptor) {
		return 0
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if id := u.known[i].Load(); id != 0 {
		return ID(id)
	}
	id := u.add(descriptor)
	u.known[i].Store(uint32(id))
	return id
}

// refElsewhere is ref for what is not the binary's own.
func (u *Universe) refElsewhere(descriptor image.Addr) ID {
	u.mu.Lock()
	defer u.mu.Unlock()
	if id, ok := u.elsewhere[descriptor]; ok {
		return id
	}
	if !u.plausible(descriptor) {
		return 0
	}
	id := u.add(descriptor)
	u.elsewhere[descriptor] = id
	return id
}

// plausible reports whether a descriptor's head could be at an address.
func (u *Universe) plausible(descriptor image.Addr) bool {
	head, err := u.types.Pointers(descriptor)
	return err == nil && head.Kind != 0
}
