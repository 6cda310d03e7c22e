package waits

import (
	"fmt"
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// holdFiles enters who is at work on the files that others wait for to be done
// with: in the poller, or in a system call.
func (b *book) holdFiles() {
	locks := map[image.Addr][]uint32{} // resources, by the internal/poll.FD
	for i := range b.resources {
		if r := &b.resources[i]; r.kind == facts.ResourceFDLock {
			locks[r.at] = append(locks[r.at], uint32(i))
		}
	}
	if len(locks) == 0 || b.poll == nil {
		return
	}
	numbers := map[int64][]uint32{} // the same by the kernel's number
	for at, list := range locks {
		if fd, err := b.poll.FD(at); err == nil && fd.Sysfd >= 0 {
			numbers[fd.Sysfd] = append(numbers[fd.Sysfd], list...)
		}
	}
	for _, e := range b.edges {
		r := &b.resources[e.resource]
		switch {
		case r.poll != nil:
			b.holdPolled(r, e, locks)
		case r.kind == facts.ResourceSyscall:
			call, ok := b.systemCall(e.goroutine)
			fd, ofFile := call.FD()
			if ok && ofFile {
				b.holdFile(numbers[fd], writes(call.Name), e.goroutine, fmt.Sprintf("it is in the system call %s for the same file descriptor", call.Name))
			}
		}
	}
}

// holdPolled enters a goroutine that is in the poller for a file.
func (b *book) holdPolled(r *resource, e edge, locks map[image.Addr][]uint32) {
	g, err := b.process.GoroutineAt(r.g)
	if err != nil {
		return
	}
	if owner, ok := b.poll.Owner(&g, r.poll); ok {
		b.holdFile(locks[owner.Addr], e.op == facts.OpWrite, e.goroutine, "it waits in the poller for the same file descriptor")
	}
}

func (b *book) holdFile(list []uint32, write bool, goroutine uint32, evidence string) {
	label := forReading
	if write {
		label = forWriting
	}
	for _, i := range list {
		if r := &b.resources[i]; r.label == label || r.label == forClosing {
			r.hold(facts.Holder{Goroutine: b.id(goroutine), Confidence: facts.ConfidenceLikely, Reader: false, Evidence: []string{evidence}})
		}
	}
}

// The locks of a file descriptor, by label.
const (
	forReading = "for reading"
	forWriting = "for writing"
	forClosing = "for closing"
)

// writes reports whether a system call writes to the descriptor that it is given.
func writes(call string) bool {
	return strings.Contains(call, "write") || strings.HasPrefix(call, "send")
}

// systemCall returns the system call that a goroutine is in.
func (b *book) systemCall(goroutine uint32) (gort.SystemCall, bool) {
	tid := b.in.Goroutines.List[goroutine].Thread
	t, ok := b.process.ThreadOf(tid.V)
	if !tid.Known || !ok {
		return gort.SystemCall{}, false
	}
	return b.process.SystemCall(t)
}
