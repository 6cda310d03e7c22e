package corewriter

import "strings"

// Thread is what a PRSTATUS note says.
type Thread struct {
	TID    int32
	Signal int16
	AMD64  AMD64Regs // of an AMD64 core
	ARM64  ARM64Regs // of an ARM64 core
}

// AMD64Regs are the registers as user_regs_struct has them.
type AMD64Regs struct {
	R15, R14, R13, R12, RBP, RBX, R11, R10, R9, R8 uint64
	RAX, RCX, RDX, RSI, RDI, OrigRAX               uint64
	RIP, CS, EFlags, RSP, SS, FSBase, GSBase       uint64
	DS, ES, FS, GS                                 uint64
}

// ARM64Regs are the registers as user_pt_regs has them.
type ARM64Regs struct {
	X              [31]uint64
	SP, PC, PState uint64
}

// prStatus is struct elf_prstatus up to pr_reg.
type prStatus struct {
	SigInfo                      [3]int32
	CurSig                       int16
	_                            int16
	SigPend, SigHold             uint64
	PID, PPID, PGrp, SID         int32
	UTime, STime, CUTime, CSTime [2]int64
}

// PRStatus returns a thread's PRSTATUS note.
func PRStatus(machine uint16, t Thread) Note {
	desc := encode(prStatus{CurSig: t.Signal, PID: t.TID})
	if machine == ARM64 {
		desc = append(desc, encode(t.ARM64)...)
	} else {
		desc = append(desc, encode(t.AMD64)...)
	}
	return Note{Owner: "CORE", Type: 1, Desc: append(desc, make([]byte, 8)...)} // pr_fpvalid and padding
}

// Process is what a PRPSINFO note says.
type Process struct {
	PID, PPID  int32
	UID, GID   uint32
	State      byte
	Comm, Args string
}

// PRPSInfo returns the PRPSINFO note.
func PRPSInfo(p Process) Note {
	type prPSInfo struct {
		State, SName, Zomb, Nice byte
		_                        [4]byte
		Flag                     uint64
		UID, GID                 uint32
		PID, PPID, PGrp, SID     int32
		FName                    [16]byte
		PSArgs                   [80]byte
	}
	s := prPSInfo{SName: p.State, UID: p.UID, GID: p.GID, PID: p.PID, PPID: p.PPID}
	copy(s.FName[:15], p.Comm)
	copy(s.PSArgs[:79], p.Args)
	return Note{Owner: "CORE", Type: 3, Desc: encode(s)}
}

// SigInfo returns a SIGINFO note; payload is the union behind the three words.
func SigInfo(signo, errno, code int32, payload []byte) Note {
	desc := encode([]int32{signo, errno, code, 0})
	return Note{Owner: "CORE", Type: 0x53494749, Desc: append(desc, append(payload, make([]byte, 112-len(payload))...)...)}
}

// Fault returns a SIGINFO note of a fault at addr.
func Fault(signo, code int32, addr uint64) Note { return SigInfo(signo, 0, code, encode(addr)) }

// Sent returns a SIGINFO note of a signal that a process sent.
func Sent(signo, code, pid int32, uid uint32) Note {
	return SigInfo(signo, 0, code, encode([]uint32{uint32(pid), uid}))
}

// Auxv returns the AUXV note of tags and values, with the end mark.
func Auxv(pairs ...uint64) Note {
	return Note{Owner: "CORE", Type: 6, Desc: encode(append(pairs, 0, 0))}
}

// File is an entry of the FILE note; Page counts pages of 4096 bytes.
type File struct {
	Start, End, Page uint64
	Path             string
}

// Files returns the FILE note.
func Files(files ...File) Note {
	words := []uint64{uint64(len(files)), 4096}
	var names strings.Builder
	for _, f := range files {
		words = append(words, f.Start, f.End, f.Page)
		names.WriteString(f.Path + "\x00")
	}
	return Note{Owner: "CORE", Type: 0x46494c45, Desc: append(encode(words), names.String()...)}
}

// TLS returns the note of an ARM64 thread's tpidr_el0.
func TLS(value uint64) Note { return Note{Owner: "LINUX", Type: 0x401, Desc: encode(value)} }

// DelveHeader returns the note that Delve signs its cores with.
func DelveHeader(text string) Note {
	return Note{Owner: "Delve Header", NoZero: true, Type: 0x444c5645, Desc: []byte(text)}
}

// DelveThread returns a thread in Delve's machine-independent format.
func DelveThread(tid, pc, sp, bp, tls uint64, g *uint64, names []string, values []uint64) Note {
	desc := encode([]uint64{tid, pc, sp, bp, tls})
	if g != nil {
		desc = append(append(desc, 1), encode(*g)...)
	} else {
		desc = append(desc, make([]byte, 9)...)
	}
	desc = append(desc, encode(uint32(len(names)))...)
	for i, name := range names {
		desc = append(append(desc, encode(uint16(len(name)))...), name...)
		desc = append(append(desc, encode(uint16(8))...), encode(values[i])...)
	}
	return Note{Type: 0x444c5654, Desc: desc}
}
