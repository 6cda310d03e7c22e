package locks

import (
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// address is where a lock of a frame lies in the process.
type address struct {
	at image.Addr
	ok bool
	// sure says that it is what the frame's code had in hand, and not read anew
	// from memory that may have changed since.
	sure bool
}

// resolver finds values of a frame in the process's memory.
type resolver struct {
	process *gort.Process
	view    *state
	flow    *flow
	top     image.Addr      // where the stack pointer was on entry; 0 for no frame
	entry   map[reg]address // what registers held on entry, as far as it is known
	steps   int
}

// maxSteps bounds the expressions that are looked through for one value.
const maxSteps = 64

func (r *resolver) resolve(v value) address {
	r.steps = 0
	return r.value(v)
}

func (r *resolver) value(v value) address {
	if r.steps++; v == 0 || r.steps > maxSteps {
		return address{}
	}
	t := r.flow.values
	base, n := t.split(v)
	e := t.list[base]
	inFrame := r.held(base)
	if inFrame.sure {
		inFrame.at = inFrame.at.Add(n)
		return inFrame
	}
	var a address
	switch e.kind {
	case staticAt:
		a = address{image.Addr(e.n).Add(r.process.Bias), true, true}
	case constant:
		a = address{image.Addr(e.n), true, true}
	case frameAt:
		a = address{r.top.Add(e.n), r.top != 0, true}
	case onEntry:
		a = r.entry[reg(e.n)]
	case loaded:
		a = r.loaded(e)
	case scaled:
		x, y := r.value(e.a), r.value(e.b)
		a = address{x.at + image.Addr(e.n)*y.at, x.ok && y.ok, x.sure && y.sure}
	}
	if inFrame.ok && !a.sure {
		a = inFrame
	}
	a.at = a.at.Add(n)
	return a
}

// held looks a value up in the words of the frame.
func (r *resolver) held(base value) (found address) {
	if r.view == nil || r.top == 0 {
		return address{}
	}
	t := r.flow.values
	for _, s := range r.view.slots {
		b, n := t.split(s.v)
		if b != base || found.ok && !r.flow.frame.private(s.off) {
			continue
		}
		word, err := r.process.Image.Addr(r.top.Add(s.off))
		if err != nil {
			continue
		}
		found = address{word.Add(-n), true, r.flow.frame.private(s.off)}
		if found.sure {
			return found
		}
	}
	return found
}

// loaded reads a value from memory once more. What a closure has captured does not change.
func (r *resolver) loaded(e expression) address {
	a := r.value(e.a)
	if !a.ok {
		return address{}
	}
	word, err := r.process.Image.Addr(a.at)
	if err != nil {
		return address{}
	}
	base, _ := r.flow.values.split(e.a)
	from := r.flow.values.list[base]
	captured := from.kind == onEntry && reg(from.n) == r.flow.program.context
	return address{word, true, a.sure && captured}
}
