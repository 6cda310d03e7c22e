package elfcore

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"postmortem/coreread/image"
)

var errNoThread = errors.New("no thread stands before it that it could belong to")

func errShort(n note, want int) error {
	return fmt.Errorf("has %d bytes of content, want at least %d", len(n.desc), want)
}

// Tags of the auxiliary vector (include/uapi/linux/auxvec.h).
const (
	auxNull  = 0
	auxEntry = 9
)

// Entry returns the address at which the program was entered, load bias
// included: the AT_ENTRY of the auxiliary vector, or what Delve noted.
func (c *Core) Entry() (image.Addr, bool) {
	if a, ok := c.Auxv[auxEntry]; ok {
		return image.Addr(a), true
	}
	return c.entry, c.entry != 0
}

// prPSInfo decodes struct elf_prpsinfo (include/linux/elfcore.h), which is the
// same on all 64-bit machines whose uid has 32 bits.
func (d *noteDecoder) prPSInfo(n note) error {
	const size = 136
	if len(n.desc) < size {
		return errShort(n, size)
	}
	if d.hasProcess {
		return errors.New("is a second one: the first is taken")
	}
	d.hasProcess = true
	word := func(at int) int { return int(int32(order.Uint32(n.desc[at:]))) }
	d.core.Process = &Process{
		UID: int(order.Uint32(n.desc[16:])), GID: int(order.Uint32(n.desc[20:])),
		PID: word(24), PPID: word(28),
		State: cString(n.desc[1:2]),
		Comm:  cString(n.desc[40:56]),
		Args:  string(bytes.TrimRight(bytes.ReplaceAll(n.desc[56:size], []byte{0}, []byte{' '}), " ")),
	}
	return nil
}

// forgetUnknown clears what Delve leaves zero because it does not know
// (pkg/proc/native/dump_linux_amd64.go).
func (p *Process) forgetUnknown() {
	p.PPID, p.UID, p.GID, p.State = -1, -1, -1, ""
}

func (d *noteDecoder) auxv(n note) error {
	if d.core.Auxv != nil {
		return errors.New("is a second one: the first is taken")
	}
	d.core.Auxv = map[uint64]uint64{}
	for b := n.desc; len(b) >= 16; b = b[16:] {
		tag := order.Uint64(b)
		if tag == auxNull {
			return nil
		}
		if _, ok := d.core.Auxv[tag]; !ok {
			d.core.Auxv[tag] = order.Uint64(b[8:])
		}
	}
	return errors.New("has no end mark: it is cut")
}

// files decodes the FILE note (fill_files_note, fs/binfmt_elf.c): a count, the
// unit of the offsets, count triples of start, end and offset, count names.
func (d *noteDecoder) files(n note) error {
	c := d.core
	if c.Files != nil {
		return errors.New("is a second one: the first is taken")
	}
	if len(n.desc) < 16 {
		return errShort(n, 16)
	}
	count, unit := order.Uint64(n.desc), order.Uint64(n.desc[8:])
	table := n.desc[16:]
	whole := min(count, uint64(len(table))/24)
	names := table[whole*24:]
	c.Files = make([]FileMapping, 0, whole)
	var bad error
	for i := range whole {
		name, rest, ok := bytes.Cut(names, []byte{0})
		if !ok {
			bad = fmt.Errorf("holds the names of %d of %d mappings", i, count)
			break
		}
		names = rest
		b := table[i*24:]
		m := FileMapping{
			Range:  image.Range{Start: image.Addr(order.Uint64(b)), End: image.Addr(order.Uint64(b[8:]))},
			Offset: order.Uint64(b[16:]) * unit,
			Path:   string(name),
		}
		if m.Start >= m.End {
			bad = fmt.Errorf("mapping %d of %q has the range %v to %v and is left out", i, m.Path, m.Start, m.End)
			continue
		}
		c.Files = append(c.Files, m)
	}
	slices.SortStableFunc(c.Files, func(a, b FileMapping) int { return cmp.Compare(a.Start, b.Start) })
	if bad == nil && whole < count {
		bad = fmt.Errorf("claims %d mappings in %d bytes", count, len(n.desc))
	}
	return bad
}
