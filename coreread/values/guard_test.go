package values

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// A call that never returns is left behind, one that can be stopped is not, and a panic is an error.
func TestGuarded(t *testing.T) {
	forever := make(chan struct{})
	defer close(forever)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	var abandoned *AbandonedError

	start := time.Now()
	err := guarded(ctx, "hanging", func() error { <-forever; return nil })
	if !errors.As(err, &abandoned) || !abandoned.Left || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a call that hangs: %v", err)
	}
	if d := time.Since(start); d > 20*stopGrace {
		t.Errorf("a call that hangs was left behind after %v", d)
	}

	ctx, cancel = context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	m := &memory{ctx: ctx, budget: 1 << 62}
	err = guarded(ctx, "reading for ever", func() error {
		for {
			m.ReadMemory(make([]byte, 1), 0)
		}
	})
	if !errors.As(err, &abandoned) || abandoned.Left {
		t.Errorf("a call that reads for ever: %v", err)
	}

	err = guarded(context.Background(), "panicking", func() error { panic("with\na line") })
	if err == nil || !strings.Contains(err.Error(), `panicking: Delve panicked: with\na line`) {
		t.Errorf("a call that panics: %v", err)
	}
}
