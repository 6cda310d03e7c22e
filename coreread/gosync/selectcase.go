package gosync

import (
	"cmp"
	"slices"

	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// selectCase is an entry of the array of runtime.scase that a select gives to
// runtime.selectgo, in the frame of the function that has the select, or that
// reflect.Select has made.
type selectCase struct {
	c, elem image.Addr
	index   int // in the array; of a sudog, in Wait.Targets
}

func compareCases(a, b selectCase) int {
	return cmp.Or(cmp.Compare(a.c, b.c), cmp.Compare(a.elem, b.elem), cmp.Compare(a.index, b.index))
}

// maxCases is how many cases a select may have (src/runtime/select.go).
const maxCases = 1 << 16

// Where runtime.selectgo keeps its arguments cas0, order0 and nsends, in bytes from
// the start of its arguments: they come in registers, and it saves those that it
// needs after the wait. It saves the number of cases as a variable of its own, and
// with it order0+2*ncases, the address of their order by channel.
const (
	selectCasesArg = 0
	selectOrderArg = 8
	selectSendsArg = 24
)

// selectFrame is what the frame of runtime.selectgo tells.
type selectFrame struct {
	parkFrame
	cases, order image.Addr
	sends        uint64
}

// findCases finds out which case each target of a select is; r.entries are the
// channel and element of each, as its sudog has them, in the order of g.waiting.
// It reports whether it has: the cases with a channel must be the sudogs exactly.
// w.Cases is set where the number of all cases is known.
func (r *Reader) findCases(g *gort.Goroutine, w *Wait) bool {
	f, ok := r.selectFrame(g)
	if !ok || len(r.entries) == 0 || !r.readCases(f.cases, len(r.entries)) {
		return false
	}
	slices.SortFunc(r.cases, compareCases)
	slices.SortFunc(r.entries, compareCases)
	for i, e := range r.entries {
		if r.cases[i].c != e.c || r.cases[i].elem != e.elem {
			return false
		}
	}
	for i, e := range r.entries {
		w.Targets[e.index].Case = r.cases[i].index
	}
	w.Cases = r.countCases(f, w.Targets)
	r.sidesOfCases(f.sends, w)
	slices.SortFunc(w.Targets, func(a, b Target) int { return cmp.Compare(a.Case, b.Case) })
	return true
}

// firstIsNil reports whether the first case of a select has a nil channel. A select
// that waits and has no sudog has no other cases.
func (r *Reader) firstIsNil(g *gort.Goroutine) bool {
	f, ok := r.selectFrame(g)
	if !ok {
		return false
	}
	c, ok := r.memory.word(f.cases + image.Addr(r.offsets.caseChan))
	return ok && c == 0
}

// readCases reads the array up to the case that has the last of n channels.
func (r *Reader) readCases(array image.Addr, n int) bool {
	o, order := &r.offsets, r.memory.order
	r.cases = r.cases[:0]
	for i := 0; len(r.cases) < n; i++ {
		data := r.memory.bytes(array+image.Addr(uint64(i)*o.caseBytes), o.caseBytes)
		if i == maxCases || data == nil || r.charge() != nil {
			return false
		}
		if c := image.Addr(order.Uint64(data[o.caseChan:])); c != 0 {
			r.cases = append(r.cases, selectCase{c, image.Addr(order.Uint64(data[o.caseElem:])), i})
		}
	}
	return true
}

// selectFrame finds the frame of runtime.selectgo.
func (r *Reader) selectFrame(g *gort.Goroutine) (s selectFrame, found bool) {
	r.parked(g, func(f parkFrame) bool {
		if len(f.roles) == 0 || f.roles[0] == rolePark {
			return true
		}
		if f.roles[len(f.roles)-1] == roleSelect {
			cases, ok1 := r.memory.word(f.args + selectCasesArg)
			order, ok2 := r.memory.word(f.args + selectOrderArg)
			sends, ok3 := r.memory.word(f.args + selectSendsArg)
			found = ok1 && ok2 && ok3
			s = selectFrame{f, image.Addr(cases), image.Addr(order), sends}
		}
		return false
	})
	return s, found
}

// countCases returns how many cases a select has, whose targets have their case
// each and are in the order of g.waiting; -1 when that is not to be seen. The frame
// holds the number, order0, and the address behind that many entries of two bytes
// there, at which the cases stand in that order. Of these only the last is moved
// with the stack, as is cas0.
func (r *Reader) countCases(f selectFrame, targets []Target) int {
	r.words = r.words[:0]
	for at := f.body.Start; at+8 <= f.body.End && len(r.words) < maxSelectWords; at += 8 {
		if v, ok := r.memory.word(at); ok {
			r.words = append(r.words, v)
		}
	}
	least := uint64(1)
	for _, t := range targets {
		least = max(least, uint64(t.Case)+1)
	}
	for _, moved := range r.words {
		if !r.isOrder(image.Addr(moved), targets) {
			continue
		}
		for _, before := range r.words {
			n, distance := (before-uint64(f.order))/2, moved-before
			if n >= least && n <= maxCases && slices.Contains(r.words, n) &&
				(distance == 0 || slices.Contains(r.words, uint64(f.cases)-distance)) {
				return int(n)
			}
		}
	}
	return -1
}

// isOrder reports whether the cases of the targets stand at the address.
func (r *Reader) isOrder(at image.Addr, targets []Target) bool {
	n := uint64(len(targets))
	data := r.memory.bytes(at, 2*n)
	if data == nil || r.chargeN(n) != nil {
		return false
	}
	for i, t := range targets {
		if int(r.memory.order.Uint16(data[2*i:])) != t.Case {
			return false
		}
	}
	return true
}

// maxSelectWords is how many words of the frame of runtime.selectgo are looked
// at: it has about forty.
const maxSelectWords = 128

// sidesOfCases tells senders from receivers: the first cases send. Where a sudog
// at the end of its queue says otherwise, the queues decide.
func (r *Reader) sidesOfCases(sends uint64, w *Wait) {
	for i := range w.Targets {
		t := &w.Targets[i]
		t.Send, t.SideUnknown = uint64(t.Case) < sends, false
		if send, ok := r.sideAtEnd(t); ok && send != t.Send {
			for j := range w.Targets {
				w.Targets[j].Send, w.Targets[j].SideUnknown = false, true
			}
			r.findSides(w)
			return
		}
	}
}

// sideAtEnd tells the side of a sudog that is the first of a queue of its channel.
func (r *Reader) sideAtEnd(t *Target) (send, ok bool) {
	for _, q := range r.sideQueues() {
		if first, read := r.memory.word(t.Addr + image.Addr(q.first)); read && image.Addr(first) == t.Sudog {
			return q.send, true
		}
	}
	return false, false
}

// sideQueue is a queue of a channel.
type sideQueue struct {
	first uint64 // offset of its first sudog's address in the channel
	send  bool
}

func (r *Reader) sideQueues() [2]sideQueue {
	return [2]sideQueue{{r.offsets.hchan.receivers, false}, {r.offsets.hchan.senders, true}}
}

// findSides tells senders from receivers among the targets of a select whose
// cases are not known: by the queue of the channel that the sudog is in.
func (r *Reader) findSides(w *Wait) {
	for i := range w.Targets {
		t := &w.Targets[i]
		if !r.sided[t.Addr] && len(r.sided) < maxTried {
			r.sided[t.Addr] = true
			r.readSides(t.Addr)
		}
		if send, ok := r.sides[t.Sudog]; ok {
			t.Send, t.SideUnknown = send, false
		}
	}
}

func (r *Reader) readSides(channel image.Addr) {
	for _, q := range r.sideQueues() {
		head, _ := r.memory.word(channel + image.Addr(q.first))
		r.list(image.Addr(head), r.offsets.sudog.next, func(at image.Addr, s sudog) error {
			if s.c != channel {
				return errWrongQueue
			}
			r.sides[at] = q.send
			return r.charge()
		})
	}
}
