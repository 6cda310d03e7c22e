package typing

import (
	"postmortem/coreread/goroots"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// specials takes what finalizers and cleanups say of the objects that they are
// for, set or about to run.
func (f *inference) specials() {
	r, err := goroots.New(f.process)
	if err != nil {
		return // whoever collected the roots has said so
	}
	r.Specials(f.heap, func(s *goroots.Special) {
		switch s.Kind {
		case layout.SpecialFinalizer:
			f.pointerOf(s.Object, s.PtrType)
			f.called(s.Func)
		case layout.SpecialCleanup:
			f.called(s.Func)
			f.called(s.Call)
		}
	})
	r.Queues(func(q *goroots.QueuedCall) {
		f.pointerOf(q.Arg, q.PtrType)
		f.called(q.Func)
		f.called(q.Call)
	})
}

// pointerOf claims an object by the descriptor of a pointer to it.
func (f *inference) pointerOf(at, descriptor image.Addr) {
	if id, ok := f.types.At(descriptor); ok {
		i := f.single(f.types.Type(id).Elem)
		f.claim(at, f.entries[i].size, i, Pointer)
	}
}

func (f *inference) called(at image.Addr) {
	if at != 0 {
		f.function(at)
	}
}
