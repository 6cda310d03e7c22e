package elfcore

import (
	"cmp"
	"debug/elf"
	"slices"
	"strings"

	"postmortem/coreread/image"
)

// Note types (include/uapi/linux/elf.h; Delve's pkg/elfwriter).
const (
	ntPRStatus    = 1
	ntPRPSInfo    = 3
	ntAuxv        = 6
	ntSigInfo     = 0x53494749 // "SIGI"
	ntFile        = 0x46494c45 // "FILE"
	ntARMTLS      = 0x401
	ntDelveHeader = 0x444c5645 // "DLVE"
	ntDelveThread = 0x444c5654 // "DLVT"
)

// note is one note, desc being bytes of the mapped file.
type note struct {
	owner  string
	kind   uint32
	desc   []byte
	offset uint64 // of the note in the file
}

// noteStats is what the notes as a whole tell about who wrote them.
type noteStats struct {
	first    uint32 // type of the first note
	owners   map[string]bool
	sigInfos int
	delve    bool
}

// readNotes decodes every PT_NOTE, in the order in which they stand in the
// file. A stretch of the file that two of them claim is read once.
func (c *Core) readNotes(data []byte, h *header) *noteStats {
	var segments []prog
	for _, p := range h.progs {
		if p.kind == elf.PT_NOTE && p.filesz > 0 && p.off < uint64(len(data)) {
			segments = append(segments, p)
		}
	}
	slices.SortStableFunc(segments, func(a, b prog) int { return cmp.Compare(a.off, b.off) })
	stats := &noteStats{owners: map[string]bool{}}
	d := &noteDecoder{core: c, arch: arches[c.Machine], tids: map[int]bool{}}
	var done uint64
	for _, p := range segments {
		if p.off < done {
			c.gap("notes", p.off, "program headers of notes overlap; the later is left out")
			continue
		}
		part := data[p.off:]
		whole := uint64(len(part)) >= p.filesz
		if whole {
			part = part[:p.filesz]
		}
		done = p.off + uint64(len(part))
		for n := range c.notes(part, p.off, whole) {
			stats.see(n)
			d.decode(n)
		}
	}
	return stats
}

func (s *noteStats) see(n note) {
	if len(s.owners) == 0 {
		s.first = n.kind
	}
	if len(s.owners) < 16 {
		s.owners[n.owner] = true
	}
	switch n.kind {
	case ntSigInfo:
		s.sigInfos++
	case ntDelveHeader, ntDelveThread:
		s.delve = true
	}
}

// notes yields the notes of a PT_NOTE whose bytes in the file are part. All
// three writers align to 4 bytes whatever p_align says. Unless whole, the file
// ends in part, and the note that it cuts is dropped without a word: Cut tells.
func (c *Core) notes(part []byte, base uint64, whole bool) func(yield func(note) bool) {
	return func(yield func(note) bool) {
		align := func(n uint64) uint64 { return (n + 3) &^ 3 }
		for at := uint64(0); at < uint64(len(part)); {
			rest := part[at:]
			if len(rest) < 12 {
				if whole && strings.Trim(string(rest), "\x00") != "" {
					c.gap("notes", base+at, "%d bytes behind the last note", len(rest))
				}
				return
			}
			nameBytes, descBytes := uint64(order.Uint32(rest)), uint64(order.Uint32(rest[4:]))
			n := note{kind: order.Uint32(rest[8:]), offset: base + at}
			descAt := 12 + align(nameBytes)
			if descAt+descBytes > uint64(len(rest)) {
				if whole {
					c.gap("notes", n.offset, "a note of type %#x claims %d bytes of name and %d of content, and %d are left: it and all behind it are lost",
						n.kind, nameBytes, descBytes, len(rest)-12)
				}
				return
			}
			n.owner = cString(rest[12 : 12+nameBytes])
			n.desc = rest[descAt : descAt+descBytes : descAt+descBytes]
			if !yield(n) {
				return
			}
			at += align(descAt + descBytes)
		}
	}
}

// cString returns b up to its first zero byte.
func cString(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return s
}

// noteDecoder fills a Core from its notes, which it is given in order: those
// behind a thread's PRSTATUS belong to that thread.
type noteDecoder struct {
	core *Core
	arch *arch
	tids map[int]bool

	// inThread says that the last PRSTATUS became the last of core.Threads.
	inThread bool

	hasProcess bool // a PRPSINFO was read
}

// decode takes one note. The types are those of the owners "CORE" and "LINUX";
// Delve leaves the owner empty.
func (d *noteDecoder) decode(n note) {
	c := d.core
	var err error
	var what string
	switch {
	case n.kind == ntDelveHeader:
		what, err = "Delve header note", d.delveHeader(n)
	case n.kind == ntDelveThread && n.owner == "":
		what, err = "Delve thread note", d.delveThread(n)
	case n.owner != "CORE" && n.owner != "LINUX" && n.owner != "":
		return
	case n.kind == ntPRStatus:
		what, err = "PRSTATUS note", d.prStatus(n)
	case n.kind == ntPRPSInfo:
		what, err = "PRPSINFO note", d.prPSInfo(n)
	case n.kind == ntSigInfo:
		what, err = "SIGINFO note", d.sigInfo(n)
	case n.kind == ntAuxv:
		what, err = "AUXV note", d.auxv(n)
	case n.kind == ntFile:
		what, err = "FILE note", d.files(n)
	case n.kind == ntARMTLS && c.Machine == elf.EM_AARCH64:
		what, err = "ARM_TLS note", d.armTLS(n)
	}
	if err != nil {
		c.gap(what, n.offset, "%w", err)
	}
}

// thread returns the thread that a note belongs to, nil when its PRSTATUS was
// unreadable or absent.
func (d *noteDecoder) thread() *Thread {
	if !d.inThread {
		return nil
	}
	return &d.core.Threads[len(d.core.Threads)-1]
}

func (d *noteDecoder) armTLS(n note) error {
	t := d.thread()
	if t == nil {
		return errNoThread
	}
	if len(n.desc) < 8 {
		return errShort(n, 8)
	}
	t.Regs.TLS = image.Addr(order.Uint64(n.desc))
	return nil
}
