package values

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"

	"github.com/go-delve/delve/pkg/proc"
)

// Goroutine reads the variables of the innermost frames of goroutine id, innermost frame first. Frames of the runtime
// (its panic machinery above a crash, its callers below main) and of unknown functions are left out and not counted.
//
// The frames are those that Delve finds. Where C code without frame pointers is on the stack, it may find wrong ones: a
// caller that has walked the stack itself should take the values of those frames only whose PC and SP it has found too.
//
// Frames that were read before something went wrong come with the error: ErrNoGoroutine, an *AbandonedError when ctx
// or limits.Time ended, after which the reader is of no further use, or what Delve says.
func (r *Reader) Goroutine(ctx context.Context, id uint64, limits Limits) ([]FrameValues, error) {
	limits = limits.withDefaults()
	r.mu.Lock()
	defer r.mu.Unlock()
	doing := fmt.Sprintf("reading variables of goroutine %d", id)
	if r.left != nil {
		return nil, fmt.Errorf("%s: %w", doing, r.left)
	}
	ctx, cancel := context.WithTimeout(ctx, limits.Time)
	defer cancel()
	r.mem.ctx, r.mem.budget = ctx, limits.ReadBytes

	// Delve's worker may outlive this call, so it hands frames over one by one and keeps nothing of r's.
	var out frameList
	w := &walk{target: r.target, mem: r.mem, limits: limits, left: limits.TotalBytes, out: &out}
	err := guarded(ctx, doing, func() error { return w.goroutine(id) })
	if _, abandoned := err.(*AbandonedError); abandoned {
		r.left = err
	}
	return out.taken(), err
}

// frameList is what a walk has found so far.
type frameList struct {
	mu     sync.Mutex
	frames []FrameValues
}

func (l *frameList) add(f FrameValues) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frames = append(l.frames, f)
}

func (l *frameList) taken() []FrameValues {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]FrameValues(nil), l.frames...)
}

// walk is one pass over one goroutine's frames. It runs inside guarded.
type walk struct {
	target *proc.Target
	mem    *memory
	limits Limits
	left   int // bytes of text
	out    *frameList
}

func (w *walk) goroutine(id uint64) error {
	if id == 0 || id > math.MaxInt64 { // Delve takes 0 and -1 for the goroutine of the current thread
		return ErrNoGoroutine
	}
	g, err := proc.FindGoroutine(w.target, int64(id))
	if err != nil {
		if strings.HasPrefix(err.Error(), "unknown goroutine") {
			return ErrNoGoroutine
		}
		return err
	}
	if g == nil || g.ID != int64(id) {
		return ErrNoGoroutine
	}
	if g.Unreadable != nil {
		return g.Unreadable
	}
	thread := 0
	if g.Thread != nil {
		thread = g.Thread.ThreadID()
	}
	frames, err := proc.GoroutineStacktrace(w.target, g, w.limits.UnwindFrames, 0)
	if err != nil {
		return fmt.Errorf("unwinding the stack: %w", err)
	}
	for i, n := 0, 0; i < len(frames) && n < w.limits.Frames; i++ {
		if frames[i].Err != nil {
			return fmt.Errorf("unwinding the stack: %w", frames[i].Err)
		}
		if frames[i].Call.Fn == nil || ofRuntime(frames[i]) {
			continue
		}
		n++
		w.out.add(w.frame(g, thread, frames[i:], calleeOf(frames, i)))
	}
	return nil
}

// ofRuntime is true for functions of package runtime, those included that it has for others (time.Sleep), and of its
// internal parts.
func ofRuntime(f proc.Stackframe) bool {
	if f.Call.Fn == nil {
		return false
	}
	names := []string{f.Call.Fn.Name}
	if !f.Inlined { // an inlined function is said to be of the unit that it was inlined into
		names = append(names, f.Call.Fn.CompilationUnitName()+".")
	}
	for _, name := range names {
		if strings.HasPrefix(name, "runtime.") || strings.HasPrefix(name, "internal/runtime/") {
			return true
		}
	}
	return false
}

// calleeOf returns the function that frame i called: the one whose frame is further in. Inlined calls share their
// frame with the function around them.
func calleeOf(frames []proc.Stackframe, i int) string {
	cfa := frames[i].Regs.CFA
	for i--; i >= 0; i-- {
		if frames[i].Regs.CFA != cfa {
			if frames[i].Current.Fn == nil {
				return "?"
			}
			return frames[i].Current.Fn.Name
		}
	}
	return ""
}

// frame reads one frame: frames[0] of the frames from it outward.
func (w *walk) frame(g *proc.G, thread int, frames []proc.Stackframe, callee string) FrameValues {
	f := frames[0]
	out := FrameValues{
		Func: f.Call.Fn.Name, File: f.Call.File, Line: f.Call.Line,
		PC: f.Current.PC, SP: f.Regs.SP(), Inlined: f.Inlined,
	}
	scope := frameScope{w: w, g: g, thread: thread, frames: frames, callee: callee}
	vars, problem := scope.variables()
	if problem != "" {
		out.Problem = problem
		return out
	}
	text := &frameText{
		limits: w.limits, left: min(w.limits.FrameBytes, w.left),
		optimised: f.Call.Fn.Optimized(), inlined: f.Inlined, mem: w.mem,
	}
	_, text.firstLine, _ = w.target.BinInfo().PCToLine(f.Call.Fn.Entry)
	before := text.left
	out.Arguments, out.Locals, out.Problem = text.frame(vars)
	w.left -= before - text.left
	return out
}
