package leaks

import (
	"golang.org/x/arch/x86/x86asm"
)

// registers is a set of the registers of amd64: bit n for the general register
// of number n (rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15), bit 16+n for xmm n.
type registers uint32

// allRegisters are all of them; argumentRegisters those that Go passes words in,
// to a function and back, and the one for its closure.
const (
	allRegisters      registers = 1<<32 - 1
	argumentRegisters registers = 1<<0 | 1<<1 | 1<<2 | 1<<3 | 1<<6 | 1<<7 | 1<<8 | 1<<9 | 1<<10 | 1<<11
)

// liveAt returns the registers whose values the code of a function may still use
// when it goes on at the offset from its start, in bytes. preserves tells of a
// call's target, an offset too, whether it may keep the registers for its caller:
// assembly may, Go's functions do not (cmd/compile/abi-internal.md).
func liveAt(body []byte, offset int, preserves func(target int) bool) (live registers) {
	if offset < 0 || offset >= len(body) || len(body) > maxBody {
		return allRegisters
	}
	// intact are the registers that still have their values on some way to an
	// instruction; they only become more.
	intact := map[int]registers{offset: allRegisters}
	queue := []int{offset}
	for len(queue) > 0 && live != allRegisters {
		at := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		inst, err := x86asm.Decode(body[at:], 64)
		if err != nil {
			return allRegisters
		}
		kept := intact[at]
		reads, writes := effects(&inst)
		next := at + inst.Len
		follow := func(to int) {
			if to < 0 || to >= len(body) { // a call that does not come back, or another function
				live |= kept & argumentRegisters
				return
			}
			if more := intact[to] | kept; more != intact[to] {
				intact[to] = more
				queue = append(queue, to)
			}
		}
		target, direct := inst.Args[0].(x86asm.Rel)
		live |= kept & reads
		kept &^= writes
		switch {
		case inst.Op == x86asm.RET:
			live |= kept & argumentRegisters
		case inst.Op == x86asm.UD2, inst.Op == x86asm.INT && inst.Args[0] == x86asm.Imm(3):
		case inst.Op == x86asm.CALL && direct && preserves(next+int(target)):
			live |= kept & argumentRegisters
			follow(next)
		case inst.Op == x86asm.CALL:
			live |= kept & argumentRegisters
		case inst.Op == x86asm.JMP && direct:
			follow(next + int(target))
		case inst.Op == x86asm.JMP:
			live |= kept
		case direct:
			follow(next + int(target))
			follow(next)
		default:
			follow(next)
		}
	}
	return live
}

// explicit are instructions that use no registers but those of their operands.
var explicit = map[x86asm.Op]bool{
	x86asm.ADD: true, x86asm.SUB: true, x86asm.ADC: true, x86asm.SBB: true, x86asm.AND: true, x86asm.OR: true, x86asm.XOR: true,
	x86asm.CMP: true, x86asm.TEST: true, x86asm.INC: true, x86asm.DEC: true, x86asm.NEG: true, x86asm.NOT: true, x86asm.LEA: true,
	x86asm.MOV: true, x86asm.MOVZX: true, x86asm.MOVSX: true, x86asm.MOVSXD: true, x86asm.SHL: true, x86asm.SHR: true, x86asm.SAR: true,
	x86asm.ROL: true, x86asm.ROR: true, x86asm.BT: true, x86asm.BTS: true, x86asm.BTR: true, x86asm.BSF: true, x86asm.BSR: true,
	x86asm.NOP: true, x86asm.XCHG: true, x86asm.PUSH: true, x86asm.POP: true, x86asm.JMP: true, x86asm.CALL: true, x86asm.RET: true, x86asm.UD2: true, x86asm.INT: true,
	x86asm.JA: true, x86asm.JAE: true, x86asm.JB: true, x86asm.JBE: true, x86asm.JE: true, x86asm.JNE: true, x86asm.JG: true, x86asm.JGE: true,
	x86asm.JL: true, x86asm.JLE: true, x86asm.JS: true, x86asm.JNS: true, x86asm.JO: true, x86asm.JNO: true, x86asm.JP: true, x86asm.JNP: true,
	x86asm.SETA: true, x86asm.SETAE: true, x86asm.SETB: true, x86asm.SETBE: true, x86asm.SETE: true, x86asm.SETNE: true,
	x86asm.SETG: true, x86asm.SETGE: true, x86asm.SETL: true, x86asm.SETLE: true,
	x86asm.CMOVA: true, x86asm.CMOVAE: true, x86asm.CMOVB: true, x86asm.CMOVBE: true, x86asm.CMOVE: true, x86asm.CMOVNE: true,
	x86asm.CMOVG: true, x86asm.CMOVGE: true, x86asm.CMOVL: true, x86asm.CMOVLE: true, x86asm.CMOVS: true, x86asm.CMOVNS: true,
	x86asm.MOVUPS: true, x86asm.MOVAPS: true, x86asm.MOVDQU: true, x86asm.XORPS: true, x86asm.PXOR: true,
}

// overwrites are those of them that write their first operand without reading it.
var overwrites = map[x86asm.Op]bool{
	x86asm.LEA: true, x86asm.MOV: true, x86asm.MOVZX: true, x86asm.MOVSX: true, x86asm.MOVSXD: true, x86asm.POP: true,
	x86asm.MOVUPS: true, x86asm.MOVAPS: true, x86asm.MOVDQU: true,
}

// effects returns the registers that an instruction reads and those that it
// writes whole. What it does to the others is not known: they count as read.
func effects(inst *x86asm.Inst) (reads, writes registers) {
	if !explicit[inst.Op] || inst.Prefix[0]&0xff == x86asm.PrefixREP || inst.Prefix[0]&0xff == x86asm.PrefixREPN {
		return allRegisters, 0
	}
	first, whole := inst.Args[0].(x86asm.Reg)
	target, full := registerOf(first)
	clears := (inst.Op == x86asm.XOR || inst.Op == x86asm.XORPS || inst.Op == x86asm.PXOR) && inst.Args[0] == inst.Args[1]
	if whole && full && (overwrites[inst.Op] || clears) {
		writes = target
	}
	for i, a := range inst.Args {
		switch a := a.(type) {
		case x86asm.Reg:
			r, _ := registerOf(a)
			if !clears && !(i == 0 && writes != 0) {
				reads |= r
			}
		case x86asm.Mem:
			base, _ := registerOf(a.Base)
			index, _ := registerOf(a.Index)
			reads |= base | index
		}
	}
	return reads, writes
}

// registerOf returns the register that a name stands for, and whether writing by
// that name writes all of it.
func registerOf(r x86asm.Reg) (set registers, whole bool) {
	switch {
	case x86asm.RAX <= r && r <= x86asm.R15:
		return 1 << (r - x86asm.RAX), true
	case x86asm.EAX <= r && r <= x86asm.R15L:
		return 1 << (r - x86asm.EAX), true
	case x86asm.AX <= r && r <= x86asm.R15W:
		return 1 << (r - x86asm.AX), false
	case x86asm.AL <= r && r <= x86asm.BL:
		return 1 << (r - x86asm.AL), false
	case x86asm.AH <= r && r <= x86asm.R15B:
		return 1 << (r - x86asm.AH), false
	case x86asm.X0 <= r && r <= x86asm.X15:
		return 1 << (16 + r - x86asm.X0), true
	}
	return 0, false
}
