package locks

import (
	"golang.org/x/arch/x86/x86asm"

	"postmortem/coreread/image"
)

// Registers of amd64 by their numbers in machine code.
const (
	rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi reg = 0, 1, 2, 3, 4, 5, 6, 7
	r14                                    reg = 14
)

// amd64Arguments are the registers of the first integer arguments, in order
// (internal/abi/abi_amd64.go and the ABI's description).
var amd64Arguments = []reg{rax, rbx, rcx, rdi, rsi, 8, 9, 10, 11}

// decodeAMD64 reads the code that lies at the address. What cannot be read ends it.
func decodeAMD64(code []byte, at image.Addr) []instruction {
	list := make([]instruction, 0, len(code)/4)
	for len(code) > 0 {
		inst, err := x86asm.Decode(code, 64)
		if err != nil || inst.Len <= 0 {
			return append(list, instruction{pc: at, next: at + 1, op: opTrap})
		}
		list = append(list, amd64Instruction(&inst, at))
		at += image.Addr(inst.Len)
		code = code[inst.Len:]
	}
	return list
}

// amd64Register returns the general register that a part of it belongs to.
func amd64Register(r x86asm.Reg) (n reg, bytes uint8) {
	switch {
	case r >= x86asm.AL && r <= x86asm.BL:
		return reg(r - x86asm.AL), 1
	case r >= x86asm.AH && r <= x86asm.BH:
		return reg(r - x86asm.AH), 1
	case r >= x86asm.SPB && r <= x86asm.R15B:
		return reg(r-x86asm.SPB) + rsp, 1
	case r >= x86asm.AX && r <= x86asm.R15W:
		return reg(r - x86asm.AX), 2
	case r >= x86asm.EAX && r <= x86asm.R15L:
		return reg(r - x86asm.EAX), 4
	case r >= x86asm.RAX && r <= x86asm.R15:
		return reg(r - x86asm.RAX), 8
	}
	return noReg, 0
}

func amd64Memory(i *instruction, inst *x86asm.Inst, m x86asm.Mem) {
	i.memory, i.base, i.index, i.scale, i.disp = true, noReg, noReg, m.Scale, m.Disp
	switch {
	case m.Segment == x86asm.FS || m.Segment == x86asm.GS:
		i.disp = 0 // thread-local: nowhere that matters
	case m.Base == x86asm.RIP:
		i.disp += int64(i.next)
	case m.Base != 0:
		i.base, _ = amd64Register(m.Base)
	}
	if m.Index != 0 && m.Scale != 0 {
		i.index, _ = amd64Register(m.Index)
	}
	i.bytes = uint8(min(inst.MemBytes, 64))
}

func amd64Instruction(inst *x86asm.Inst, at image.Addr) instruction {
	i := instruction{pc: at, next: at + image.Addr(inst.Len), dst: noReg, src: noReg, base: noReg, index: noReg}
	var first, second x86asm.Arg = inst.Args[0], inst.Args[1]
	for n, arg := range inst.Args {
		if m, ok := arg.(x86asm.Mem); ok {
			amd64Memory(&i, inst, m)
			if n != 0 {
				i.bytes = 0
			}
		}
	}
	dst, dstBytes := noReg, uint8(0)
	if r, ok := first.(x86asm.Reg); ok {
		dst, dstBytes = amd64Register(r)
	}
	src := noReg
	if r, ok := second.(x86asm.Reg); ok {
		src, _ = amd64Register(r)
	}
	if amd64Jump(&i, inst) {
		return i
	}
	imm, hasImm := second.(x86asm.Imm)
	switch inst.Op {
	case x86asm.NOP, x86asm.CMP, x86asm.BT, x86asm.UCOMISD, x86asm.UCOMISS, x86asm.PREFETCHT0, x86asm.PREFETCHNTA:
		i.bytes = 0
	case x86asm.TEST:
		i.bytes = 0
		if dst != noReg && dst == src {
			i.op, i.dst = opTest, dst
		}
	case x86asm.LEA:
		i.op, i.dst, i.bytes = opAddress, dst, 0
	case x86asm.MOV:
		switch {
		case i.memory && i.bytes > 0 && inst.MemBytes == 8 && src != noReg:
			i.op, i.src = opStore, src
		case i.memory && i.bytes > 0:
			// A store of another size: it only overwrites.
		case i.memory && dstBytes == 8:
			i.op, i.dst = opLoad, dst
		case dstBytes == 8 && src != noReg:
			i.op, i.dst, i.src = opMove, dst, src
		case dstBytes >= 4 && hasImm:
			i.op, i.dst, i.imm = opConst, dst, int64(imm)
		default:
			i.overwrite(dst)
		}
	case x86asm.XOR:
		if dst != noReg && dst == src && dstBytes >= 4 {
			i.op, i.dst = opConst, dst
		} else {
			i.overwrite(dst)
		}
	case x86asm.ADD, x86asm.SUB:
		if dst != noReg && dstBytes == 8 && hasImm {
			i.op, i.dst, i.imm = opAdd, dst, int64(imm)
			if inst.Op == x86asm.SUB {
				i.imm = -i.imm
			}
		} else {
			i.overwrite(dst)
		}
	case x86asm.SETE:
		if dst != noReg {
			i.op, i.dst = opSetEqual, dst
		}
	case x86asm.INC, x86asm.DEC:
		i.overwrite(dst)
	case x86asm.PUSH:
		i.op, i.src, i.bytes = opPush, dst, 0
	case x86asm.POP:
		i.op, i.dst, i.bytes = opPop, dst, 0
	case x86asm.CMPXCHG:
		if i.memory && inst.MemBytes == 4 {
			i.op, i.dst, i.src = opCompare, rax, src
		}
		i.overwrite(rax)
		i.overwrite(dst)
	case x86asm.XADD:
		if i.memory && inst.MemBytes == 4 {
			i.op, i.src = opExchange, src
		}
		i.overwrite(src)
		i.overwrite(dst)
	case x86asm.XCHG:
		i.overwrite(dst)
		i.overwrite(src)
	case x86asm.MUL, x86asm.DIV, x86asm.IDIV, x86asm.IMUL, x86asm.CDQ, x86asm.CQO, x86asm.CWD, x86asm.CDQE, x86asm.CWDE, x86asm.CBW,
		x86asm.MULX, x86asm.RDTSC, x86asm.RDTSCP, x86asm.CPUID, x86asm.XGETBV, x86asm.CMPXCHG8B, x86asm.CMPXCHG16B, x86asm.SYSCALL:
		for _, r := range []reg{rax, rbx, rcx, rdx, 11, dst, src} {
			i.overwrite(r)
		}
	case x86asm.MOVSB, x86asm.MOVSW, x86asm.MOVSD, x86asm.MOVSQ, x86asm.STOSB, x86asm.STOSW, x86asm.STOSD, x86asm.STOSQ:
		if _, isMem := first.(x86asm.Mem); isMem {
			// Through RDI, as many as RCX says: all that lies above.
			if inst.Op != x86asm.MOVSD || i.base == rdi && amd64IsString(inst) {
				i.base, i.index, i.disp, i.bytes, i.scale = rdi, noReg, 0, 8, 1
				i.repeats = true
				i.overwrites |= 1<<rdi | 1<<rsi | 1<<rcx
			}
		} else {
			i.overwrite(dst)
		}
	default:
		i.overwrite(dst)
	}
	return i
}

// amd64IsString tells the string instruction MOVSD from the one for vectors.
func amd64IsString(inst *x86asm.Inst) bool {
	m, ok := inst.Args[1].(x86asm.Mem)
	return ok && m.Base == x86asm.RSI
}

func (i *instruction) overwrite(r reg) {
	if r < maxRegs {
		i.overwrites |= 1 << r
	}
}

// amd64Jump reads instructions that control flow; false for others.
func amd64Jump(i *instruction, inst *x86asm.Inst) bool {
	var arg x86asm.Arg = inst.Args[0]
	rel, direct := arg.(x86asm.Rel)
	switch inst.Op {
	case x86asm.CALL, x86asm.JMP:
		i.op = opCall
		if inst.Op == x86asm.JMP {
			i.op = opJump
		}
		if direct {
			i.target = i.next.Add(int64(rel))
			break
		}
		if i.op++; inst.Op == x86asm.JMP {
			i.op = opJumpAt
		}
		i.bytes = 0
		if r, ok := arg.(x86asm.Reg); ok {
			i.dst, _ = amd64Register(r)
		}
	case x86asm.RET:
		i.op = opReturn
	case x86asm.UD1, x86asm.UD2, x86asm.INT, x86asm.HLT:
		i.op = opTrap
	default:
		if !direct {
			return false
		}
		i.op, i.target = opBranch, i.next.Add(int64(rel))
		i.ifZero = inst.Op == x86asm.JE
		if inst.Op != x86asm.JE && inst.Op != x86asm.JNE {
			i.imm = 1 // a branch on something else
		}
	}
	return true
}
