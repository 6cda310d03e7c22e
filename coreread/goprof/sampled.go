package goprof

import (
	"errors"
	"fmt"

	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

var errOrder = errors.New("its place is before that of the record that names it")

// Sampled calls visit with every object of a span that the memory profiler had
// sampled: its address, and the index in Memory.Buckets of the stack that
// allocated it. A span's records are a list by address that begins at specials.
// What cannot be read is a gap; the list ends there.
func (ps *Profiles) Sampled(span image.Range, specials image.Addr, visit func(object image.Addr, bucket int)) {
	var before image.Addr
	turtle, steps, lap := specials, 0, 1 // Brent's cycle detection
	for at := specials; at != 0; {
		offset, kind, next, err := ps.specialAt(at)
		object := span.Start + image.Addr(offset)
		switch {
		case err != nil:
		case !span.Contains(object):
			err = fmt.Errorf("it is about offset %#x of a span of %d bytes", offset, span.Len())
		case object < before:
			err = errOrder
		case kind == layout.SpecialProfile:
			err = ps.visitSampled(at, object, visit)
		}
		if err == nil && next == turtle {
			err = errCircle
		}
		if err != nil {
			ps.specialGap(at, err)
			return
		}
		if steps++; steps == lap {
			turtle, steps, lap = next, 0, 2*lap
		}
		at, before = next, object
	}
}

func (ps *Profiles) visitSampled(at, object image.Addr, visit func(image.Addr, int)) error {
	bucket, err := ps.p.Image.Addr(at + image.Addr(ps.offsets.bucket))
	if err != nil {
		return err
	}
	if i, ok := ps.BucketAt(bucket); ok {
		visit(object, i)
	} else {
		ps.specialGap(at, fmt.Errorf("there is no stack at %s", bucket))
	}
	return nil
}

func (ps *Profiles) specialGap(at image.Addr, err error) {
	ps.p.AddGap(gort.Gap{
		What: fmt.Sprintf("record of a heap object: %v", err), Addr: at,
		Effect: "where objects were allocated is missing from the report",
	})
}

// specialAt reads a runtime.special: which object it is about, and what it is. The
// kind is "" when the version has none of its number.
func (ps *Profiles) specialAt(at image.Addr) (offset uint64, kind layout.SpecialKind, next image.Addr, err error) {
	o := &ps.offsets
	data, err := ps.p.Image.Bytes(at, o.special)
	if err != nil {
		return 0, "", 0, err
	}
	order := ps.p.Image.ByteOrder()
	switch place := data[o.at.Offset:]; o.at.Size {
	case 2:
		offset = uint64(order.Uint16(place))
	default:
		offset = order.Uint64(place)
	}
	kind, _ = ps.p.Layout().SpecialKind(data[o.kind])
	return offset, kind, image.Addr(order.Uint64(data[o.nextSpecial:])), nil
}
