package gort

import (
	"cmp"
	"fmt"
	"slices"

	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// DeferKind is how the compiler implemented a defer statement.
type DeferKind string

// The ways to defer a call.
const (
	DeferRecord    DeferKind = "record"          // a runtime._defer on a list
	DeferOpenCoded DeferKind = "open-coded"      // a bit and a closure in the frame
	DeferRangeFunc DeferKind = "range-over-func" // made in the body of a loop over a function
)

// Defer is a deferred call that has not begun.
type Defer struct {
	// Func is the function that is to be called. Behind a wrapper that the
	// compiler made around a call with arguments it is the function within, or the
	// wrapper itself when that one is called indirectly.
	Func string
	PC   image.Addr // entry of the deferred function or its wrapper
	// Closure is the function value: its first word is PC, and behind it lies what
	// the function or wrapper captured.
	Closure image.Addr
	// File and Line are where that function or wrapper is declared: of a function
	// literal and of a wrapper this is the defer statement itself.
	File string
	Line int
	SP   image.Addr // stack pointer of the frame that deferred the call
	By   string     // function of that frame; "" when its frame was not found
	Kind DeferKind
}

// deferOffsets is runtime._defer.
type deferOffsets struct {
	size, sp, fn, link uint64
	started, openDefer optional // until 1.21
	rangefunc, head    optional // since 1.22
}

func (o *deferOffsets) bind(s *layout.Struct) error {
	*o = deferOffsets{
		size:      s.Size(),
		sp:        s.Offset("sp"),
		fn:        s.Offset("fn"),
		link:      s.Offset("link"),
		started:   optionalField(s, "started"),
		openDefer: optionalField(s, "openDefer"),
		rangefunc: optionalField(s, "rangefunc"),
		head:      optionalField(s, "head"),
	}
	return s.Err()
}

// maxDefers bounds the deferred calls of one goroutine that are read.
const maxDefers = 10000

// Defers returns the deferred calls of g that have not begun, in the order in
// which they would run, innermost frame first; s is g's stack. With an error it
// returns those that were found.
func (p *Process) Defers(g *Goroutine, s *Stack) ([]Defer, error) {
	w := deferWalk{p: p, g: g, stack: s}
	if g.Defers != 0 {
		w.list(g.Defers)
	}
	s.eachMarked(w.frame)
	if s.unkept > 0 {
		w.fail(fmt.Errorf("%d frames in the middle of the stack, which may defer more, were not looked at", s.unkept))
	}
	slices.SortStableFunc(w.found, func(a, b Defer) int { return cmp.Compare(a.SP, b.SP) })
	w.nameFrames()
	if w.err != nil {
		return w.found, fmt.Errorf("deferred calls of goroutine %d: %w", g.ID, w.err)
	}
	return w.found, nil
}

// DefersIn is Defers for a goroutine whose frames are known already: those that
// defer anything, in any order. By is not filled in.
func (p *Process) DefersIn(g *Goroutine, frames []Frame) ([]Defer, error) {
	w := deferWalk{p: p, g: g}
	if g.Defers != 0 {
		w.list(g.Defers)
	}
	for _, f := range frames {
		w.frame(f)
	}
	slices.SortStableFunc(w.found, func(a, b Defer) int { return cmp.Compare(a.SP, b.SP) })
	if w.err != nil {
		return w.found, fmt.Errorf("deferred calls of goroutine %d: %w", g.ID, w.err)
	}
	return w.found, nil
}

// deferWalk collects the deferred calls of a goroutine.
type deferWalk struct {
	p     *Process
	g     *Goroutine
	stack *Stack
	found []Defer
	read  uint64 // records
	err   error  // the first one
}

func (w *deferWalk) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// add notes the deferred call of a closure; false when it cannot be one.
func (w *deferWalk) add(closure, sp image.Addr, kind DeferKind) bool {
	target, err := w.p.deferTarget(closure)
	if err != nil {
		return false
	}
	if len(w.found) == maxDefers {
		w.fail(fmt.Errorf("more than %d", maxDefers))
		return true
	}
	w.found = append(w.found, Defer{
		Func: target.name, PC: target.entry, Closure: closure, File: target.file, Line: target.line, SP: sp, Kind: kind,
	})
	return true
}

// next reads the record at the address, unless the goroutine has had too many.
func (w *deferWalk) next(at image.Addr, o *deferOffsets) (record, error) {
	if w.read == maxDefers {
		return record{}, fmt.Errorf("more than %d", maxDefers)
	}
	if w.read++; w.read%chargeEvery == 0 {
		// Goroutines whose stacks overlap may share one list.
		if err := w.p.budget.chargeFrames(chargeEvery); err != nil {
			return record{}, err
		}
	}
	return w.p.record(at, o.size)
}

// list follows a list of records, newest first.
func (w *deferWalk) list(at image.Addr) {
	o, err := w.p.deferLayout()
	if err != nil {
		w.fail(err)
		return
	}
	last := image.Addr(0)
	for at != 0 {
		r, err := w.next(at, o)
		if err != nil {
			w.fail(err)
			return
		}
		// The list is sorted by frame, innermost first; several records may be of one frame.
		sp := r.addrAt(o.sp)
		if !w.g.Stack.Contains(sp) || sp < last {
			w.fail(fmt.Errorf("the record at %v belongs to no frame outside the ones before it (sp %v)", at, sp))
			return
		}
		last = sp
		w.record(r, o, sp)
		at = r.addrAt(o.link)
	}
}

// record notes the deferred calls that a record of g's list stands for.
func (w *deferWalk) record(r record, o *deferOffsets, sp image.Addr) {
	closure := r.addrAt(o.fn)
	switch {
	case r.optionalBool(o.openDefer):
		// It marks a frame whose own bits say what is pending (addOneOpenDeferFrame, until 1.21).
	case r.optionalBool(o.started):
		// It runs, or a panic has ended it (until 1.21; since, records leave the list before they run).
	case r.optionalBool(o.rangefunc):
		if head, ok := r.optionalU64(o.head); ok {
			w.rangeList(image.Addr(head), o, sp)
		}
	case closure == 0:
		// What is left of a range-over-func record whose calls have joined the list (deferconvert).
	case !w.add(closure, sp, DeferRecord):
		w.fail(fmt.Errorf("the record at %v defers no function (%v)", r.addr, closure))
	}
}

// rangeListTaken is what stands in the head of a range-over-func list that has
// been taken over (badDefer).
const rangeListTaken = 1

// rangeList follows the list, newest first, whose head is at the address.
func (w *deferWalk) rangeList(head image.Addr, o *deferOffsets, sp image.Addr) {
	at, err := w.p.Image.Addr(head)
	if err != nil {
		w.fail(err)
		return
	}
	for at != 0 && at != rangeListTaken {
		r, err := w.next(at, o)
		if err != nil {
			w.fail(err)
			return
		}
		if closure := r.addrAt(o.fn); !w.add(closure, sp, DeferRangeFunc) {
			w.fail(fmt.Errorf("the record at %v defers no function (%v)", at, closure))
		}
		at = r.addrAt(o.link)
	}
}

// frame notes the open-coded deferred calls of a frame that are pending.
func (w *deferWalk) frame(f Frame) {
	info := w.p.info(f.PC)
	if !info.known || f.FP <= f.SP {
		return
	}
	open := w.p.openDefersOf(info)
	if open == nil {
		return
	}
	base, ok := w.p.variablesBase(f)
	if !ok {
		return
	}
	bits, err := w.p.Image.Uint8(base - image.Addr(open.bits))
	if err != nil {
		w.fail(err)
		return
	}
	if open.count < 8 && bits>>open.count != 0 {
		w.fail(fmt.Errorf("frame of %s at %v: bits %#x for %d deferred calls", info.fn.Name(), f.SP, bits, open.count))
		return
	}
	// The last statement to be executed has the highest bit, and runs first.
	for i := 7; i >= 0; i-- {
		if bits&(1<<i) == 0 {
			continue
		}
		closure, err := w.p.Image.Addr(base - image.Addr(open.slot(i)))
		if err != nil {
			w.fail(err)
			return
		}
		if !w.add(closure, f.SP, DeferOpenCoded) {
			w.fail(fmt.Errorf("frame of %s at %v: slot %d holds no function (%v)", info.fn.Name(), f.SP, i, closure))
			return
		}
	}
}

// nameFrames fills in which functions deferred the calls.
func (w *deferWalk) nameFrames() {
	if len(w.found) == 0 {
		return
	}
	functions := make(map[image.Addr]string, len(w.found))
	for i := range w.found {
		functions[w.found[i].SP] = ""
	}
	w.stack.eachMarked(func(f Frame) {
		if _, ok := functions[f.SP]; ok {
			if info := w.p.info(f.PC); info.known {
				functions[f.SP] = info.fn.Name()
			}
		}
	})
	for i := range w.found {
		w.found[i].By = functions[w.found[i].SP]
	}
}
