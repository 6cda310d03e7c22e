package gosync

import (
	"context"

	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// Waits visits every goroutine that waits for another one, in the order of the
// runtime's list of goroutines; the Wait and its Targets are only lent. What
// could not be found out is in each Wait's Doubt and, in sum, in the gaps. The
// error is the context's.
func (r *Reader) Waits(ctx context.Context, visit func(*Wait)) error { return nil }

// Of finds out what one goroutine waits for, and whether that is another one at
// all. It uses w's memory again.
func (r *Reader) Of(g *gort.Goroutine, w *Wait) bool { return false }

// Sudogs visits the addresses of the runtime.sudogs that stand for waiting
// goroutines in the queues of channels, semaphores and condition variables, each
// once. What they refer to is not thereby in use.
func (r *Reader) Sudogs(visit func(image.Addr)) {}
