package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"postmortem/analyzer/facts"
)

// budget bounds what a run may take.
type budget struct {
	maxRuntime time.Duration
	maxMemory  byteSize
	tmpDir     string
}

func (b *budget) flags(f *pflag.FlagSet) {
	f.DurationVar(&b.maxRuntime, "max-runtime", 0, "after this `DURATION` (90s, 5m) report what is known by then")
	f.Var(&b.maxMemory, "max-memory", "when more than `SIZE` (512MiB, 2GiB) is needed, mapped files aside, report what is known by then")
	f.StringVar(&b.tmpDir, "tmpdir", "", "unpack compressed inputs in `DIR` (default the system's)")
}

var (
	errRuntime = errors.New("out of --max-runtime")
	errMemory  = errors.New("out of --max-memory")
)

// validate refuses what cannot be a budget.
func (b *budget) validate() error {
	if b.maxRuntime < 0 {
		return usagef("--max-runtime %v is negative", b.maxRuntime)
	}
	return nil
}

// start returns a context that ends with the budget.
func (b *budget) start(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stops := []func(){func() { cancel(nil) }}
	if b.maxRuntime > 0 {
		t := time.AfterFunc(b.maxRuntime, func() { cancel(errRuntime) })
		stops = append(stops, func() { t.Stop() })
	}
	if b.maxMemory > 0 {
		debug.SetMemoryLimit(int64(b.maxMemory) / 10 * 9) // collect harder before giving up
		go watchMemory(ctx, uint64(b.maxMemory), func() { cancel(errMemory) })
	}
	return ctx, func() {
		for _, s := range stops {
			s()
		}
	}
}

// watchMemory calls exceeded once the Go heap and stacks hold more than max bytes.
func watchMemory(ctx context.Context, max uint64, exceeded func()) {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			metrics.Read(samples)
			if samples[0].Value.Uint64()-samples[1].Value.Uint64() > max {
				exceeded()
				return
			}
		}
	}
}

// explain names the budget or the signal that ended the run, where one did.
func (b *budget) explain(ctx context.Context, err error) error {
	if !errors.Is(err, context.Canceled) {
		return err
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errRuntime):
		return fmt.Errorf("%w %v: there is no report; give it more time", errRuntime, b.maxRuntime)
	case errors.Is(cause, errMemory):
		return fmt.Errorf("%w %v: there is no report; give it more memory", errMemory, &b.maxMemory)
	}
	return fmt.Errorf("%w: there is no report; run it again", context.Cause(ctx))
}

// cut says that a report lacks what the budget did not reach; "" when it lacks
// nothing or the budget is not why.
func (b *budget) cut(ctx context.Context, doc *facts.Document) string {
	whole := true
	for _, s := range doc.Completeness.Sections {
		whole = whole && s.State == facts.SectionComplete
	}
	cause := context.Cause(ctx)
	if whole || !errors.Is(cause, errRuntime) && !errors.Is(cause, errMemory) {
		return ""
	}
	return cause.Error() + ": the report has what was known by then; see its completeness"
}

// byteSize is a flag like 512MiB; a bare number is bytes.
type byteSize int64

// Type names the flag's kind in the help text.
func (s *byteSize) Type() string { return "size" }

func (s *byteSize) String() string {
	if *s == 0 {
		return ""
	}
	return strconv.FormatInt(int64(*s), 10) + " bytes"
}

// Set reads a number with an IEC unit; k, M, G and T stand for KiB, MiB, GiB and TiB.
func (s *byteSize) Set(v string) error {
	num := strings.TrimRight(v, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	unit := strings.ToLower(strings.TrimSpace(v[len(num):]))
	unit = strings.TrimSuffix(strings.TrimSuffix(unit, "b"), "i")
	shift, ok := map[string]int{"": 0, "k": 10, "m": 20, "g": 30, "t": 40}[unit]
	n, err := strconv.ParseFloat(num, 64)
	if !ok || err != nil || !(n > 0) || n*float64(int64(1)<<shift) >= math.MaxInt64 {
		return fmt.Errorf("%q is not a size like 512MiB or 2GiB", v)
	}
	*s = byteSize(n * float64(int64(1)<<shift))
	return nil
}
