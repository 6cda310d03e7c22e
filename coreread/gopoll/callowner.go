package gopoll

import (
	"strings"

	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// receiverRoom is how far above a frame its caller's words may be that belong to
// it, in bytes: those where it keeps arguments that came in registers.
const receiverRoom = 128

// CallOwner returns the FD whose method has g make a system call about the
// descriptor fd: a file, or a socket that is not in the poller. It is ok only when
// a single FD on the stack of that method is open under that number and in use.
//
// It walks g's stack: it is meant for goroutines in system calls, each of which
// has a thread.
func (r *Reader) CallOwner(g *gort.Goroutine, fd int64) (owner FD, ok bool) {
	if g.Status != layout.GSyscall || r.bindFD() != nil {
		return FD{}, false
	}
	var frame image.Range
	_, err := r.p.EachFrame(g, func(f *gort.LiveFrame) {
		if frame.End == 0 && r.isMethodOfFD(f.Frame) {
			frame = image.Range{Start: f.SP, End: min(f.FP+receiverRoom, g.Stack.End)}
		}
	})
	if err != nil || frame.Len() > maxFrame {
		return FD{}, false
	}
	order := r.p.Image.ByteOrder()
	for words := r.p.Image.Present(frame); len(words) >= 8; words = words[8:] {
		word := image.Addr(order.Uint64(words))
		if !plausible(g, word) || ok && word == owner.Addr {
			continue
		}
		f, err := r.FD(word)
		if err != nil || f.Sysfd != fd || f.Refs == 0 {
			continue
		}
		if ok {
			return FD{}, false // two that fit
		}
		owner, ok = f, true
	}
	return owner, ok
}

// maxFrame bounds the frame of a method of FD, in bytes.
const maxFrame = 16 << 10

func (r *Reader) isMethodOfFD(f gort.Frame) bool {
	for _, s := range r.p.Source(f) {
		if strings.HasPrefix(s.Func, "internal/poll.(*FD).") {
			return true
		}
	}
	return false
}
