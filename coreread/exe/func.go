package exe

import (
	"math"

	"postmortem/coreread/image"
)

// funcLayout is the shape of a function's record and of the inline tree for a
// range of releases (runtime/runtime2.go, _func; runtime/symtabinl.go, inlinedCall).
type funcLayout struct {
	since, until int // minor versions of Go 1, until exclusive

	// Offsets in the record (bytes). -1: the version has no such field.
	startLine, funcID, flag, funcDataCount int
	tables                                 int // pcdata offsets, then funcdata offsets, 4 bytes each

	inlined inlinedLayout

	// Number of the function id "wrapper" (internal/abi/symtab.go).
	wrapper uint8
}

// inlinedLayout is an entry of the inline tree.
type inlinedLayout struct {
	size, funcID, name, parentPC, startLine int
}

var (
	inlined118 = inlinedLayout{size: 20, funcID: 2, name: 12, parentPC: 16, startLine: -1}
	inlined120 = inlinedLayout{size: 16, funcID: 0, name: 4, parentPC: 8, startLine: 12}
)

var funcLayouts = []funcLayout{
	{since: 18, until: 20, startLine: -1, funcID: 36, flag: 37, funcDataCount: 39, tables: 40, inlined: inlined118, wrapper: 21},
	{since: 20, until: 22, startLine: 36, funcID: 40, flag: 41, funcDataCount: 43, tables: 44, inlined: inlined120, wrapper: 21},
	{since: 22, until: 25, startLine: 36, funcID: 40, flag: 41, funcDataCount: 43, tables: 44, inlined: inlined120, wrapper: 22},
	{since: 25, until: math.MaxInt, startLine: 36, funcID: 40, flag: 41, funcDataCount: 43, tables: 44, inlined: inlined120, wrapper: 23},
}

func funcLayoutOf(minor int) *funcLayout {
	for i := range funcLayouts {
		if l := &funcLayouts[i]; minor < l.until {
			return l
		}
	}
	return &funcLayouts[len(funcLayouts)-1]
}

// Offsets in a function's record that all versions share.
const (
	funcName        = 4  // i32
	funcArgs        = 8  // i32
	funcDeferReturn = 12 // u32
	funcPCSP        = 16 // u32
	funcPCFile      = 20 // u32
	funcPCLine      = 24 // u32
	funcPCDataCount = 28 // u32
	funcCUOffset    = 32 // u32
)

// Bits of the record's flag.
const (
	flagTopFrame = 1
	flagSPWrite  = 2
	flagAsm      = 4
)

// Tables of pc-value and per-function data (internal/abi/symtab.go), for Func.PCData and Func.FuncData.
const (
	PCDataUnsafePoint   = 0
	PCDataStackMapIndex = 1
	PCDataInlTreeIndex  = 2
	PCDataArgLiveIndex  = 3

	FuncDataArgsPointerMaps    = 0
	FuncDataLocalsPointerMaps  = 1
	FuncDataStackObjects       = 2
	FuncDataInlTree            = 3
	FuncDataOpenCodedDeferInfo = 4
	FuncDataArgInfo            = 5
	FuncDataArgLiveInfo        = 6
	FuncDataWrapInfo           = 7
)

// ArgsUnknown is what Func.Args returns for functions whose arguments' size is
// not recorded (internal/abi/funcpc.go, ArgsSizeUnknown).
const ArgsUnknown = math.MinInt32

// holds reports whether pcln holds a whole record at off.
func (l *funcLayout) holds(pcln []byte, off uint32) bool {
	size := uint64(len(pcln))
	if uint64(off)+uint64(l.tables) > size {
		return false
	}
	record := pcln[off:]
	tables := uint64(order.Uint32(record[funcPCDataCount:])) + uint64(record[l.funcDataCount])
	return uint64(off)+uint64(l.tables)+4*tables <= size
}

// Func is a function of the binary. The zero Func is none: only what
// FuncTable.Find and its like return with true may be asked.
type Func struct {
	table  *FuncTable
	index  uint32 // in the table
	record uint32 // offset in table.pcln; the whole record is there
}

func (f Func) bytes() []byte { return f.table.pcln[f.record:] }

func (f Func) uint32(off int) uint32 { return order.Uint32(f.bytes()[off:]) }

// Entry returns the address of the first instruction.
func (f Func) Entry() image.Addr { return f.table.address(f.table.entry(int(f.index))) }

// End returns the address where the next function begins, padding included.
func (f Func) End() image.Addr { return f.table.address(f.table.entry(int(f.index) + 1)) }

// rawName returns the name's bytes, nil when the record points elsewhere.
func (f Func) rawName() []byte { return f.table.nameAt(f.uint32(funcName)) }

// Name returns the linker's name, "" when the table is damaged there. Type
// arguments are in full from Go 1.21 on, and "[...]" before.
func (f Func) Name() string { return string(f.rawName()) }

// nameAt returns the name at an offset into the table of names.
func (t *FuncTable) nameAt(off uint32) []byte {
	if uint64(off) >= uint64(len(t.funcNames)) {
		return nil
	}
	name, _ := cString(t.funcNames[off:])
	return name
}

func (f Func) flag(bit byte) bool { return f.bytes()[f.table.layout.flag]&bit != 0 }

// IsTopFrame reports whether nothing calls the function: a stack ends there.
func (f Func) IsTopFrame() bool { return f.flag(flagTopFrame) }

// IsSPWrite reports whether the function sets the stack pointer in a way that
// SPDelta cannot tell.
func (f Func) IsSPWrite() bool { return f.flag(flagSPWrite) }

// IsAsm reports whether the function is written in assembly.
func (f Func) IsAsm() bool { return f.flag(flagAsm) }

// IsWrapper reports whether the compiler or linker made the function to adapt a
// call; tracebacks leave it out.
func (f Func) IsWrapper() bool { return f.bytes()[f.table.layout.funcID] == f.table.layout.wrapper }

// DeferReturn returns the offset from the entry of the call to deferreturn, 0
// when the function defers nothing.
func (f Func) DeferReturn() uint32 { return f.uint32(funcDeferReturn) }

// Args returns the size of arguments and results on the stack (bytes), or ArgsUnknown.
func (f Func) Args() int32 { return int32(f.uint32(funcArgs)) }

// StartLine returns the line of the func keyword, 0 when the version does not record it (before 1.20).
func (f Func) StartLine() int {
	if f.table.layout.startLine < 0 {
		return 0
	}
	return int(int32(f.uint32(f.table.layout.startLine)))
}

// valueAt returns the value for pc of the pc-value table at an offset in pcTab.
// Offset 0 means that there is no table.
func (f Func) valueAt(table uint32, pc image.Addr) (int32, bool) {
	if table == 0 || uint64(table) >= uint64(len(f.table.pcTab)) || pc < f.Entry() {
		return -1, false
	}
	return pcValueAt(f.table.pcTab[table:], f.table.quantum, uint64(pc-f.Entry()))
}

// SPDelta returns how far the stack pointer at pc, before the instruction there runs, lies below
// where it was at the function's entry (bytes); false when the table does not say. It is negative
// where a function has popped more than its own frame: arm64's asyncPreempt ends so
// (runtime/preempt_arm64.s), 16 bytes above.
func (f Func) SPDelta(pc image.Addr) (int64, bool) {
	v, ok := f.valueAt(f.uint32(funcPCSP), pc)
	if !ok || v%8 != 0 {
		return 0, false
	}
	return int64(v), true
}

// PCData returns the value of a PCData… table at pc, -1 when the function has
// no such table or it does not cover pc.
func (f Func) PCData(table int, pc image.Addr) int32 {
	if table < 0 || uint64(table) >= uint64(f.uint32(funcPCDataCount)) {
		return -1
	}
	v, ok := f.valueAt(f.uint32(f.table.layout.tables+4*table), pc)
	if !ok {
		return -1
	}
	return v
}

// FuncData returns the address of a FuncData… table, false when the function has none.
func (f Func) FuncData(i int) (image.Addr, bool) {
	l := f.table.layout
	if i < 0 || i >= int(f.bytes()[l.funcDataCount]) {
		return 0, false
	}
	off := f.uint32(l.tables + 4*int(f.uint32(funcPCDataCount)) + 4*i)
	if off == ^uint32(0) {
		return 0, false
	}
	return f.table.goFunc + image.Addr(off), true
}

// Position returns the source position of the instruction that contains pc, in
// the innermost function inlined there; "", 0 when the table does not say.
func (f Func) Position(pc image.Addr) (file string, line int) {
	number, ok := f.valueAt(f.uint32(funcPCFile), pc)
	row, okLine := f.valueAt(f.uint32(funcPCLine), pc)
	if !ok || !okLine || number < 0 || row < 0 {
		return "", 0
	}
	t := f.table
	at := 4 * (uint64(f.uint32(funcCUOffset)) + uint64(number))
	if at+4 > uint64(len(t.cu)) {
		return "", 0
	}
	// ^0 marks a file of which no line remains.
	off := order.Uint32(t.cu[at:])
	if uint64(off) >= uint64(len(t.files)) {
		return "", 0
	}
	name, ok := cString(t.files[off:])
	if !ok {
		return "", 0
	}
	return string(name), int(row)
}
