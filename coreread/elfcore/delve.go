package elfcore

import (
	"debug/elf"
	"fmt"
	"strconv"
	"strings"

	"postmortem/coreread/image"
)

// delveHeader decodes the lines of Delve's own header (pkg/proc/dump.go): the
// platform, Delve's version, then "Key: value".
func (d *noteDecoder) delveHeader(n note) error {
	lines := strings.Split(string(n.desc), "\n")
	if platform := lines[0]; !strings.HasPrefix(platform, "linux/") {
		return fmt.Errorf("the platform is %q, want linux", platform)
	}
	for _, line := range lines {
		key, value, _ := strings.Cut(line, ": ")
		switch key {
		case "Target Pid":
			pid, err := strconv.ParseUint(value, 10, 31)
			if err != nil {
				return fmt.Errorf("the process id: %w", err)
			}
			if d.core.Process == nil {
				d.core.Process = &Process{PID: int(pid)}
			}
		case "Entry Point":
			entry, err := strconv.ParseUint(value, 0, 64)
			if err != nil {
				return fmt.Errorf("the entry point: %w", err)
			}
			d.core.entry = image.Addr(entry)
		}
	}
	return nil
}

// delveThread decodes a thread of Delve's machine-independent format, which it
// writes where it has no PRSTATUS, as on arm64 (dumpThreadNotes,
// pkg/proc/dump.go): tid, pc, sp, bp, tls, whether g is known (1 byte), g, a
// count, and as many names and values with their lengths (2 bytes each).
func (d *noteDecoder) delveThread(n note) error {
	d.inThread = false
	const fixed = 5*8 + 1 + 8 + 4
	if len(n.desc) < fixed {
		return errShort(n, fixed)
	}
	word := func(i int) uint64 { return order.Uint64(n.desc[8*i:]) }
	values := make([]uint64, len(d.arch.names))
	index := map[string]int{}
	for i, name := range d.arch.names {
		index[name] = i
	}
	rest := n.desc[fixed:]
	take := func() ([]byte, bool) {
		if len(rest) < 2 {
			return nil, false
		}
		size := int(order.Uint16(rest))
		if len(rest)-2 < size {
			return nil, false
		}
		b := rest[2 : 2+size]
		rest = rest[2+size:]
		return b, true
	}
	for i := range order.Uint32(n.desc[fixed-4:]) {
		name, ok := take()
		if !ok {
			return fmt.Errorf("ends at register %d", i)
		}
		value, ok := take()
		if !ok {
			return fmt.Errorf("ends at register %d", i)
		}
		if at, known := index[delveName(d.core.Machine, string(name))]; known && len(value) == 8 {
			values[at] = order.Uint64(value)
		}
	}
	t := Thread{TID: int(int64(word(0))), Regs: d.arch.registers(values)}
	t.Regs.PC, t.Regs.SP, t.Regs.FP, t.Regs.TLS = image.Addr(word(1)), image.Addr(word(2)), image.Addr(word(3)), image.Addr(word(4))
	if n.desc[40] != 0 {
		t.Regs.G = image.Addr(order.Uint64(n.desc[41:]))
	}
	return d.addThread(t)
}

// delveName turns a register's name in Delve (pkg/proc/linutil) into the kernel's.
func delveName(machine elf.Machine, name string) string {
	name = strings.ToLower(name)
	if machine == elf.EM_X86_64 && name == "rflags" {
		return "eflags"
	}
	return name
}
