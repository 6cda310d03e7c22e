package gopoll

import (
	"errors"
	"fmt"

	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

const timerEffect = "timers are missing: goroutines may be woken by some that are not told"

// Timers visits the timers in the heaps of all processors, stopped ones that are
// still there included, and then those of bubbles; the timer is only lent. A timer
// that serves a channel is in a heap only while a goroutine waits for the channel
// (Go 1.23 and newer). What could not be read is in the gaps, and the error then
// says that there is something missing.
func (r *Reader) Timers(visit func(*Timer)) error {
	o := &r.offsets.heap
	room := r.memory() / r.offsets.timer.size // each timer is in one heap
	var lost error
	processors := r.p.Scheduler().Processors
	if processors == nil {
		lost = errors.New("the processors, whose timers they are, could not be read")
	}
	for _, p := range processors {
		what := fmt.Sprintf("timers of processor %d", p.ID)
		err := r.heap(what, p.Addr+image.Addr(o.slice), &room, func(t *Timer) {
			t.Processor = p.ID
			visit(t)
		})
		lost = errors.Join(lost, err)
	}
	for _, b := range r.bubbles() {
		err := r.heap(fmt.Sprintf("timers of the synctest bubble at %v", b), b+image.Addr(o.inBubble.off), &room, func(t *Timer) {
			t.Bubble = b
			visit(t)
		})
		lost = errors.Join(lost, err)
	}
	return lost
}

// heap visits the timers of the slice at addr, at most as many as room says, which
// it counts down.
func (r *Reader) heap(what string, addr image.Addr, room *uint64, visit func(*Timer)) error {
	o := &r.offsets.heap
	c := r.p.Image.Cursor()
	data, n := c.Addr(addr), c.Uint64(addr+8)
	if err := c.Err(); err != nil {
		return r.lost(what, addr, 16, err)
	}
	if n > *room {
		return r.lost(what, addr, 0, fmt.Errorf("their number %d is impossible: the memory has no room for them", n))
	}
	*room -= n
	list, err := r.p.Image.Bytes(data, n*o.stride)
	if err != nil {
		list = r.p.Image.Present(image.Range{Start: data, End: data + image.Addr(n*o.stride)})
		missing := n - uint64(len(list))/o.stride
		err = r.lost(what, data, missing*o.stride, fmt.Errorf("%d of %d are not in the core", missing, n))
	}
	var failed uint64
	var first error
	for ; uint64(len(list)) >= o.stride; list = list[o.stride:] {
		at := image.Addr(r.p.Image.ByteOrder().Uint64(list[o.timer:]))
		t, err := r.Timer(at)
		if err != nil {
			if failed++; failed == 1 {
				first = fmt.Errorf("the timer at %v: %w", at, err)
			}
			continue
		}
		visit(&t)
	}
	if failed > 0 {
		err = errors.Join(err, r.lost(what, 0, failed*r.offsets.timer.size, fmt.Errorf("%d could not be read, the first: %w", failed, first)))
	}
	return err
}

// memory returns how many bytes are in the image.
func (r *Reader) memory() (n uint64) {
	for _, s := range r.p.Image.Segments() {
		n += s.Len()
	}
	return n
}

// lost tells of timers that could not be read, once.
func (r *Reader) lost(what string, at image.Addr, n uint64, err error) error {
	err = fmt.Errorf("%s: %w", what, err)
	if !r.told[what] {
		r.told[what] = true
		r.p.AddGap(gort.Gap{What: err.Error(), Addr: at, Bytes: n, Effect: timerEffect})
	}
	return err
}

// bubbles returns the bubbles of testing/synctest that goroutines are in.
func (r *Reader) bubbles() []image.Addr {
	if !r.offsets.g.bubble.present || !r.offsets.heap.inBubble.present {
		return nil
	}
	if _, ok := r.p.Exe.Funcs().ByName("internal/synctest.Run"); !ok {
		return nil // the program cannot make one
	}
	var list []image.Addr
	seen := map[image.Addr]bool{}
	r.p.Goroutines(func(g *gort.Goroutine) {
		if b := r.Bubble(g); b != 0 && !seen[b] {
			seen[b] = true
			list = append(list, b)
		}
	})
	return list
}

// BubbleClock returns the time of a bubble, in nanoseconds since 1970: its timers
// go by it.
func (r *Reader) BubbleClock(bubble image.Addr) (now int64, ok bool) {
	if !r.offsets.heap.inBubble.present || bubble == 0 {
		return 0, false
	}
	v, err := r.p.Image.Uint64(bubble + image.Addr(r.offsets.heap.bubbleNow))
	return int64(v), err == nil && int64(v) > 0
}

// Bubble returns the bubble of testing/synctest that g is in, 0 for none.
func (r *Reader) Bubble(g *gort.Goroutine) image.Addr {
	if !r.offsets.g.bubble.present {
		return 0
	}
	b, err := r.p.Image.Addr(g.Addr + image.Addr(r.offsets.g.bubble.off))
	if err != nil {
		return 0
	}
	return b
}

// ChannelTimer returns the timer that sends on the channel at hchan. Until Go
// 1.22, and until 1.26 with GODEBUG=asynctimerchan=1, which is the default of
// programs written for Go 1.22 and older, nothing leads from a channel to its
// timer: it is then ok only for one in a heap, and the channel of a timer that was
// stopped, or has fired, sooner or later looks like any other.
func (r *Reader) ChannelTimer(hchan image.Addr) (Timer, bool) {
	if o := r.offsets.chanTimer; o.present {
		if at, err := r.p.Image.Addr(hchan + image.Addr(o.off)); err == nil && at != 0 {
			t, err := r.Timer(at)
			if err != nil || t.Kind != ChannelTimer || t.Channel != hchan {
				return Timer{}, false
			}
			if place, ok := r.senders()[hchan]; ok && place.timer == at {
				t.Processor, t.Bubble = place.processor, place.bubble
			}
			return t, true
		}
	}
	place, ok := r.senders()[hchan]
	if !ok {
		return Timer{}, false
	}
	t, err := r.Timer(place.timer)
	t.Processor, t.Bubble = place.processor, place.bubble
	return t, err == nil
}

// timerPlace is a timer and the heap that it is in.
type timerPlace struct {
	timer, bubble image.Addr
	processor     int32
}

// senders returns the timers in heaps that send on channels, by the channel: those
// that were stopped only where there is no other.
func (r *Reader) senders() map[image.Addr]timerPlace {
	if r.byChannel == nil {
		r.byChannel = map[image.Addr]timerPlace{}
		_ = r.Timers(func(t *Timer) {
			if _, has := r.byChannel[t.Channel]; t.Kind == ChannelTimer && (t.State != Stopped || !has) {
				r.byChannel[t.Channel] = timerPlace{t.Addr, t.Bubble, t.Processor}
			}
		})
	}
	return r.byChannel
}
