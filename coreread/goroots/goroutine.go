package goroots

import (
	"fmt"

	"postmortem/coreread/exe"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// Goroutine visits what a goroutine keeps alive: its frames' pointers and what
// they point to on the stack, its registers if it runs, the closure that it is
// about to enter, and its deferred calls. Pointers into its own stack are followed
// and not visited; a word that a frame's map names may be visited a second time as
// part of a variable whose address is taken. The frame is nil where the slot belongs to none; it is only
// lent. Frames come from the innermost on, but variables whose address is taken
// (StackObject) last.
//
// With an error the walk ended early, and the rest of the stack was visited as
// Unwalked.
func (r *Reader) Goroutine(g *gort.Goroutine, visit func(*gort.LiveFrame, Slot)) error {
	w := stackWalk{Reader: r, g: g, visit: visit}
	err := w.walk()
	if err != nil {
		err = fmt.Errorf("what goroutine %d keeps alive: %w", g.ID, err)
		// Where only the walk ended, the rest of the stack was looked at word by word.
		r.p.AddGap(gort.Gap{What: err.Error(), Addr: g.Stack.Start, Effect: effect, HidesReferences: w.err != nil || !w.begun})
	}
	return err
}

// stackWalk is Goroutine at work.
type stackWalk struct {
	*Reader
	g     *gort.Goroutine
	visit func(*gort.LiveFrame, Slot)
	lost  uint64 // words of frames that are absent
	err   error  // the first
	begun bool   // the stack was looked at
}

func (w *stackWalk) walk() error {
	if w.g.Stack.Len() >= maxStack {
		return fmt.Errorf("its stack %v-%v is impossible", w.g.Stack.Start, w.g.Stack.End)
	}
	w.begun = true
	w.scan.reset(w.g.Stack)
	w.registers()
	w.context()
	rest, err := w.p.EachFrame(w.g, w.frame)
	if err != nil {
		w.conservative(nil, Unwalked, rest)
	}
	w.defers()
	if w.g.Stack.Contains(w.g.Panics) {
		w.scan.put(w.g.Panics, false) // records of panics are always on the stack
	}
	w.objects()
	if err != nil {
		return err
	}
	return w.err
}

func (w *stackWalk) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// found deals with a word that may be a pointer.
func (w *stackWalk) found(f *gort.LiveFrame, slot Slot) {
	switch {
	case slot.Value == 0:
	case w.scan.stack.Contains(slot.Value):
		w.scan.put(slot.Value, slot.Conservative)
	default:
		w.visit(f, slot)
	}
}

// pointer reads the word at the address.
func (w *stackWalk) pointer(f *gort.LiveFrame, kind Kind, at image.Addr, conservative bool) {
	v, ok := w.memory.word(at)
	if !ok {
		if w.lost++; w.lost == 1 {
			w.fail(&image.FaultError{Addr: at, Len: 8})
		}
		return
	}
	if v != 0 {
		w.found(f, Slot{At: at, Value: image.Addr(v), Kind: kind, Conservative: conservative})
	}
}

// conservative takes every word of a range for a pointer.
func (w *stackWalk) conservative(f *gort.LiveFrame, kind Kind, at image.Range) {
	at.Start = (at.Start + 7) &^ 7
	if at.End <= at.Start {
		return
	}
	if err := w.charge(at.Len() / 8); err != nil {
		w.fail(err)
		return
	}
	if w.p.Image.Missing(at) > 0 {
		w.fail(&image.FaultError{Addr: at.Start, Len: at.Len()})
	}
	w.memory.present(at, func(start image.Addr, run []byte) {
		for ; len(run) >= 8; run, start = run[8:], start+8 {
			if v := image.Addr(w.memory.order.Uint64(run)); v != 0 {
				w.found(f, Slot{At: start, Value: v, Kind: kind, Conservative: true})
			}
		}
	})
}

// frame is runtime.scanframeworker.
func (w *stackWalk) frame(f *gort.LiveFrame) {
	switch {
	case f.Conservative:
		w.unmapped(f)
	case f.ContinuePC != 0:
		w.mapped(f, w.maps.at(f))
	}
}

// unmapped scans a frame of which no map says where its pointers are.
func (w *stackWalk) unmapped(f *gort.LiveFrame) {
	w.conservative(f, Local, f.Body)
	w.conservative(f, Argument, image.Range{Start: f.Argp, End: w.argumentsEnd(f)})
}

// argumentsEnd returns the end of a frame's arguments and results on the stack.
func (w *stackWalk) argumentsEnd(f *gort.LiveFrame) image.Addr {
	args := f.Func.Args()
	if args == exe.ArgsUnknown {
		if !isReflectStub(f.Func.Name()) {
			return f.Argp
		}
		a, _, _ := w.reflectArguments(f)
		args = int32(8 * a.words)
	}
	return min(f.Argp+image.Addr(max(args, 0)), w.scan.stack.End)
}

// mapped scans a frame by its map.
func (w *stackWalk) mapped(f *gort.LiveFrame, m *stackMap) {
	if err := w.charge(1 + uint64(len(m.locals)+len(m.args)+len(m.objects))); err != nil {
		w.fail(err)
		return
	}
	if body := f.Varp.Sub(f.SP); body > int64(w.maps.minimum) {
		if m.missingLocals || len(m.locals) > 0 && int64(m.locals[0]) > body {
			w.conservative(f, Local, f.Body)
		} else {
			for _, below := range m.locals {
				w.pointer(f, Local, f.Varp-image.Addr(below), false)
			}
		}
	}
	objects := m.objects
	if f.Func.Args() == exe.ArgsUnknown && isReflectStub(f.Func.Name()) {
		objects = w.reflectStub(f)
	} else if m.missingArgs {
		w.conservative(f, Argument, image.Range{Start: f.Argp, End: w.argumentsEnd(f)})
	} else {
		for _, above := range m.args {
			w.pointer(f, Argument, f.Argp+image.Addr(above), false)
		}
	}
	if !w.scan.add(f, objects) {
		w.conservative(f, Local, f.Body)
	}
}

// reflectStub scans the arguments of a reflect stub, and returns its variables.
func (w *stackWalk) reflectStub(f *gort.LiveFrame) []objectRecord {
	a, begun, ok := w.reflectArguments(f)
	if !ok {
		w.fail(fmt.Errorf("the arguments of %s at %v have no map", f.Func.Name(), f.SP))
		w.conservative(f, Local, f.Body)
		return nil
	}
	eachBit(a.pointers, a.words, func(i uint32) { w.pointer(f, Argument, f.Argp+image.Addr(8*i), false) })
	if !begun {
		return nil
	}
	return w.maps.reflect
}

// objects follows the pointers into the stack, and scans the variables found.
func (w *stackWalk) objects() {
	var f gort.LiveFrame
	shown := ^uint32(0)
	for {
		off, conservative, ok := w.scan.take()
		if !ok {
			return
		}
		o := w.scan.at(off)
		if o == nil || o.found {
			continue
		}
		o.found = true
		if o.frame != shown {
			shown = o.frame
			w.scan.show(w.p, &w.scan.frames[o.frame], &f)
		}
		at := w.scan.stack.Start + image.Addr(o.off)
		if o.record.missing {
			w.conservative(&f, StackObject, image.Range{Start: at, End: at + image.Addr(o.size)})
			continue
		}
		if err := w.charge(uint64(len(o.record.pointers))); err != nil {
			w.fail(err)
			return
		}
		for _, p := range o.record.pointers {
			w.pointer(&f, StackObject, at+image.Addr(p), conservative)
		}
	}
}

// registers visits the registers of a goroutine that runs, and the vector
// registers of one that was preempted.
func (w *stackWalk) registers() {
	for _, reg := range w.p.Registers(w.g) {
		w.found(nil, Slot{Value: image.Addr(reg.Value), Kind: Register, Conservative: true, Register: reg.Name})
	}
	o := &w.offsets
	preempted, err := w.p.Image.Uint8(w.g.Addr + image.Addr(o.asyncSafePoint))
	if err != nil || preempted == 0 || !o.vectors.present {
		return
	}
	// A debugger's call sets no vector registers aside.
	if at := w.memory.addr(w.g.Addr + image.Addr(o.vectors.off)); at != 0 {
		w.conservative(nil, Vector, image.Range{Start: at, End: at + image.Addr(o.vectorBytes)})
	}
}

// context visits the closure that the goroutine enters when it goes on.
func (w *stackWalk) context() {
	w.pointer(nil, Context, w.g.Addr+image.Addr(w.offsets.context), false)
}

// defers visits the records of deferred calls and their functions. The list may
// weave between stack and heap.
func (w *stackWalk) defers() {
	o := &w.offsets
	var loop circle
	for at := w.g.Defers; at != 0; {
		heap, err := w.p.Image.Uint8(at + image.Addr(o.deferHeap))
		if err == nil {
			err = w.charge(o.deferBytes / 8)
		}
		if err == nil {
			err = loop.check(at)
		}
		if err != nil {
			w.fail(fmt.Errorf("its deferred calls: %w", err))
			return
		}
		if heap != 0 && at == w.g.Defers {
			w.found(nil, Slot{At: w.g.Addr + image.Addr(o.defers), Value: at, Kind: DeferRecord})
		}
		w.pointer(nil, DeferFunc, at+image.Addr(o.deferFunc), false)
		w.pointer(nil, DeferRecord, at+image.Addr(o.deferLink), false)
		at = w.memory.addr(at + image.Addr(o.deferLink))
	}
}
