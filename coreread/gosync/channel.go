package gosync

import (
	"errors"
	"fmt"

	"postmortem/coreread/image"
)

// ChannelState is a runtime.hchan.
type ChannelState struct {
	Len, Cap uint64 // in elements; a timer's channel since Go 1.23 has room for one, and the program sees 0
	Closed   bool
	ElemType image.Addr // its type descriptor
	ElemSize uint16     // bytes
	// Timer is the runtime.timer that sends on it. It is 0 where there is none, before
	// Go 1.23, and before Go 1.27 in programs that have asynctimerchan=1, which is all
	// whose go.mod says less than 1.23.
	Timer image.Addr
	// Senders and Receivers are those that wait.
	Senders, Receivers Queue
}

// Queue is goroutines that wait for one thing, the next one to be woken first.
type Queue struct {
	Count      int      // all of them
	Goroutines []uint64 // ids of the first, at most QueueCap
}

// QueueCap is how many goroutines of a Queue are named.
const QueueCap = 100

// Channel reads the channel at the address. With an error the queues may lack
// some, and all is 0 where there is no channel.
func (r *Reader) Channel(at image.Addr) (ChannelState, error) {
	o, order := &r.offsets.hchan, r.memory.order
	data, err := r.object("channel", at, o.bytes, nil)
	if err != nil {
		return ChannelState{}, err
	}
	c := ChannelState{
		Len:      order.Uint64(data[o.length:]),
		Cap:      order.Uint64(data[o.capacity:]),
		Closed:   order.Uint32(data[o.closed:]) != 0,
		ElemType: image.Addr(order.Uint64(data[o.elemType:])),
		ElemSize: order.Uint16(data[o.elemSize:]),
	}
	if o.timer.Size != 0 {
		c.Timer = image.Addr(order.Uint64(data[o.timer.Offset:]))
	}
	if c.Len > c.Cap {
		return ChannelState{}, fmt.Errorf("the channel at %v has %d elements and room for %d", at, c.Len, c.Cap)
	}
	if c.Senders, err = r.queue(image.Addr(order.Uint64(data[o.senders:]))); err != nil {
		return c, fmt.Errorf("senders on the channel at %v: %w", at, err)
	}
	if c.Receivers, err = r.queue(image.Addr(order.Uint64(data[o.receivers:]))); err != nil {
		return c, fmt.Errorf("receivers on the channel at %v: %w", at, err)
	}
	return c, nil
}

// queue walks a list of sudogs by next.
func (r *Reader) queue(head image.Addr) (Queue, error) {
	var q Queue
	o := &r.offsets
	err := r.list(head, o.sudog.next, func(_ image.Addr, s sudog) error {
		if q.Count++; q.Count > QueueCap {
			return nil
		}
		id, ok := r.memory.word(s.g + image.Addr(o.goid))
		if !ok {
			return &image.FaultError{Addr: s.g + image.Addr(o.goid), Len: 8}
		}
		q.Goroutines = append(q.Goroutines, id)
		return nil
	})
	if errors.Is(err, errCircle) {
		q = Queue{} // some are counted twice
	}
	return q, err
}
