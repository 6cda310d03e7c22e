package gort

import (
	"postmortem/coreread/exe"
	"postmortem/coreread/image"
)

// Bytes of FUNCDATA_ArgInfo that are no offset (internal/abi/symtab.go,
// TraceArgs…); an offset is followed by a size in bytes.
const (
	argInfoEnd      = 0xff
	argInfoOpen     = 0xfe
	argInfoClose    = 0xfd
	argInfoMore     = 0xfc
	argInfoTooFar   = 0xfb
	argInfoMaxBytes = 64 // runtime.printArgs prints at most 10 words at a depth of 5
)

// argumentSlots returns where the frame of f keeps its first n argument words,
// nil when the function table does not say so for all of them. Arguments that
// came in registers are there only if the compiler has saved them before the
// frame's pc: the caller must doubt what it reads.
func (p *Process) argumentSlots(f Frame, n int) []image.Addr {
	info := p.info(f.PC)
	if !info.known || f.FP == 0 {
		return nil
	}
	at, ok := info.fn.FuncData(exe.FuncDataArgInfo)
	if !ok {
		return nil
	}
	base := f.FP
	if p.arch.linkRegister {
		base += 8 // the callee's saved link register lies below the arguments
	}
	var slots []image.Addr
	c := p.Exe.Image().Cursor()
	for read := image.Addr(0); read < argInfoMaxBytes && len(slots) < n; read++ {
		switch b := c.Uint8(at + read); {
		case c.Err() != nil || b == argInfoEnd || b == argInfoMore || b == argInfoTooFar:
			return nil
		case b == argInfoOpen || b == argInfoClose:
		default:
			read++
			if size := c.Uint8(at + read); size != 8 {
				return nil
			}
			slots = append(slots, base+image.Addr(b))
		}
	}
	if len(slots) < n {
		return nil
	}
	return slots
}

// argumentPair reads the first two argument words of a frame: a string's or an interface's.
func (p *Process) argumentPair(f Frame) (first, second uint64, ok bool) {
	slots := p.argumentSlots(f, 2)
	if slots == nil {
		return 0, 0, false
	}
	c := p.Image.Cursor()
	first, second = c.Uint64(slots[0]), c.Uint64(slots[1])
	return first, second, c.Err() == nil
}
