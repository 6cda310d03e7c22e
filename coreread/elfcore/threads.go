package elfcore

import (
	"debug/elf"
	"fmt"

	"postmortem/coreread/image"
)

// Thread is one thread at the moment of the dump.
type Thread struct {
	TID    int
	Signal int // signal that the thread was stopped for (pr_cursig), 0 for none

	// SigInfo is that signal's siginfo: the kernel writes one for the first
	// thread, gcore one for each. Nil when there is none.
	SigInfo *SigInfo

	Regs Registers
}

// Registers are a thread's general registers. The fields have the meaning that
// the machine's calling convention gives them; which of them hold what they
// are named for depends on the code that runs.
type Registers struct {
	PC, SP, FP image.Addr
	LR         image.Addr // arm64: x30; amd64 has none: 0
	TLS        image.Addr // amd64: fs_base; arm64: tpidr_el0, 0 when the core has no ARM_TLS note
	G          image.Addr // where Go code keeps its goroutine: amd64 r14, arm64 x28

	Named []Register // all of them, in the kernel's order
}

// Register is one machine register.
type Register struct {
	Name  string // lower case, as in the kernel's and gdb's
	Value uint64
}

// Get returns a register by its name.
func (r *Registers) Get(name string) (uint64, bool) {
	for _, n := range r.Named {
		if n.Name == name {
			return n.Value, true
		}
	}
	return 0, false
}

// Layout of struct elf_prstatus up to the registers (include/linux/elfcore.h),
// in bytes: the same on all 64-bit machines.
const (
	statusCursig = 12
	statusPID    = 32
	statusRegs   = 112
)

// arch is how a machine's registers stand in PRSTATUS.
type arch struct {
	names                  []string // 8 bytes each, from statusRegs on
	pc, sp, fp, lr, g, tls int      // indices in names, -1 for none
}

var arches = map[elf.Machine]*arch{
	// struct user_regs_struct, arch/x86/include/asm/user_64.h.
	elf.EM_X86_64: newArch("rip", "rsp", "rbp", "", "r14", "fs_base",
		"r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi",
		"orig_rax", "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs"),
	// struct user_pt_regs, arch/arm64/include/uapi/asm/ptrace.h.
	elf.EM_AARCH64: newArch("pc", "sp", "x29", "x30", "x28", "",
		"x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
		"x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "x30",
		"sp", "pc", "pstate"),
}

func newArch(pc, sp, fp, lr, g, tls string, names ...string) *arch {
	index := func(name string) int {
		for i, n := range names {
			if n == name {
				return i
			}
		}
		return -1
	}
	return &arch{names: names, pc: index(pc), sp: index(sp), fp: index(fp), lr: index(lr), g: index(g), tls: index(tls)}
}

// registers makes Registers of values, which are in the order of a.names.
func (a *arch) registers(values []uint64) Registers {
	at := func(i int) image.Addr {
		if i < 0 {
			return 0
		}
		return image.Addr(values[i])
	}
	r := Registers{
		PC: at(a.pc), SP: at(a.sp), FP: at(a.fp), LR: at(a.lr), TLS: at(a.tls), G: at(a.g),
		Named: make([]Register, len(a.names)),
	}
	for i, name := range a.names {
		r.Named[i] = Register{Name: name, Value: values[i]}
	}
	return r
}

func (d *noteDecoder) prStatus(n note) error {
	d.inThread = false
	need := statusRegs + 8*len(d.arch.names)
	if len(n.desc) < need {
		return errShort(n, need)
	}
	values := make([]uint64, len(d.arch.names))
	for i := range values {
		values[i] = order.Uint64(n.desc[statusRegs+8*i:])
	}
	return d.addThread(Thread{
		TID:    int(int32(order.Uint32(n.desc[statusPID:]))),
		Signal: int(order.Uint16(n.desc[statusCursig:])),
		Regs:   d.arch.registers(values),
	})
}

func (d *noteDecoder) addThread(t Thread) error {
	if d.tids[t.TID] {
		d.inThread = false
		return fmt.Errorf("thread %d was described before: the first is taken", t.TID)
	}
	d.tids[t.TID] = true
	d.core.Threads = append(d.core.Threads, t)
	d.inThread = true
	return nil
}
