package goroots

import (
	"errors"
	"fmt"
	"math/bits"

	"postmortem/coreread/goheap"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// Special is one of the runtime's records about an object (runtime/mheap.go,
// special). What a kind or version does not have is 0.
type Special struct {
	At     image.Addr // of the record, which is not on the heap
	Kind   layout.SpecialKind
	Object image.Addr // what it is about: in a tiny block not its start
	Span   int        // index in Heap.Spans of the object's span

	Func     image.Addr // func value to call: Finalizer, Cleanup
	Call     image.Addr // func value that calls it: Cleanup since 1.26
	Arg      image.Addr // what it is called with: Cleanup since 1.26
	ArgType  image.Addr // descriptor of the parameter of Func: Finalizer
	PtrType  image.Addr // descriptor of the pointer to the object that was passed: Finalizer
	Handle   image.Addr // what weak pointers point to: WeakHandle
	ID       uint64     // Cleanup
	at       [3]image.Addr
	rootKind Kind
}

// Roots visits what the record itself keeps alive. A finalizer keeps more: see
// Reader.Referents.
func (s *Special) Roots(visit func(Slot)) {
	for i, v := range [...]image.Addr{s.Func + s.Handle, s.Call, s.Arg} { // no kind has Func and Handle
		if v != 0 {
			visit(Slot{At: s.at[i], Value: v, Kind: s.rootKind})
		}
	}
}

// specialOffsets are the runtime's records about objects.
type specialOffsets struct {
	size         uint64
	next, kind   uint64
	offset       layout.Field
	finalizer    uint64 // size of runtime.specialfinalizer
	finFunc      uint64
	finArg       uint64
	finPtr       uint64
	weak         uint64 // size of runtime.specialWeakHandle, 0 when the version has none (until 1.22)
	handle       uint64
	cleanup      uint64 // size of runtime.specialCleanup, 0 when the version has none (until 1.23)
	cleanupFunc  uint64
	cleanupID    uint64
	cleanupWhole bool // it has call and argument besides, 8 before and 8 behind the function
}

func (o *specialOffsets) bind(l *layout.Layout) error {
	s, f := l.Struct("runtime.special"), l.Struct("runtime.specialfinalizer")
	o.size, o.next, o.kind, o.offset = s.Size(), s.Offset("next"), s.Offset("kind"), s.Field("offset")
	o.finalizer, o.finFunc, o.finArg, o.finPtr = f.Size(), f.Offset("fn"), f.Offset("fint"), f.Offset("ot")
	if err := errors.Join(s.Err(), f.Err()); err != nil {
		return err
	}
	if hasSpecial(l, layout.SpecialWeakHandle) {
		w := l.Struct("runtime.specialWeakHandle")
		if o.weak, o.handle = w.Size(), w.Offset("handle"); w.Err() != nil {
			return w.Err()
		}
	}
	if hasSpecial(l, layout.SpecialCleanup) {
		c := l.Struct("runtime.specialCleanup")
		o.cleanup, o.cleanupFunc, o.cleanupID = c.Size(), c.OneOf("cleanup.fn", "fn"), c.Offset("id")
		_, o.cleanupWhole = c.Optional("cleanup.fn")
		return c.Err()
	}
	return nil
}

func hasSpecial(l *layout.Layout, kind layout.SpecialKind) bool {
	for n := range 1 << 8 {
		if k, ok := l.SpecialKind(uint8(n)); ok && k == kind {
			return true
		}
	}
	return false
}

var errOrder = errors.New("they are not by address")

// Specials visits every record about an object of the heap, by address of the
// object; the record is only lent. Those about garbage that was not yet swept are
// among them: sweeping calls what they name.
func (r *Reader) Specials(h *goheap.Heap, visit func(*Special)) {
	for i := range h.Spans {
		s := &h.Spans[i]
		if !s.InUse() || s.Specials == 0 {
			continue
		}
		if err := r.specialsOf(h, i, visit); err != nil {
			r.gap(fmt.Sprintf("finalizers, cleanups and weak pointers of the objects of a span: %v", err), s.Start, 0)
		}
	}
}

func (r *Reader) specialsOf(h *goheap.Heap, index int, visit func(*Special)) error {
	o, span := &r.offsets.special, &h.Spans[index]
	before := span.Start
	var loop circle
	for at := span.Specials; at != 0; {
		b, err := r.p.Image.Bytes(at, o.size)
		if err == nil {
			err = r.charge(o.size / 8)
		}
		if err == nil {
			err = loop.check(at)
		}
		if err != nil {
			return err
		}
		s := Special{At: at, Span: index, Object: span.Start + image.Addr(r.memory.order.Uint16(b[o.offset.Offset:]))}
		if o.offset.Size == 8 {
			s.Object = span.Start + image.Addr(r.memory.order.Uint64(b[o.offset.Offset:]))
		}
		if s.Object < before || s.Object >= span.End() {
			return errOrder
		}
		var known bool
		if s.Kind, known = r.p.Layout().SpecialKind(b[o.kind]); known {
			if err := r.payload(&s); err != nil {
				return err
			}
			visit(&s)
		}
		before, at = s.Object, image.Addr(r.memory.order.Uint64(b[o.next:]))
	}
	return nil
}

// payload reads what follows the record's head.
func (r *Reader) payload(s *Special) error {
	o, c := &r.offsets.special, r.p.Image.Cursor()
	switch s.Kind {
	case layout.SpecialFinalizer:
		s.rootKind, s.at[0] = Finalizer, s.At+image.Addr(o.finFunc)
		s.Func = c.Addr(s.at[0])
		s.ArgType, s.PtrType = c.Addr(s.At+image.Addr(o.finArg)), c.Addr(s.At+image.Addr(o.finPtr))
	case layout.SpecialWeakHandle:
		s.rootKind, s.at[0] = WeakHandle, s.At+image.Addr(o.handle)
		s.Handle = c.Addr(s.at[0])
	case layout.SpecialCleanup:
		s.rootKind, s.at[0] = Cleanup, s.At+image.Addr(o.cleanupFunc)
		s.Func, s.ID = c.Addr(s.at[0]), c.Uint64(s.At+image.Addr(o.cleanupID))
		if o.cleanupWhole {
			s.at[1], s.at[2] = s.at[0]-8, s.at[0]+8
			s.Call, s.Arg = c.Addr(s.at[1]), c.Addr(s.at[2])
		}
	}
	return c.Err()
}

// Referents visits the pointers in the object of a finalizer: what they lead to is
// kept alive, and the object itself is not, so that it can be found to be garbage.
func (r *Reader) Referents(h *goheap.Heap, s *Special, visit func(Slot)) {
	span := &h.Spans[s.Span]
	if span.NoScan || span.ElemBytes == 0 {
		return
	}
	var words [64]uint64
	start := uint64(s.Object-span.Start) / span.ElemBytes * span.ElemBytes / 8
	end := min(start+span.ElemBytes/8, uint64(len(span.Data))/8)
	for from := start &^ 63; from < end; from += 64 * uint64(len(words)) {
		h.PointerWords(span, from, words[:])
		for j, w := range words {
			for ; w != 0; w &= w - 1 {
				at := from + uint64(64*j+bits.TrailingZeros64(w))
				if at < start || at >= end {
					continue
				}
				if v := r.memory.order.Uint64(span.Data[8*at:]); v != 0 {
					visit(Slot{At: span.Start + image.Addr(8*at), Value: image.Addr(v), Kind: Finalizer})
				}
			}
		}
	}
}
