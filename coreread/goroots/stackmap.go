package goroots

import (
	"math/bits"

	"postmortem/coreread/exe"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// stackMap is what the compiler recorded of a frame that goes on at one program
// counter (runtime/stkframe.go, getStackMap).
type stackMap struct {
	locals []uint32 // pointers, in bytes below the end of the locals
	args   []uint32 // pointers, in bytes above the start of the arguments
	// objects are the variables whose address is taken, by address.
	objects []objectRecord
	// missing are parts that it should have and has not: there every word may be a pointer.
	missingLocals, missingArgs bool
}

// objectRecord is a variable whose address is taken: runtime.stackObjectRecord.
type objectRecord struct {
	off      int32    // from the end of the locals when negative, from the start of the arguments otherwise
	size     uint32   // bytes
	pointers []uint32 // bytes from its start
	missing  bool     // where it has pointers is lost: any word may be one
}

// maxStackMaps bounds the maps that are kept: far more than the call sites on
// the stacks of a living process.
const maxStackMaps = 1 << 16

// stackMaps finds the maps of frames, and keeps them.
type stackMaps struct {
	p       *gort.Process
	minimum image.Addr // bytes of a frame's body that hold no locals yet
	byPC    map[image.Addr]*stackMap
	objects map[image.Addr][]objectRecord // by function
	recent  [256]struct {
		pc  image.Addr
		has *stackMap
	}
	reflect []objectRecord // of the reflect stubs, see registerArguments
}

func (m *stackMaps) init(p *gort.Process) {
	m.p = p
	m.byPC = make(map[image.Addr]*stackMap)
	m.objects = make(map[image.Addr][]objectRecord)
	integers, floats := uint32(9), uint32(15) // internal/abi/abi_amd64.go
	if p.GOARCH() == "arm64" {
		m.minimum = 16
		integers, floats = 16, 16
	}
	m.reflect = []objectRecord{registerArguments(integers, floats)}
}

// at returns the map of a frame that is not dead.
func (m *stackMaps) at(f *gort.LiveFrame) *stackMap {
	recent := &m.recent[uint64(f.ContinuePC)*0x9e3779b97f4a7c15>>56]
	if recent.pc == f.ContinuePC && recent.has != nil {
		return recent.has
	}
	s, ok := m.byPC[f.ContinuePC]
	if !ok {
		if len(m.byPC) >= maxStackMaps {
			clear(m.byPC)
			clear(m.objects)
		}
		s = m.decode(f.Func, m.p.Static(f.ContinuePC))
		m.byPC[f.ContinuePC] = s
	}
	recent.pc, recent.has = f.ContinuePC, s
	return s
}

// decode reads the map for a continuation pc, an address of the binary.
func (m *stackMaps) decode(fn exe.Func, pc image.Addr) *stackMap {
	index := int32(-1)
	if pc != fn.Entry() {
		// The call before it. At the entry the map for the entry counts, even if
		// the first instruction changes it.
		index = fn.PCData(exe.PCDataStackMapIndex, pc-1)
	}
	if index == -1 {
		index = 0
	}
	s := &stackMap{objects: m.objectsOf(fn)}
	words, bitmap, ok := m.bitmap(fn, exe.FuncDataLocalsPointerMaps, index)
	s.missingLocals = !ok
	eachBit(bitmap, words, func(i uint32) { s.locals = append(s.locals, 8*(words-i)) })
	if args := fn.Args(); args != exe.ArgsUnknown && args >= 8 {
		words, bitmap, ok = m.bitmap(fn, exe.FuncDataArgsPointerMaps, index)
		s.missingArgs = !ok
		eachBit(bitmap, words, func(i uint32) { s.args = append(s.args, 8*i) })
	}
	return s
}

// bitmap returns the bitmap number index of a table of them: runtime.stackmap. It
// is not ok where there is no table, or the table has no such bitmap.
func (m *stackMaps) bitmap(fn exe.Func, table int, index int32) (words uint32, bitmap []byte, ok bool) {
	at, ok := fn.FuncData(table)
	if !ok {
		return 0, nil, false
	}
	c := m.p.Exe.Image().Cursor()
	n, nbit := c.Int32(at), c.Int32(at+4)
	if c.Err() != nil || n <= 0 || nbit < 0 {
		return 0, nil, false
	}
	if nbit == 0 {
		return 0, nil, true
	}
	if index < 0 || index >= n {
		return 0, nil, false
	}
	size := (uint64(nbit) + 7) / 8
	bitmap, err := m.p.Exe.Image().Bytes(at+8+image.Addr(uint64(index)*size), size)
	return uint32(nbit), bitmap, err == nil
}

// eachBit visits the set bits among the first n.
func eachBit(bitmap []byte, n uint32, visit func(uint32)) {
	for i, b := range bitmap {
		for ; b != 0; b &= b - 1 {
			if bit := uint32(8*i + bits.TrailingZeros8(b)); bit < n {
				visit(bit)
			}
		}
	}
}

// maxStackObjects bounds the variables of one function whose address is taken.
const maxStackObjects = 1 << 16

// objectsOf returns the variables of a function whose address is taken, by address.
func (m *stackMaps) objectsOf(fn exe.Func) []objectRecord {
	entry := fn.Entry()
	if list, ok := m.objects[entry]; ok {
		return list
	}
	var list []objectRecord
	if at, ok := fn.FuncData(exe.FuncDataStackObjects); ok {
		list = m.readObjects(at)
	}
	m.objects[entry] = list
	return list
}

func (m *stackMaps) readObjects(at image.Addr) []objectRecord {
	c := m.p.Exe.Image().Cursor()
	n := c.Uint64(at)
	if n > maxStackObjects || c.Err() != nil {
		return nil
	}
	raw, err := m.p.Exe.Image().Bytes(at+8, 16*n)
	if err != nil {
		return nil
	}
	order := m.p.Exe.Image().ByteOrder()
	list := make([]objectRecord, n)
	for i := range list {
		b := raw[16*i:]
		list[i] = objectRecord{off: int32(order.Uint32(b)), size: order.Uint32(b[4:])}
		var ok bool
		list[i].pointers, ok = m.pointers(int32(order.Uint32(b[8:])), order.Uint32(b[12:]), list[i].size)
		list[i].missing = !ok
	}
	return list
}

// maxObject bounds a variable on the stack, in bytes: larger ones the compiler
// puts on the heap (cmd/compile/internal/ir, MaxStackVarSize).
const maxObject = 16 << 20

// pointers returns where a variable has pointers: in its first extent bytes,
// which data, a distance from the module's rodata, describes. A negative extent is
// of a pointer program (until 1.23).
func (m *stackMaps) pointers(extent int32, data, size uint32) (list []uint32, ok bool) {
	at := m.p.Exe.Module().RoData + image.Addr(data)
	words := uint32(max(extent, -extent)) / 8
	if words > min(size, maxObject)/8 {
		return nil, false
	}
	var bitmap []byte
	var err error
	if extent >= 0 {
		bitmap, err = m.p.Exe.Image().Bytes(at, (uint64(words)+7)/8)
	} else {
		bitmap, err = unroll(m.p.Exe.Image(), at+4, uint64(words)) // behind its length
	}
	eachBit(bitmap, words, func(i uint32) { list = append(list, 8*i) })
	return list, err == nil
}
