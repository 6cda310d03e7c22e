package locks

import "postmortem/coreread/image"

// reg is a general register by the machine's own number; noReg is none.
type reg uint8

const noReg reg = 0xff

// maxRegs is how many there are at most.
const maxRegs = 32

// opcode is what an instruction means to the search for locks. Whatever has no
// meaning here is opOther, and only what it overwrites counts.
type opcode uint8

const (
	opOther    opcode = iota
	opMove            // dst = src
	opConst           // dst = imm
	opAddress         // dst = address of the memory operand
	opLoad            // dst = memory, 8 bytes
	opStore           // memory = src, 8 bytes
	opAdd             // dst += imm
	opPush            // src goes below the stack pointer
	opPop             // the reverse
	opCall            // of target
	opCallAt          // of the address in dst, or in memory
	opJump            // to target
	opBranch          // to target or on
	opJumpAt          // to an address in memory or a register
	opReturn          //
	opTrap            // does not go on
	opCompare         // atomic compare and swap of 4 bytes of memory: the expected value is in dst, the new one in src
	opExchange        // atomic add of src to 4 bytes of memory
	opTest            // compares the low bits of dst with 0
	opSetEqual        // dst = whether the last compare and swap succeeded
)

// instruction is an instruction of the program's code.
type instruction struct {
	pc, next image.Addr // the binary's own
	op       opcode
	dst, src reg
	imm      int64
	target   image.Addr // of calls, jumps and branches
	ifZero   bool       // a branch is taken when the last test found 0

	// The memory operand is base + index*scale + disp; an operand at a fixed address
	// has no base and the address as disp.
	memory      bool
	base, index reg
	scale       uint8
	disp        int64
	bytes       uint8 // that are written to the memory operand, 0 for none
	repeats     bool  // the operand is only the first of as many as RCX says

	overwrites uint32 // registers with a result that is not known, a bit for each
}

// ends reports whether control does not go on behind the instruction.
func (i *instruction) ends() bool {
	return i.op == opJump || i.op == opJumpAt || i.op == opReturn || i.op == opTrap
}
