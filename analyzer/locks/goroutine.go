package locks

import (
	"fmt"

	"postmortem/analyzer/facts"
	"postmortem/coreread/exe"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// stackOf collects what one goroutine's stack tells, from the innermost frame on.
type stackOf struct {
	*search
	g *gort.Goroutine
	// given are locks that frames further in have given back for their callers,
	// unknown kinds of locks that they did so to at an address that is not known.
	given   map[lockOf]bool
	unknown map[Kind]bool
	defers  []pending
	// unwinding says that deferred calls of the frames further out run already: a
	// panic, Goexit or the end of the function has called one of the frames further in.
	unwinding bool
	// retaken are locks that deferred calls will take: they are not held now.
	retaken []lockOf
	// deferring are the frames that may have deferred calls pending, by their stack pointers.
	deferring map[image.Addr]*standing
}

// pending is a deferred call that will give back a lock.
type pending struct {
	lock lockOf
	kind Kind
	call gort.Defer
	must bool
	sure bool
	used bool
}

// heldAt is a holding with its address in the process.
type heldAt struct {
	holding
	address
	frame *standing
}

func (h *heldAt) lock() lockOf { return lockOf{h.at, h.kind == reader} }

// goroutine judges what a goroutine holds. held is whether a frame stands where
// its function has to do with locks.
func (s *search) goroutine(g *gort.Goroutine, frames []standing, deferring []gort.Frame, held bool) {
	w := stackOf{search: s, g: g}
	w.deferred(deferring)
	if !held && len(w.defers) == 0 {
		return
	}
	w.given, w.unknown, w.deferring = make(map[lockOf]bool), make(map[Kind]bool), make(map[image.Addr]*standing)
	for _, l := range w.retaken {
		w.given[l] = true
	}
	for i := range frames {
		w.deferring[frames[i].SP] = &frames[i]
	}
	for i := range frames {
		s.look(frames[i].place)
		w.unwinding = w.unwinding || frames[i].unwinds
		w.frame(&frames[i])
	}
	for i := range w.defers {
		w.deferOnly(&w.defers[i])
	}
}

// deferred finds which pending deferred calls give back locks.
func (w *stackOf) deferred(frames []gort.Frame) {
	if w.g.Defers == 0 && len(frames) == 0 {
		return
	}
	calls, _ := w.process.DefersIn(w.g, frames) // what is missing from them is a gap of the stack's
	for _, c := range calls {
		fn, ok := w.process.FuncAt(c.PC)
		if !ok {
			continue
		}
		entry := map[reg]address{w.program.context: {at: c.Closure, ok: true, sure: true}}
		for _, e := range w.concrete(fn, entry, reach) {
			if !e.given && e.ok {
				w.retaken = append(w.retaken, lockOf{e.at, e.kind == reader})
			}
			if e.given && e.ok {
				w.defers = append(w.defers, pending{lock: lockOf{e.at, e.kind == reader}, kind: e.kind, call: c, must: e.must, sure: e.sure})
			}
		}
	}
}

// concrete returns what a call of a function does to locks, given what is in its
// registers as it is called.
func (w *stackOf) concrete(fn exe.Func, entry map[reg]address, depth int) (out []heldAt) {
	p := w.program
	c := p.callee(fn.Entry())
	if c.action != nil && !c.action.slow && !c.action.try {
		h := heldAt{holding: holding{kind: c.action.kind, given: c.action.give, must: true}, address: entry[p.arguments[0]]}
		return []heldAt{h}
	}
	f := p.flowOf(fn, reach)
	if f == nil {
		f = p.wrapperFlow(fn)
	}
	if f == nil || f.lost {
		return nil
	}
	r := resolver{process: w.process, flow: f, entry: entry}
	for _, h := range f.effects {
		out = append(out, heldAt{holding: h, address: r.resolve(h.addr)})
	}
	if depth <= 0 {
		return out
	}
	for _, call := range f.indirect {
		target := r.resolve(call.target)
		if !target.ok {
			continue
		}
		fn, ok := w.process.FuncAt(target.at)
		if !ok || fn.Entry() != w.process.Static(target.at) {
			continue
		}
		regs := make(map[reg]address)
		for k, v := range call.regs {
			if a := r.resolve(v); a.ok {
				regs[k] = a
			}
		}
		for _, e := range w.concrete(fn, regs, depth-1) {
			e.must = e.must && len(f.indirect) == 1
			out = append(out, e)
		}
	}
	return out
}

// frame takes in what a frame holds and what it has given back.
func (w *stackOf) frame(f *standing) {
	if f.cond {
		w.waitsForCond(f)
		return
	}
	if f.view == nil {
		return
	}
	r := resolver{process: w.process, view: &f.view.state, flow: f.view.flow, top: w.program.entryPointer(f.FP)}
	var own []heldAt
	for _, h := range f.view.held {
		at := heldAt{h, r.resolve(h.addr), f}
		if h.kind == method {
			own = append(own, w.through(&r, &at)...)
		} else {
			own = append(own, at)
		}
	}
	for i := range own {
		if h := &own[i]; !h.given && !h.past && h.ok {
			w.holds(h)
		}
	}
	for i := range own {
		if h := &own[i]; h.given || h.past {
			w.gave(h)
		}
	}
}

// through returns what a method that was called through an interface, or a
// function value, did to locks.
func (w *stackOf) through(r *resolver, h *heldAt) (out []heldAt) {
	target := r.resolve(h.target)
	if !target.ok || !h.ok {
		return nil
	}
	fn, ok := w.process.FuncAt(target.at)
	if !ok || fn.Entry() != w.process.Static(target.at) {
		return nil
	}
	in := w.program.arguments[0]
	if h.value {
		in = w.program.context
	}
	for _, e := range w.concrete(fn, map[reg]address{in: h.address}, 0) {
		e.site, e.frame, e.calls = h.site, h.frame, true
		e.must = e.must && h.must
		e.sure = e.sure && target.sure
		if e.ok {
			out = append(out, e)
		}
	}
	return out
}

// gave notes that a frame has given back a lock.
func (w *stackOf) gave(h *heldAt) {
	switch {
	case h.ok:
		w.given[h.lock()] = true
	case h.given:
		w.unknown[h.kind] = true
	}
}

// waitsForCond notes the lock that sync.(*Cond).Wait has given back: it is the
// value of the interface that a Cond begins with.
func (w *stackOf) waitsForCond(f *standing) {
	if f.view != nil {
		r := resolver{process: w.process, view: &f.view.state, flow: f.view.flow, top: w.program.entryPointer(f.FP)}
		cond := r.resolve(f.view.flow.values.of(expression{kind: onEntry, n: int64(w.program.arguments[0])}))
		if lock, err := w.process.Image.Addr(cond.at + 8); cond.ok && err == nil {
			w.given[lockOf{lock, false}], w.given[lockOf{lock, true}] = true, true
			return
		}
	}
	w.unknown[Mutex], w.unknown[RWMutex], w.unknown[reader] = true, true, true
}

// holds grades that a frame took a lock and has not given it back.
func (w *stackOf) holds(h *heldAt) {
	if w.given[h.lock()] {
		return
	}
	fn, v := h.frame.fn, h.frame.view
	taken := sourceOf(fn, h.site)
	back, always := v.flow.givesBack(v.at, h.site)
	var deferred *pending
	for i := range w.defers {
		if d := &w.defers[i]; d.lock == h.lock() && d.must {
			deferred, d.used = d, true
		}
	}
	confidence := facts.ConfidencePossible
	switch {
	case h.must && (h.sure || deferred != nil && deferred.sure) && !v.lost && (!h.calls || always || deferred != nil):
		confidence = facts.ConfidenceProven
	case h.must, always && !h.tried:
		confidence = facts.ConfidenceLikely
	case always, deferred != nil:
		confidence = facts.ConfidenceLikely
	}
	if h.calls && v.flow.takesAgain(v.at, h.site) {
		confidence = facts.ConfidencePossible // somebody who was called may have given it back
	}
	if (h.calls || !always && deferred == nil) && v.flow.handsOut(w.isPending) || deferred == nil && w.unwinding && fn.DeferReturn() != 0 {
		// Another may have been told to give it back, or a deferred call has.
		confidence = facts.ConfidencePossible
	}
	if w.unknown[h.kind] {
		confidence = atMost(confidence, facts.ConfidencePossible)
	}
	var evidence []string
	if deferred != nil {
		evidence = append(evidence, w.deferText(deferred))
	}
	evidence = append(evidence, w.standsText(h, taken, back))
	w.add(h.lock(), candidate{goroutine: w.g.ID, kind: h.kind, confidence: confidence, taken: site(taken), evidence: evidence})
}

// isPending reports whether a function, at the binary's own address, is one that
// the goroutine is still to call.
func (w *stackOf) isPending(entry image.Addr) bool {
	for i := range w.defers {
		if w.process.Static(w.defers[i].call.PC) == entry {
			return true
		}
	}
	return false
}

// methods name what takes and gives back a lock.
var methods = map[Kind][2]string{Mutex: {"Lock", "Unlock"}, RWMutex: {"Lock", "Unlock"}, reader: {"RLock", "RUnlock"}}

func (w *stackOf) standsText(h *heldAt, taken exe.SourceFrame, back image.Addr) string {
	pc := w.process.Static(h.frame.PC)
	if !h.frame.Exact {
		pc--
	}
	here := sourceOf(h.frame.fn, pc)
	text := fmt.Sprintf("%s stands at %s behind %s (%s)", exe.PrintName(here.Func), lineOf(here.File, here.Line), methods[h.kind][0], lineOf(taken.File, taken.Line))
	if back != 0 {
		b := sourceOf(h.frame.fn, back)
		text = fmt.Sprintf("%s stands at %s between %s (%s) and %s (%s)", exe.PrintName(here.Func), lineOf(here.File, here.Line),
			methods[h.kind][0], lineOf(taken.File, taken.Line), methods[h.kind][1], lineOf(b.File, b.Line))
	}
	if !h.must {
		text += ", on some of the ways that lead there"
	}
	return text
}

func (w *stackOf) deferText(d *pending) string {
	of := ""
	if l, ok := w.locks[d.lock.addr]; ok && l.Name != "" {
		of = " of " + l.Name
	}
	by := "a function that is not on the stack any more"
	if f, ok := w.deferring[d.call.SP]; ok {
		by = exe.PrintName(f.fn.Name())
	}
	return fmt.Sprintf("deferred %s%s pending in %s (%s)", methods[d.kind][1], of, by, lineOf(d.call.File, d.call.Line))
}

// deferOnly grades a pending deferred call that gives back a lock which no frame
// was seen to take.
func (w *stackOf) deferOnly(d *pending) {
	if d.used || w.given[d.lock] || w.waiting[d.lock.addr][w.g.ID] {
		return
	}
	confidence := facts.ConfidenceLikely
	if f := w.deferring[d.call.SP]; !d.must || f != nil && f.view != nil && f.view.flow.takesLater(f.view.at, d.kind) {
		confidence = facts.ConfidencePossible // the defer statement may stand before the lock is taken
	}
	w.add(d.lock, candidate{goroutine: w.g.ID, kind: d.kind, confidence: confidence, evidence: []string{w.deferText(d)}})
}
