package values

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"sort"

	"github.com/go-delve/delve/pkg/proc"
)

// maxRead bounds one read, in bytes. Delve reads a struct at once; one with a larger array inside is left out.
const maxRead = 1 << 20

const lacking = "the core lacks "

var (
	errBudget   = errors.New("more memory than this report reads for values")
	errReadOnly = errors.New("a core cannot be written")
)

// memory is the process's memory as far as it is known: the core's segments, and below them the binary's read-only
// segments, which kernels do not dump. Delve's own view also takes every mapped file for the binary, and the binary's
// unrelocated addresses for memory (buildMemory in its pkg/proc/core/linux_core.go), so that a pointer into a mapped
// data file, or a nil pointer of a position-independent program, would show bytes of the binary.
type memory struct {
	core, binary []extent
	ctx          context.Context // of the call into Delve that is running
	budget       int64           // bytes that it may still read
}

// extent is a range of memory and the bytes of a file that hold it. The end is exclusive.
type extent struct {
	start, end uint64
	file       *os.File
	offset     int64
}

func newMemory(in *inputs, bias uint64) *memory {
	m := &memory{ctx: context.Background()}
	for _, p := range in.coreELF.Progs {
		m.core = appendExtent(m.core, in.core, p, 0)
	}
	for _, p := range in.binaryELF.Progs {
		if p.Flags&elf.PF_W == 0 {
			m.binary = appendExtent(m.binary, in.binary, p, bias)
		}
	}
	for _, list := range [][]extent{m.core, m.binary} {
		sort.SliceStable(list, func(i, j int) bool { return list[i].start < list[j].start })
	}
	return m
}

func appendExtent(list []extent, file *os.File, p *elf.Prog, bias uint64) []extent {
	start := p.Vaddr + bias
	if p.Type != elf.PT_LOAD || p.Filesz == 0 || start+p.Filesz < start {
		return list
	}
	return append(list, extent{start: start, end: start + p.Filesz, file: file, offset: int64(p.Off)})
}

// find returns the extent that holds addr, and where the next one starts (the end of the address space when none does).
func find(list []extent, addr uint64) (e extent, next uint64, ok bool) {
	i := sort.Search(len(list), func(i int) bool { return list[i].start > addr })
	next = ^uint64(0)
	if i < len(list) {
		next = list[i].start
	}
	if i == 0 || addr >= list[i-1].end {
		return extent{}, next, false
	}
	return list[i-1], next, true
}

// ReadMemory fills buf from addr on, wholly or not at all. It ends the running call by a panic when its time is over.
func (m *memory) ReadMemory(buf []byte, addr uint64) (int, error) {
	m.check()
	if addr+uint64(len(buf)) < addr {
		return 0, fmt.Errorf("%d bytes at %#x wrap around", len(buf), addr)
	}
	if len(buf) > maxRead {
		return 0, fmt.Errorf("%d bytes at once are more than this report reads", len(buf))
	}
	if m.budget -= int64(len(buf)); m.budget < 0 {
		return 0, errBudget
	}
	for done := 0; done < len(buf); {
		at := addr + uint64(done)
		e, next, ok := find(m.core, at)
		if !ok {
			if e, _, ok = find(m.binary, at); !ok {
				return 0, fmt.Errorf(lacking+"%#x", at)
			}
			e = e.until(next)
		}
		n := int(min(e.end-at, uint64(len(buf)-done)))
		if _, err := e.file.ReadAt(buf[done:done+n], e.offset+int64(at-e.start)); err != nil {
			return 0, fmt.Errorf(lacking+"%#x (the file ends before it)", at)
		}
		done += n
	}
	return len(buf), nil
}

func (e extent) until(end uint64) extent {
	e.end = min(e.end, end)
	return e
}

// check panics with stopped when the time of the running call is over.
func (m *memory) check() {
	if err := m.ctx.Err(); err != nil {
		panic(stopped{cause: err})
	}
}

func (m *memory) WriteMemory(uint64, []byte) (int, error) { return 0, errReadOnly }

// ownMemory makes Delve read variables through mem.
type ownMemory struct {
	proc.Process
	mem *memory
}

func (o ownMemory) Memory() proc.MemoryReadWriter { return o.mem }

// BinInfo is asked for once per goroutine in Delve's search for one: the place where that search can be stopped.
func (o ownMemory) BinInfo() *proc.BinaryInfo {
	o.mem.check()
	return o.Process.BinInfo()
}
