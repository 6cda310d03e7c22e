package exe

import (
	"math"
	"reflect"

	"postmortem/coreread/image"
)

// Pointers is what the collector needs of a type descriptor.
type Pointers struct {
	Kind     reflect.Kind // Invalid where the runtime left it out
	Size     uint64       // bytes
	PtrBytes uint64       // bytes up to the end of the last pointer, a multiple of 8
	Form     GCForm
	Data     image.Addr // as Form says
}

// Pointers reads what the collector needs of the descriptor at addr, which may
// also be one that the runtime made for the collector alone and that has no
// kind: for a large object of a type with a GC program (Go 1.22 and 1.23,
// mbitmap_allocheaders.go, heapSetType) and for a chunk of a user arena (arena.go).
func (t *Types) Pointers(addr image.Addr) (Pointers, error) {
	if addr%8 != 0 || !t.anywhere && !t.types.Contains(addr) {
		return Pointers{}, &TypeError{addr, "not an address of a descriptor"}
	}
	b, err := t.image.Bytes(addr, typeBytes)
	if err != nil {
		return Pointers{}, err
	}
	p := Pointers{
		Kind: reflect.Kind(b[typeKind] & kindMask),
		Size: order.Uint64(b[typeSize:]), PtrBytes: order.Uint64(b[typePtrBytes:]),
		Form: t.layout.gcForm(b[typeKind], b[typeTFlag]), Data: image.Addr(order.Uint64(b[typeGCData:])),
	}
	if p.PtrBytes > p.Size || p.PtrBytes%8 != 0 || p.Size > math.MaxInt64 || p.Kind > reflect.UnsafePointer {
		return Pointers{}, &TypeError{addr, "a kind or sizes that no type has"}
	}
	return p, nil
}

// gcForm returns what GCData is, by the kind and tflag bytes.
func (l *typeLayout) gcForm(kind, tflag byte) GCForm {
	switch {
	case kind&l.progKind != 0:
		return GCProgram
	case tflag&l.demandTFlag != 0:
		return GCOnDemand
	}
	return GCMask
}
