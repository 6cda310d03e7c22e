package analyzer

import (
	"encoding/hex"

	"golang.org/x/arch/arm64/arm64asm"
	"golang.org/x/arch/x86/x86asm"

	"postmortem/analyzer/facts"
	"postmortem/coreread/image"
)

// describeInstruction writes the code at the pc that a signal interrupted.
func (a *analysis) describeInstruction(s *facts.Signal, pc image.Addr) {
	code := a.snap.Runtime.InstructionBytes(pc)
	if len(code) == 0 {
		return
	}
	s.InstructionBytes = facts.Some(hex.EncodeToString(code))
	s.Instruction = known(disassemble(a.snap.Runtime.GOARCH(), code, pc))
}

// disassemble returns the first instruction of code, "" when it is none.
func disassemble(arch string, code []byte, pc image.Addr) string {
	switch arch {
	case "amd64":
		if inst, err := x86asm.Decode(code, 64); err == nil {
			return x86asm.GoSyntax(inst, uint64(pc), nil)
		}
	case "arm64":
		if inst, err := arm64asm.Decode(code); err == nil {
			return arm64asm.GoSyntax(inst, uint64(pc), nil, nil)
		}
	}
	return ""
}
