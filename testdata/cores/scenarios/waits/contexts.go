package main

import (
	"context"
	"time"
)

type contextKey struct{}

// contextsAndTimers are waits for what the clock or a cancel would end.
func contextsAndTimers() {
	lostCancel()
	liveCancel()
	spawn(contextDeadline)
	spawn(childOfDeadline)
	spawn(neverDone)
	clocks()
}

// lostCancel are contexts whose cancel functions nobody has.
func lostCancel() {
	parent, lost := context.WithCancel(context.Background())
	drop(lost)
	spawn(func() {
		noteContext(parent.Done(), "context.cancelCtx "+background, 0)
		wait("context whose cancel is lost", leaked, "receive", receivesFrom(parent.Done()))
		<-parent.Done()
	})
	child, cancel := context.WithCancel(context.WithValue(parent, contextKey{}, "x"))
	spawn(func() {
		defer cancel()
		results := make(chan int)
		noteContext(child.Done(), "context.cancelCtx context.valueCtx context.cancelCtx "+background, 0)
		wait("select with the child of a context whose cancel is lost", leaked, "select", receivesFrom(child.Done()), receives(results))
		select {
		case <-child.Done():
		case <-results:
		}
	})
}

//go:noinline
func drop(context.CancelFunc) {}

func liveCancel() {
	ctx, cancel := context.WithCancel(context.Background())
	spawn(func() {
		noteContext(ctx.Done(), "context.cancelCtx "+background, 0)
		wait("context that a sleeper will cancel", live, "receive", receivesFrom(ctx.Done()))
		<-ctx.Done()
	})
	sleeper("will cancel a context", func() { cancel() })
}

func contextDeadline() {
	before := nanotime()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Hour)
	defer cancel()
	at, _ := ctx.Deadline()
	noteTimer("context", receiver(ctx.Done()), before, int64(3*time.Hour), 0)
	noteContext(ctx.Done(), "context.timerCtx "+background, at.UnixNano())
	wait("context with a deadline", live, "receive", receivesFrom(ctx.Done()))
	<-ctx.Done()
}

func childOfDeadline() {
	parent, cancel := context.WithTimeout(context.Background(), 4*time.Hour)
	defer cancel()
	child, cancelChild := context.WithCancel(context.WithValue(parent, contextKey{}, 1))
	defer cancelChild()
	at, _ := child.Deadline()
	noteContext(child.Done(), "context.cancelCtx context.valueCtx context.timerCtx "+background, at.UnixNano())
	c := make(chan int)
	wait("select with the child of a context with a deadline", live, "select", receives(c), receivesFrom(child.Done()))
	select {
	case <-c:
	case <-child.Done():
	}
}

func neverDone() {
	wait("context that is never done", leaked, "receive", nilChannel(false))
	<-context.Background().Done()
}
