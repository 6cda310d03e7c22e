package exe

import "postmortem/coreread/image"

// SourceFrame is a function of the source at a position: one that was inlined,
// or the one that holds the code.
type SourceFrame struct {
	Func      string // as in the function table
	File      string // "" when unknown
	Line      int    // 0 when unknown
	Inlined   bool   // into the frame that follows
	Wrapper   bool   // made by the compiler or linker; tracebacks leave it out
	StartLine int    // of the func keyword, 0 when unknown (before Go 1.20)
}

// maxInlined bounds the frames of one pc. The compiler's inlining budget ends
// far below it (cmd/compile/internal/inline, inlineMaxBudget).
const maxInlined = 1 << 10

// Frames returns the functions that the instruction at pc belongs to, innermost
// first: those inlined there, and f itself, always, as the last. For a return address
// the caller passes an address inside the call instruction, such as one less.
func (f Func) Frames(pc image.Addr) []SourceFrame {
	var frames []SourceFrame
	tree, ok := f.FuncData(FuncDataInlTree)
	for at := pc; ok && len(frames) < maxInlined; {
		call, inlined := f.inlinedAt(tree, at)
		if !inlined {
			pc = at
			break
		}
		file, line := f.Position(at)
		frames = append(frames, SourceFrame{Func: call.name, File: file, Line: line, Inlined: true, Wrapper: call.wrapper, StartLine: call.startLine})
		at = f.Entry() + image.Addr(call.parentPC)
		pc = at
	}
	file, line := f.Position(pc)
	return append(frames, SourceFrame{Func: f.Name(), File: file, Line: line, Wrapper: f.IsWrapper(), StartLine: f.StartLine()})
}

// inlinedCall is an entry of the inline tree.
type inlinedCall struct {
	name      string
	parentPC  uint32 // offset from the entry of an instruction at the call's position
	startLine int
	wrapper   bool
}

// inlinedAt returns the innermost call that was inlined at pc; false when there
// is none or the tree is damaged there.
func (f Func) inlinedAt(tree, pc image.Addr) (call inlinedCall, ok bool) {
	l := &f.table.layout.inlined
	i := f.PCData(PCDataInlTreeIndex, pc)
	if i < 0 {
		return call, false
	}
	entry, err := f.table.image.Bytes(tree+image.Addr(int(i)*l.size), uint64(l.size))
	if err != nil {
		return call, false
	}
	name := f.table.nameAt(order.Uint32(entry[l.name:]))
	call = inlinedCall{
		name: string(name), parentPC: order.Uint32(entry[l.parentPC:]),
		wrapper: entry[l.funcID] == f.table.layout.wrapper,
	}
	if l.startLine >= 0 {
		call.startLine = int(int32(order.Uint32(entry[l.startLine:])))
	}
	return call, name != nil && f.Entry()+image.Addr(call.parentPC) < f.End()
}
