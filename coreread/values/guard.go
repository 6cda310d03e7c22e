package values

import (
	"context"
	"fmt"
	"time"
)

// stopGrace is how long a call has to stop by itself, at its next read of memory, once its time is over.
const stopGrace = 200 * time.Millisecond

// stopped is what memory panics with to end a call into Delve whose time is over: Delve has no way to be told.
type stopped struct{ cause error }

// guarded runs call, which calls into Delve, on a goroutine of its own, and returns its error. A panic becomes an
// error. When ctx ends first, the call is given stopGrace to notice and is then left behind.
func guarded(ctx context.Context, doing string, call func() error) error {
	if err := ctx.Err(); err != nil {
		return &AbandonedError{Doing: doing, Cause: err}
	}
	done := make(chan error, 1)
	go func() { done <- recovered(doing, call) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	grace := time.NewTimer(stopGrace)
	defer grace.Stop()
	select {
	case err := <-done:
		if err == nil {
			return nil
		}
		return &AbandonedError{Doing: doing, Cause: ctx.Err()}
	case <-grace.C:
		return &AbandonedError{Doing: doing, Cause: ctx.Err(), Left: true}
	}
}

// recovered calls call and turns a panic into an error.
func recovered(doing string, call func() error) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case stopped:
			err = &AbandonedError{Doing: doing, Cause: p.cause}
		default:
			err = fmt.Errorf("%s: Delve panicked: %s", doing, printable(fmt.Sprint(p), maxReason))
		}
	}()
	if err := call(); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}
