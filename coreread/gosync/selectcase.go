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

// Where runtime.selectgo keeps its arguments cas0, nsends and nrecvs while it
// waits, in bytes from the start of its arguments: they come in registers, and it
// needs them after the wait.
const (
	selectCasesArg    = 0
	selectSendsArg    = 24
	selectReceivesArg = 32
)

// findCases finds out which case each target of a select is; r.entries are the
// channel and element of each, as its sudog has them. It leaves w as it is where the
// cases are not found: those with a channel must be the sudogs exactly.
func (r *Reader) findCases(g *gort.Goroutine, w *Wait) bool {
	array, sends, receives := r.selectArguments(g)
	if sends > maxCases || receives > maxCases {
		return false
	}
	n := sends + receives
	if array == 0 || n == 0 || n > maxCases || n < uint64(len(r.entries)) || r.chargeN(n) != nil {
		return false
	}
	o, order := &r.offsets, r.memory.order
	data := r.memory.bytes(array, n*o.caseBytes)
	if data == nil {
		return false
	}
	cases := r.cases[:0]
	for i := range n {
		entry := data[i*o.caseBytes:]
		if c := image.Addr(order.Uint64(entry[o.caseChan:])); c != 0 {
			cases = append(cases, selectCase{c, image.Addr(order.Uint64(entry[o.caseElem:])), int(i)})
		}
	}
	r.cases = cases
	if len(cases) != len(r.entries) {
		return false
	}
	slices.SortFunc(cases, compareCases)
	slices.SortFunc(r.entries, compareCases)
	for i, e := range r.entries {
		if cases[i].c != e.c || cases[i].elem != e.elem {
			return false
		}
	}
	for i, e := range r.entries {
		t := &w.Targets[e.index]
		t.Case, t.Send, t.SideUnknown = cases[i].index, uint64(cases[i].index) < sends, false
	}
	slices.SortFunc(w.Targets, func(a, b Target) int { return cmp.Compare(a.Case, b.Case) })
	w.Cases = int(n)
	return true
}

// selectArguments returns the array of cases that a goroutine waits with, and how
// many there are of sends and of receives, all 0 where that is not to be seen.
func (r *Reader) selectArguments(g *gort.Goroutine) (array image.Addr, sends, receives uint64) {
	r.parked(g, func(f parkFrame) bool {
		if len(f.roles) == 0 || f.roles[0] == rolePark {
			return true
		}
		if f.roles[0] == roleSelect {
			a, ok1 := r.memory.word(f.args + selectCasesArg)
			s, ok2 := r.memory.word(f.args + selectSendsArg)
			v, ok3 := r.memory.word(f.args + selectReceivesArg)
			if ok1 && ok2 && ok3 {
				array, sends, receives = image.Addr(a), s, v
			}
		}
		return false
	})
	return array, sends, receives
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
	o := &r.offsets
	for _, q := range [...]struct {
		head uint64
		send bool
	}{{o.hchan.receivers, false}, {o.hchan.senders, true}} {
		head, _ := r.memory.word(channel + image.Addr(q.head))
		r.list(image.Addr(head), o.sudog.next, func(at image.Addr, s sudog) error {
			if s.c != channel {
				return errWrongQueue
			}
			r.sides[at] = q.send
			return r.charge()
		})
	}
}
