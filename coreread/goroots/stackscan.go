package goroots

import (
	"sort"

	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// scanState is the scan of one goroutine's stack (runtime/mgcstack.go): words of
// frames that point into the stack lead to variables whose address is taken, which
// are alive only if one does.
type scanState struct {
	stack   image.Range
	objects []stackObject // by address
	frames  []frameNote   // that the objects are of
	// Pointers into the stack that were not followed yet, in bytes from its
	// start: those that are certain are followed first.
	certain, possible []uint32
}

// stackObject is a variable on the stack whose address is taken.
type stackObject struct {
	off, size uint32 // bytes from the stack's start
	frame     uint32 // index in scanState.frames
	found     bool
	record    *objectRecord
}

// frameNote is a frame that has such variables: enough to show it again.
type frameNote struct {
	pc, continuePC   image.Addr
	sp, fp           uint32 // from the stack's start
	depth            uint32
	exact, unmapped  bool
	trust            gort.Trust
	varpBelow, above uint8 // bytes of varp below fp, of argp above
}

// maxStack bounds a stack: the runtime keeps distances in 32 bits.
const maxStack = 1 << 32

func (s *scanState) reset(stack image.Range) {
	*s = scanState{
		stack: stack, objects: s.objects[:0], frames: s.frames[:0],
		certain: s.certain[:0], possible: s.possible[:0],
	}
}

// put notes a word that points into the stack.
func (s *scanState) put(value image.Addr, conservative bool) {
	off := uint32(value - s.stack.Start)
	if conservative {
		s.possible = append(s.possible, off)
	} else {
		s.certain = append(s.certain, off)
	}
}

// take returns a pointer that was not followed yet.
func (s *scanState) take() (off uint32, conservative, ok bool) {
	list := &s.certain
	if len(*list) == 0 {
		list, conservative = &s.possible, true
	}
	n := len(*list)
	if n == 0 {
		return 0, false, false
	}
	off = (*list)[n-1]
	*list = (*list)[:n-1]
	return off, conservative, true
}

// add notes the variables of a frame. Frames come from the innermost on, and
// their variables by address: what is not behind the ones before is damaged, and
// false says so.
func (s *scanState) add(f *gort.LiveFrame, records []objectRecord) bool {
	ordered := true
	for i := range records {
		o := &records[i]
		base := f.Varp
		if o.off >= 0 {
			base = f.Argp
		}
		at := base.Add(int64(o.off))
		if at < f.SP {
			continue // the frame has not made room for it yet
		}
		end := at + image.Addr(o.size)
		last := s.stack.Start
		if n := len(s.objects); n > 0 {
			last += image.Addr(s.objects[n-1].off) + image.Addr(s.objects[n-1].size)
		}
		if at < last || end < at || end > s.stack.End {
			ordered = false
			continue
		}
		s.objects = append(s.objects, stackObject{
			off: uint32(at - s.stack.Start), size: o.size, frame: uint32(len(s.frames)), record: o,
		})
	}
	if n := len(s.objects); n > 0 && int(s.objects[n-1].frame) == len(s.frames) {
		s.frames = append(s.frames, s.note(f))
	}
	return ordered
}

func (s *scanState) note(f *gort.LiveFrame) frameNote {
	return frameNote{
		pc: f.PC, continuePC: f.ContinuePC, sp: uint32(f.SP - s.stack.Start), fp: uint32(f.FP - s.stack.Start),
		depth: uint32(f.Depth), exact: f.Exact, unmapped: f.Conservative, trust: f.Trust,
		varpBelow: uint8(f.FP - f.Varp), above: uint8(f.Argp - f.FP),
	}
}

// at returns the variable that covers a place of the stack.
func (s *scanState) at(off uint32) *stackObject {
	i := sort.Search(len(s.objects), func(i int) bool { return s.objects[i].off > off }) - 1
	if i < 0 || off-s.objects[i].off >= s.objects[i].size {
		return nil
	}
	return &s.objects[i]
}

// show makes the frame that a variable is of.
func (s *scanState) show(p *gort.Process, n *frameNote, f *gort.LiveFrame) {
	fp := s.stack.Start + image.Addr(n.fp)
	fn, _ := p.FuncAt(n.pc)
	*f = gort.LiveFrame{
		Frame: gort.Frame{PC: n.pc, SP: s.stack.Start + image.Addr(n.sp), FP: fp, Exact: n.exact, Trust: n.trust},
		Func:  fn, Entry: fn.Entry().Add(p.Bias), Depth: int(n.depth), ContinuePC: n.continuePC,
		Varp: fp - image.Addr(n.varpBelow), Argp: fp + image.Addr(n.above), Conservative: n.unmapped,
	}
	f.Body = image.Range{Start: f.SP, End: max(f.SP, f.Varp)}
}
