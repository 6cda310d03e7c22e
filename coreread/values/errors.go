package values

import (
	"errors"
	"fmt"
)

// UnsupportedError is a binary of a Go version whose variables Delve does not know how to read.
type UnsupportedError struct {
	What    string // what is not supported, and from or up to which version it would be
	Version string // the binary's, as "go1.22.12"
}

func (e *UnsupportedError) Error() string { return fmt.Sprintf("%s; this is %s", e.What, e.Version) }

// ErrNoDWARF is a binary without readable DWARF: stripped, or linked with -w.
var ErrNoDWARF = errors.New("the binary has no DWARF (built with -ldflags=-w, or stripped): values need it")

// ErrNoGoroutine is an id that no goroutine has whose descriptor the core holds.
var ErrNoGoroutine = errors.New("no such goroutine in the core, or it cannot be read")

// AbandonedError is a call into Delve that was still running when its time was over.
type AbandonedError struct {
	Doing string
	Cause error // context.DeadlineExceeded or context.Canceled
	// Left is true when the call did not stop even then: it goes on using a CPU and memory in the background.
	Left bool
}

func (e *AbandonedError) Error() string {
	if e.Left {
		return fmt.Sprintf("%s: %v; Delve did not stop and was left behind", e.Doing, e.Cause)
	}
	return fmt.Sprintf("%s: %v", e.Doing, e.Cause)
}

func (e *AbandonedError) Unwrap() error { return e.Cause }
