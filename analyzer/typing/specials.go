package typing

import (
	"reflect"
	"strings"

	"postmortem/coreread/goroots"
	"postmortem/coreread/gotypes"
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
			f.cleanup(s.Func, s.Call, s.Arg)
		}
	})
	r.Queues(func(q *goroots.QueuedCall) {
		f.pointerOf(q.Arg, q.PtrType)
		f.cleanup(q.Func, q.Call, q.Arg)
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

// cleanup claims a cleanup's functions and its argument. Until Go 1.25 fn captured
// the argument; since then call makes the call, and arg is a copy of it (mcleanup.go).
func (f *inference) cleanup(fn, call, arg image.Addr) {
	f.called(fn)
	f.called(call)
	maker := call
	if call == 0 {
		maker = fn
	}
	typ := f.cleanupArgument(maker)
	if typ == 0 {
		return
	}
	i := f.single(typ)
	if call != 0 {
		if e := &f.entries[i]; e.size < 16 && !e.pointers {
			box, _ := f.types.ByName("[2]uintptr") // so that it is no part of a tiny block
			i = f.single(box)
		}
		f.claim(arg, f.entries[i].size, i, Owner)
		return
	}
	code, err := f.image.Addr(fn)
	if err != nil {
		return
	}
	captured, _ := f.types.Closure(code)
	for _, field := range f.types.Type(captured).Fields {
		at := fn + image.Addr(field.Offset)
		t := f.types.Type(field.Type)
		switch elem := f.types.Type(t.Elem); {
		case t.Kind == reflect.Pointer && strings.HasPrefix(elem.Name, shapePrefix):
			if at, err = f.image.Addr(at); err == nil {
				f.claim(at, f.entries[i].size, i, Owner)
			}
		case strings.HasPrefix(t.Name, shapePrefix):
			if mem, err := f.image.Bytes(at, f.entries[i].size); err == nil {
				f.scan(i, at, mem)
			}
		}
	}
}

// shapePrefix begins the names of the types that stand for all those that generic
// code is shared by.
const shapePrefix = "go.shape."

// maxDictionary is how many words of a generic function's dictionary are looked at.
const maxDictionary = 16

// cleanupArgument returns the type of the argument of a cleanup whose closure
// runtime.AddCleanup made: it captured the dictionary of the function, which has
// the type of the cleanup itself, a function of the argument.
func (f *inference) cleanupArgument(closure image.Addr) gotypes.ID {
	code, err := f.image.Addr(closure)
	if err != nil {
		return 0
	}
	if fn, ok := f.funcAt(code); !ok || !strings.HasPrefix(fn.Name(), "runtime.AddCleanup[") {
		return 0
	}
	captured, _ := f.types.Closure(code)
	for _, field := range f.types.Type(captured).Fields {
		dictionary, err := f.image.Addr(closure + image.Addr(field.Offset))
		if err != nil || field.Offset == 0 || !f.constant(dictionary) {
			continue
		}
		for i := range image.Addr(maxDictionary) {
			word, err := f.image.Addr(dictionary + 8*i)
			if err != nil {
				break
			}
			if id, ok := f.types.At(word); ok && f.types.Type(id).Kind == reflect.Func {
				if d, err := f.dynamic.exact.Bare(word); err == nil && len(d.In) == 1 && len(d.Out) == 0 {
					arg, _ := f.types.At(d.In[0])
					return arg
				}
			}
		}
	}
	return 0
}
