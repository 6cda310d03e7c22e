package corewriter

import "fmt"

// Dump is a process that one of the known writers dumps.
type Dump struct {
	Machine  uint16
	Process  Process
	Threads  []Thread
	SigInfos []Note   // of the threads; the kernel writes the first only, Delve none
	Auxv     []uint64 // tags and values
	Files    []File
	Memory   []Segment
}

// Kernel returns the core that the Linux kernel writes.
func (d *Dump) Kernel() *Core {
	var notes []Note
	for i, t := range d.Threads {
		notes = append(notes, PRStatus(d.Machine, t))
		if i > 0 {
			continue
		}
		notes = append(notes, PRPSInfo(d.Process))
		if len(d.SigInfos) > 0 {
			notes = append(notes, d.SigInfos[0])
		}
		notes = append(notes, Auxv(d.Auxv...), Files(d.Files...))
	}
	return &Core{Machine: d.Machine, Notes: [][]Note{notes}, Memory: d.Memory, MemoryPadded: true}
}

// GCore returns the core that gdb's gcore writes.
func (d *Dump) GCore() *Core {
	notes := []Note{PRPSInfo(d.Process)}
	for i, t := range d.Threads {
		notes = append(notes, PRStatus(d.Machine, t))
		if i < len(d.SigInfos) {
			notes = append(notes, d.SigInfos[i])
		}
	}
	notes = append(notes, Auxv(d.Auxv...), Files(d.Files...), Note{Owner: "GDB", Type: 0xff000000, Desc: []byte("<target/>")})
	return &Core{Machine: d.Machine, Notes: [][]Note{notes}, Memory: d.Memory, NotesLast: true, Sections: true}
}

// Delve returns the core that "dlv dump" writes on amd64.
func (d *Dump) Delve() *Core {
	process := Process{PID: d.Process.PID, Comm: d.Process.Comm, Args: d.Process.Args}
	notes := []Note{DelveHeader(fmt.Sprintf("linux/amd64\n1.27.2\nTarget Pid: %d\nEntry Point: %#x\n", d.Process.PID, 0x401000)),
		PRPSInfo(process), Auxv(d.Auxv...)}
	for _, t := range d.Threads {
		t.Signal = 0
		notes = append(notes, PRStatus(d.Machine, t), Note{Type: 0x202, Desc: make([]byte, 576)})
	}
	for i := range notes[1:] {
		notes[1+i].Owner = ""
	}
	return &Core{Machine: d.Machine, Notes: [][]Note{notes}, Memory: d.Memory, NotesLast: true, HeadersLast: true,
		Edit: func(h *Header) { h.Ident[7] = 3 }}
}
