package values

import (
	"strings"

	"github.com/go-delve/delve/pkg/dwarf/op"
	"github.com/go-delve/delve/pkg/proc"
)

// frameScope is where the variables of one frame are looked up.
type frameScope struct {
	w      *walk
	g      *proc.G
	thread int
	frames []proc.Stackframe // the frame and those outward from it
	callee string            // the function that the frame called; "" when it called none
}

// variables returns the frame's arguments and locals, loaded. problem says why there are none.
//
// Where a variable lives is a question of the instruction that is executing. In a frame that made a call this is the
// call, one byte before the return address, as DWARF 5 section 6.4.4 has it; Delve asks for the return address itself
// (extractVarInfoFromEntry in its pkg/proc/variables.go), behind which, if the call never returns, there may be an
// unrelated block. At the call, though, Go's tables prefer a register, which the callee has overwritten, over the
// stack slot that the compiler saved the same value to; behind the call they name the slot. So a variable that the
// call finds in a register is looked up behind it, if the call returns.
func (s *frameScope) variables() (vars []*proc.Variable, problem string) {
	if s.callee == "" || interrupted[s.callee] {
		return s.load(s.frames[0].Regs)
	}
	pc := s.frames[0].Regs.PC()
	vars, problem = s.load(ofCaller(s.frames[0].Regs, pc-1))
	if problem != "" || neverReturns(s.callee) || !anyInRegister(vars) {
		return vars, problem
	}
	behind, problem := s.load(ofCaller(s.frames[0].Regs, pc))
	if problem != "" || len(behind) != len(vars) {
		return vars, ""
	}
	for i, v := range vars {
		if locationOf(v).registers && !locationOf(behind[i]).registers && behind[i].Name == v.Name {
			vars[i] = behind[i]
		}
	}
	return vars, ""
}

func (s *frameScope) load(regs op.DwarfRegisters) (vars []*proc.Variable, problem string) {
	frames := append([]proc.Stackframe(nil), s.frames...)
	frames[0].Regs = regs
	scope := proc.FrameToScope(s.w.target, s.w.mem, s.g, s.thread, frames...)
	limits := s.w.limits
	if problem := tooLarge(scope, limits); problem != "" {
		return nil, problem
	}
	load := proc.LoadConfig{
		FollowPointers:     true,
		MaxVariableRecurse: limits.Depth,
		MaxStringLen:       limits.StringBytes,
		MaxArrayValues:     limits.Elements,
		MaxStructFields:    limits.Fields,
	}
	vars, err := scope.FunctionArguments(load)
	if err != nil {
		return nil, reason(err)
	}
	locals, err := scope.LocalVariables(load)
	if err != nil {
		return nil, reason(err)
	}
	return append(vars, locals...), ""
}

func anyInRegister(vars []*proc.Variable) bool {
	for _, v := range vars {
		if locationOf(v).registers {
			return true
		}
	}
	return false
}

// interrupted are the functions that the runtime, or a signal, inserts between two instructions of another one: that
// one has an exact pc, not a return address.
var interrupted = map[string]bool{
	"runtime.sigpanic":     true,
	"runtime.sigtramp":     true,
	"runtime.sigtrampgo":   true,
	"runtime.sigreturn":    true,
	"runtime.asyncPreempt": true,
}

// neverReturns is true for the functions that the compiler ends a block with, and for some that it does not.
func neverReturns(function string) bool {
	name, ok := strings.CutPrefix(function, "runtime.")
	if !ok {
		return false
	}
	name = strings.ToLower(name)
	for _, part := range []string{"panic", "throw", "fatal", "block", "goexit"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// ofCaller returns a frame's registers with another pc, and of the others only those that a caller's frame knows: in
// Go's calling convention every other register is the callee's to overwrite.
func ofCaller(regs op.DwarfRegisters, pc uint64) op.DwarfRegisters {
	out := op.NewDwarfRegisters(regs.StaticBase, nil, regs.ByteOrder, regs.PCRegNum, regs.SPRegNum, regs.BPRegNum, regs.LRRegNum)
	out.CFA, out.FrameBase, out.ObjBase = regs.CFA, regs.FrameBase, regs.ObjBase
	for _, n := range []uint64{regs.SPRegNum, regs.BPRegNum} {
		if reg := regs.Reg(n); reg != nil {
			out.AddReg(n, op.DwarfRegisterFromUint64(reg.Uint64Val))
		}
	}
	out.AddReg(regs.PCRegNum, op.DwarfRegisterFromUint64(pc))
	return *out
}
