// Package elfcore reads an ELF core file of Linux: the memory of the dead
// process as an image, and what the notes say of its threads, signals and
// mapped files. It reads what the kernel, gdb's gcore and Delve's dump write,
// cut files too. It knows nothing of Go.
//
// Every number in the file is checked against the file's size before it is
// used. What is malformed becomes a Gap, and the rest is read all the same;
// only a file without usable headers or memory is an error. Memory taken is
// bounded by a small multiple of the bytes of headers and notes, the process's
// memory being mapped and never copied.
package elfcore

import (
	"debug/elf"
	"fmt"

	"postmortem/coreread/image"
	"postmortem/coreread/input"
)

// Core is what a core file holds.
type Core struct {
	FileName    string // base name
	Compression string // as input.File.Compression
	FileBytes   uint64 // size of the file as it was given, packed if it was packed

	Machine  elf.Machine // EM_X86_64 or EM_AARCH64
	Producer Producer

	// Image holds the memory that the file has, and what its owner adds to it.
	Image *image.Image

	// Segments are the process's mappings by address. gcore leaves out some,
	// Delve all that were not readable.
	Segments []Segment

	// MemoryBytes is the size of all mappings that the core names, without
	// those that nobody may touch (PROT_NONE reservations). gcore marks the
	// latter readable, so they count there.
	MemoryBytes uint64

	// Threads are in the file's order. The kernel and gdb put the thread that
	// had the signal first; Delve's order means nothing.
	Threads []Thread

	Process *Process          // nil when the core has no PRPSINFO note
	Auxv    map[uint64]uint64 // auxiliary vector by tag; nil when there is none
	Files   []FileMapping     // by address; nil when there is no FILE note (Delve)

	// Signal is the first siginfo of the file: of the signal
	// that killed the process in a kernel core, and of whatever a debugger saw
	// last, often SIGSTOP, in gcore's. Delve writes none: nil.
	Signal *SigInfo

	Cut  *Cut  // nil when the file is whole
	Gaps []Gap // what could not be read, at most maxGaps

	entry    image.Addr // from Delve's header
	unlisted int        // gaps past maxGaps
}

// Segment is one mapping of the process.
type Segment struct {
	image.Range
	Flags     elf.ProgFlag // 0 is PROT_NONE
	Offset    uint64       // of its bytes in the file
	FileBytes uint64       // bytes of it that the file should hold, from Start on
	Present   uint64       // bytes of it that the file does hold, from Start on
}

// FileMapping is a mapped file, or a part of one.
type FileMapping struct {
	image.Range
	Offset uint64 // bytes from the file's start
	Path   string
}

// Process is what the kernel's process table said.
type Process struct {
	PID, PPID int    // PPID is -1 when the core does not say
	UID, GID  int    // -1 when the core does not say
	State     string // one letter as ps(1) shows it; "" when the core does not say
	Comm      string // at most 15 bytes of the program's name
	Args      string // at most 79 bytes of the command line; Delve has its own idea of it
}

// Cut is a file that ends before its content does.
type Cut struct {
	Size, Want uint64 // bytes that the plain content has, and that its headers ask for
	Err        error  // the trouble of the compressed stream, nil when it was whole or none
}

// Gap is a part of the file that could not be read.
type Gap struct {
	What   string
	Offset uint64 // in the plain content
	Err    error
}

// maxGaps bounds Gaps: junk notes could make one every few bytes.
const maxGaps = 100

func (c *Core) gap(what string, offset uint64, format string, args ...any) {
	if len(c.Gaps) < maxGaps {
		c.Gaps = append(c.Gaps, Gap{What: what, Offset: offset, Err: fmt.Errorf(format, args...)})
		return
	}
	c.unlisted++
}

// UnlistedGaps returns how many gaps there were beyond those in Gaps.
func (c *Core) UnlistedGaps() int { return c.unlisted }

// Read reads a core. The image refers to f's bytes: f must stay open as long as
// the Core is used. The error is an *input.FormatError.
func Read(f *input.File) (*Core, error) {
	h, err := readHeader(f)
	if err != nil {
		return nil, err
	}
	c := &Core{
		FileName:    f.Name(),
		Compression: f.Compression(),
		FileBytes:   uint64(f.FileBytes()),
		Machine:     h.machine,
		Image:       image.New(order),
	}
	c.readSegments(f.Data(), h)
	notes := c.readNotes(f.Data(), h)
	c.Producer = producerOf(h, notes)
	if c.Producer == Delve && c.Process != nil {
		c.Process.forgetUnknown()
	}
	c.noteCut(f, h)
	if err := c.checkUsable(f, h); err != nil {
		return nil, err
	}
	return c, nil
}

// checkUsable refuses a file that was cut before the first byte of memory: the
// notes alone answer nothing.
func (c *Core) checkUsable(f *input.File, h *header) error {
	if len(c.Image.Segments()) > 0 {
		return nil
	}
	e := &input.FormatError{File: f.Name(), Offset: f.Size(), Want: "the memory of a process", Got: "the end of the file"}
	if c.Cut != nil {
		e.Want = fmt.Sprintf("%d bytes of headers, notes and memory", c.Cut.Want)
		e.Hint = "the file is cut before its first byte of memory: fetch the whole file"
	} else {
		e.Offset = int64(h.phoff)
		e.Got = fmt.Sprintf("%d program headers without any", len(h.progs))
		e.Hint = "/proc/PID/coredump_filter may have left out all memory; 0x33 keeps it"
	}
	return e
}

// noteCut compares the file's size with what its headers ask for.
func (c *Core) noteCut(f *input.File, h *header) {
	size, want := uint64(f.Size()), h.tableEnd
	for _, p := range h.progs {
		if p.kind == elf.PT_LOAD || p.kind == elf.PT_NOTE {
			want = max(want, p.off+min(p.filesz, ^p.off))
		}
	}
	switch {
	case want > size:
		c.Cut = &Cut{Size: size, Want: want, Err: f.Truncated()}
	case f.Truncated() != nil:
		c.gap("compressed stream", size, "nothing is missing, but bytes may be wrong: %w", f.Truncated())
	}
}
