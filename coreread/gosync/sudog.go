package gosync

import (
	"errors"

	"postmortem/coreread/image"
)

// sudog is a runtime.sudog: a goroutine in the queue of what it waits for.
type sudog struct {
	g          image.Addr
	elem, c    image.Addr
	next, prev image.Addr
	waitlink   image.Addr
}

// sudog reads the record at the address.
func (r *Reader) sudog(at image.Addr) (sudog, error) {
	o, order := &r.offsets.sudog, r.memory.order
	data := r.memory.bytes(at, o.bytes)
	if data == nil {
		return sudog{}, &image.FaultError{Addr: at, Len: o.bytes}
	}
	word := func(off uint64) image.Addr { return image.Addr(order.Uint64(data[off:])) }
	return sudog{
		g: word(o.g), elem: word(o.elem), c: word(o.c),
		next: word(o.next), prev: word(o.prev), waitlink: word(o.waitlink),
	}, nil
}

// list visits a list of sudogs; link is the offset of the address of the next.
func (r *Reader) list(head image.Addr, link uint64, visit func(image.Addr, sudog) error) error {
	var loop circle
	for at := head; at != 0; {
		s, err := r.sudog(at)
		if err == nil {
			err = loop.check(at)
		}
		if err == nil {
			err = visit(at, s)
		}
		if err != nil {
			return err
		}
		if at = s.waitlink; link == r.offsets.sudog.next {
			at = s.next
		}
	}
	return nil
}

// circle finds out, sooner or later, that a list runs in one (Brent's algorithm).
type circle struct {
	known        image.Addr
	steps, power int
}

var errCircle = errors.New("a queue runs in a circle")

// check is called with every record of a list.
func (c *circle) check(at image.Addr) error {
	if at == c.known && c.steps > 0 {
		return errCircle
	}
	if c.steps++; c.steps >= c.power {
		c.known, c.power = at, 2*c.steps
	}
	return nil
}
