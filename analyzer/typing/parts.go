package typing

import (
	"postmortem/coreread/goheap"
	"postmortem/coreread/gotypes"
	"postmortem/coreread/image"
)

// interior takes a claim of a place behind an object's start. It says nothing of
// the whole, unless the whole is an array or strings, or a timer.
func (f *inference) interior(addr image.Addr, p *goheap.Place, c *claim, word Key) {
	if word != 0 || p.Offset < 0 {
		return
	}
	s, e := &f.spans[p.Span], &f.entries[c.entry]
	off := uint64(p.Offset)
	switch {
	case off >= s.space || c.bytes > s.space-off:
		f.conflicts++
	case s.tiny:
		if !e.pointers {
			f.words[p.Object] = wordOf(tinyIndex, Shared)
		}
	case e.form == StringData:
		if s.noscan {
			f.words[p.Object] = wordOf(stringIndex, Part)
		}
	case e.form == Array:
		f.tailOfArray(p, c, off)
	case e.typ == f.timers.inner && f.container(p, addr, off):
	default:
		f.follow(addr, c, word)
	}
}

// partOfWhole takes a claim of an object's first bytes that are not all of it;
// false when it says nothing of the whole.
func (f *inference) partOfWhole(p *goheap.Place, c *claim, word Key) bool {
	switch e := &f.entries[c.entry]; {
	case classOf(word) >= Part && (e.form == StringData || e.form == Array):
		return true
	case e.form == StringData:
		f.settleOn(p, stringIndex, Part)
		return true
	case e.form == Array:
		return f.tailOfArray(p, c, 0)
	case f.timers.handles(e.typ) && e.form == Single:
		whole := claim{bytes: f.entries[f.timers.whole].size, entry: f.timers.whole, class: Pointer}
		if f.timers.whole != unknownIndex && f.fit(p, &whole) == fits {
			f.settleOn(p, whole.entry, Pointer)
			return true
		}
	}
	return false
}

// tailOfArray takes a slice that begins off bytes behind an object's start: the
// object is an array of its elements when they divide it evenly, and the slice
// ends where the object does or all of the object has the elements' pointers.
func (f *inference) tailOfArray(p *goheap.Place, c *claim, off uint64) bool {
	e, s := &f.entries[c.entry], &f.spans[p.Span]
	if e.size == 0 || off%e.size != 0 {
		return false
	}
	whole := claim{bytes: off + c.bytes, entry: c.entry, class: Part}
	if f.fit(p, &whole) == fits {
		f.settleOn(p, c.entry, Part)
		return true
	}
	if e.words == 0 && c.bytes != 0 {
		return false
	}
	for n := s.space / e.size * e.size; n > s.least && n >= off+c.bytes; n -= e.size {
		whole.bytes = n
		if f.fit(p, &whole) == fits {
			f.settleOn(p, c.entry, Part)
			return true
		}
	}
	return false
}

// timerTypes are the types of timers. Until Go 1.22 a time.Timer or time.Ticker
// holds what the runtime's lists point to; since then they point to the start of
// a runtime.timeTimer, which has the same fields in front and more behind.
type timerTypes struct {
	inner         gotypes.ID // what the runtime's lists point to
	offset        uint64     // of it in the whole
	period        uint64     // of the period in it
	whole, ticker index
	timer, tick   gotypes.ID
}

// handles reports whether a type is what a program has of a timer.
func (t *timerTypes) handles(id gotypes.ID) bool { return id != 0 && (id == t.timer || id == t.tick) }

func (f *inference) bindTimers() {
	t := &f.timers
	t.inner, _ = f.types.ByName("runtime.timer")
	t.timer, _ = f.types.ByName("time.Timer")
	t.tick, _ = f.types.ByName("time.Ticker")
	inner := f.fields(t.inner)
	t.period = inner.at("period")
	name := "timer"
	if whole, ok := f.types.ByName("runtime.timeTimer"); ok {
		t.whole = f.single(whole)
		t.ticker = t.whole
		t.offset = f.fields(whole).at(name)
	} else {
		t.whole, t.ticker = f.single(t.timer), f.single(t.tick)
		t.offset = f.fields(t.timer).at("r")
	}
	if inner.missing || t.offset == 0 {
		t.inner = 0
	}
}

// container types the timer around a runtime.timer.
func (f *inference) container(p *goheap.Place, addr image.Addr, off uint64) bool {
	t := &f.timers
	if t.inner == 0 || off != t.offset {
		return false
	}
	i := t.whole
	if period, err := f.image.Uint64(addr + image.Addr(t.period)); err == nil && period != 0 {
		i = t.ticker
	}
	whole := claim{bytes: f.entries[i].size, entry: i, class: Part}
	if i == unknownIndex || f.fit(p, &whole) != fits {
		return false
	}
	f.settleOn(p, i, Part)
	return true
}
