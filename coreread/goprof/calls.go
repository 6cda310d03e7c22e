package goprof

import (
	"strings"

	"postmortem/coreread/exe"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// call is a function of a stack, as an entry of it stands for one.
type call struct {
	// pc is what stands for it in a stack that has inlined calls apart: the return
	// address of the innermost function there, and one more than the address of the
	// instruction that marks the call for those it was inlined into.
	pc    image.Addr
	entry image.Addr // of the function that holds the code; 0 for what is not Go's
	src   exe.SourceFrame
}

// calls knows the functions of program counters.
type calls struct {
	p          *gort.Process
	known      map[image.Addr][]call
	entryBytes int        // of an entry of an inline tree
	parentPC   image.Addr // in it
	hidden     []string   // beginnings of functions that a heap profile leaves out
}

func newCalls(p *gort.Process) calls {
	c := calls{p: p, known: make(map[image.Addr][]call), entryBytes: 20, parentPC: 16, hidden: []string{"runtime."}}
	l := p.Layout()
	if l.Has(layout.ShortInlineTree) {
		c.entryBytes, c.parentPC = 16, 8
	}
	if l.Has(layout.HeapProfileHidesInternal) {
		c.hidden = append(c.hidden, "internal/runtime/")
	}
	return c
}

// maxKnown bounds the program counters that are kept decoded, as gort does.
const maxKnown = 1 << 16

// at returns the functions that a return address stands for, innermost first:
// none where no Go code is.
func (c *calls) at(pc image.Addr) []call {
	if list, ok := c.known[pc]; ok {
		return list
	}
	list := c.decode(pc)
	if len(c.known) >= maxKnown {
		clear(c.known)
	}
	c.known[pc] = list
	return list
}

func (c *calls) decode(pc image.Addr) []call {
	fn, ok := c.p.FuncAt(pc)
	if !ok {
		return nil
	}
	at := c.p.Static(pc)
	if at > fn.Entry() {
		at-- // the call, not what follows it
	}
	sources := fn.Frames(at)
	list := make([]call, len(sources))
	for i, src := range sources {
		list[i] = call{pc: pc, entry: fn.Entry(), src: src}
		if at, ok = c.parent(fn, at); ok {
			pc = (at + 1).Add(c.p.Bias)
		}
	}
	return list
}

// parent returns the address of the instruction that marks where the function at
// pc was inlined, both in the binary's own addresses.
func (c *calls) parent(fn exe.Func, pc image.Addr) (image.Addr, bool) {
	tree, ok := fn.FuncData(exe.FuncDataInlTree)
	i := fn.PCData(exe.PCDataInlTreeIndex, pc)
	if !ok || i < 0 {
		return pc, false
	}
	offset, err := c.p.Exe.Image().Uint32(tree + image.Addr(int(i)*c.entryBytes) + c.parentPC)
	if err != nil {
		return pc, false
	}
	return fn.Entry() + image.Addr(offset), true
}

// logical returns the functions of a stack that has inlined calls apart. The
// stack may have been cut among those of one address: the rest is put back
// (runtime/symtab.go, runtime_expandFinalInlineFrame).
func (c *calls) logical(pcs []image.Addr) []call {
	list := make([]call, 0, len(pcs))
	for _, pc := range pcs {
		if here := c.at(pc); len(here) > 0 {
			list = append(list, here[0])
		} else {
			list = append(list, call{pc: pc})
		}
	}
	if len(pcs) == 0 {
		return list
	}
	return c.restoreLast(list)
}

func (c *calls) restoreLast(list []call) []call {
	last := len(list) - 1
	here := c.at(list[last].pc)
	if len(here) < 2 {
		return list
	}
	list = list[:last]
	callee := ""
	for _, inner := range here {
		if !inner.src.Wrapper || !hidesWrapper(callee) {
			list = append(list, inner)
		}
		callee = inner.src.Func
	}
	return list
}

// hidesWrapper reports whether a wrapper that called the function is left out of
// stacks (runtime/traceback.go, elideWrapperCalling).
func hidesWrapper(callee string) bool {
	switch callee {
	case "runtime.gopanic", "runtime.sigpanic", "runtime.panicwrap":
		return false
	}
	return true
}

// expanded returns the functions of a stack of return addresses, at most limit,
// with the inlined ones; what is not Go code is left out. Some of the entries may
// be of inlined calls already, each followed by those that it was inlined into
// (runtime/symtab.go, Frames.Next).
func (c *calls) expanded(pcs []image.Addr, limit int) []call {
	var list []call
	for i, pc := range pcs {
		for pc != 0 && len(list) < limit {
			here := c.at(pc)
			pc = 0
			if len(here) == 0 {
				break
			}
			list = append(list, here[0])
			for _, outer := range here[1:] {
				if i+1 == len(pcs) || pcs[i+1] == outer.pc {
					break
				}
				if !outer.src.Wrapper || !hidesWrapper(here[0].src.Func) {
					pc = outer.pc
					break
				}
			}
		}
	}
	if len(list) == 0 {
		return list
	}
	return c.restoreLast(list)
}

// withoutAllocator leaves out the runtime's functions that a stack begins with, as
// a heap profile does; a stack of nothing else stays whole (protomem.go,
// writeHeapProto). It asks for the function of the return address itself.
func (c *calls) withoutAllocator(pcs []image.Addr) []image.Addr {
	for i, pc := range pcs {
		if !c.isHidden(pc) {
			return pcs[i:]
		}
	}
	return pcs
}

func (c *calls) isHidden(pc image.Addr) bool {
	fn, ok := c.p.FuncAt(pc)
	if !ok {
		return false
	}
	name := fn.Frames(c.p.Static(pc))[0].Func
	for _, prefix := range c.hidden {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
