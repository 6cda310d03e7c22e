package elfcore

// Producer is the program that wrote a core.
type Producer string

// The writers that are told apart.
const (
	Kernel  Producer = "kernel"
	GCore   Producer = "gcore"
	Delve   Producer = "dlv"
	Unknown Producer = "unknown"
)

// producerOf tells the writer from its habits. The kernel starts with the
// thread that had the signal, describes the process next and one signal in all,
// and writes no sections. gdb starts with the process, describes a signal
// behind every thread, and adds a section for each segment and notes of its own
// (gdb/gcore.c, gdb/linux-tdep.c). Delve signs its cores.
func producerOf(h *header, s *noteStats) Producer {
	switch {
	case s.delve || s.owners["Delve Header"]:
		return Delve
	case s.owners["GDB"], s.first == ntPRPSInfo && s.owners["CORE"], s.sigInfos > 1:
		return GCore
	case s.first == ntPRStatus && s.owners["CORE"] && h.sections <= 1:
		return Kernel
	case s.first == ntPRStatus && h.sections > 1:
		return GCore
	}
	return Unknown
}
