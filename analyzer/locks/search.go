package locks

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/coreread/exe"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// search goes over the goroutines.
type search struct {
	process *gort.Process
	program *program
	locks   map[image.Addr]*Lock
	waiting map[image.Addr]map[uint64]bool
	places  map[placeKey]*place

	silent ranges // goroutines that hold nothing

	found map[lockOf][]candidate
}

// lockOf is a lock, and whether it is held for reading.
type lockOf struct {
	addr   image.Addr
	reader bool
}

// candidate is a goroutine that may hold a lock.
type candidate struct {
	goroutine  uint64
	kind       Kind
	confidence facts.Confidence
	taken      *facts.Site
	evidence   []string
}

func newSearch(in Input, locks []Lock) *search {
	p := in.Snapshot.Runtime
	s := &search{
		process: p, program: newProgram(p.Exe), locks: make(map[image.Addr]*Lock),
		waiting: make(map[image.Addr]map[uint64]bool), places: make(map[placeKey]*place), found: make(map[lockOf][]candidate),
	}
	s.silent = s.silentGroups(in.Goroutines)
	for i := range locks {
		l := &locks[i]
		s.locks[l.Addr] = l
		ids := make(map[uint64]bool, len(l.Waiters))
		for _, id := range l.Waiters {
			ids[id] = true
		}
		s.waiting[l.Addr] = ids
	}
	return s
}

// placeKey is where a frame stands.
type placeKey struct {
	pc    image.Addr
	exact bool
}

// place is what all frames that stand at one program counter have in common.
type place struct {
	fn     exe.Func
	pc     image.Addr // the binary's own
	exact  bool
	view   *view // nil when nothing is known
	looked bool  // view is as complete as it gets
	held   bool  // the view says something of locks
	defers bool  // the function may have deferred calls pending
	// unwinds says that it runs deferred calls of its callers, or of its own as it ends.
	unwinds bool
	cond    bool // it is sync.(*Cond).Wait, which gives back its lock while it waits
}

// standing is a frame.
type standing struct {
	*place
	gort.Frame
}

func (s *search) place(fn exe.Func, pc image.Addr, exact bool) *place {
	key := placeKey{pc, exact}
	if p, ok := s.places[key]; ok {
		return p
	}
	p := &place{fn: fn, pc: s.process.Static(pc), exact: exact}
	s.places[key] = p
	p.cond = fn.Name() == "sync.(*Cond).Wait"
	p.defers = fn.DeferReturn() != 0
	switch fn.Name() {
	case "runtime.gopanic", "runtime.Goexit", "runtime.deferreturn":
		p.unwinds = true
	}
	if flow := s.program.flowOf(fn, reach); flow != nil {
		p.view, p.looked = flow.view(p.pc, exact), true
	}
	p.held = p.view != nil && slices.ContainsFunc(p.view.held, func(h holding) bool { return h.kind != method })
	return p
}

// look makes the view of a frame whose function was not seen to deal with locks.
func (s *search) look(p *place) {
	if p.looked {
		return
	}
	p.looked = true
	if p.fn.IsAsm() || strings.HasPrefix(p.fn.Name(), "runtime.") || isLockCode(p.fn.Name()) {
		return
	}
	if flow := s.program.anyFlow(p.fn); flow != nil {
		p.view = flow.view(p.pc, p.exact)
	}
}

// goroutines looks at every goroutine of the program.
func (s *search) goroutines(ctx context.Context) {
	var frames []standing
	var deferring []gort.Frame
	s.process.Goroutines(func(g *gort.Goroutine) {
		if ctx.Err() != nil || g.Status == layout.GIdle || s.silent.contains(g.ID) {
			return
		}
		frames, deferring = frames[:0], deferring[:0]
		held := false
		_, _ = s.process.EachFrame(g, func(f *gort.LiveFrame) {
			p := s.place(f.Func, f.PC, f.Exact)
			if len(frames) < maxFrames {
				frames = append(frames, standing{p, f.Frame})
			}
			if p.defers && len(deferring) < maxFrames {
				deferring = append(deferring, f.Frame)
			}
			held = held || p.held
		})
		s.goroutine(g, frames, deferring, held)
	})
}

// maxFrames bounds the frames of one goroutine that are looked at.
const maxFrames = 1 << 14

// sourceOf returns the function and position of an instruction, without what was
// inlined there of the locks themselves.
func sourceOf(fn exe.Func, pc image.Addr) exe.SourceFrame {
	frames := fn.Frames(pc)
	for _, f := range frames {
		if !isLockCode(f.Func) {
			return f
		}
	}
	return frames[len(frames)-1]
}

// isLockCode reports whether a function is part of how locks work.
func isLockCode(name string) bool {
	for _, prefix := range []string{"sync.(*Mutex)", "sync.(*RWMutex)", "internal/sync.", "sync/atomic.", "internal/runtime/atomic.", "runtime/internal/atomic."} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func site(f exe.SourceFrame) *facts.Site {
	out := &facts.Site{Func: exe.PrintName(f.Func)}
	if f.File != "" {
		out.File, out.Line = facts.Some(f.File), facts.Some(f.Line)
	}
	return out
}

func lineOf(file string, line int) string {
	if file == "" {
		return "line unknown"
	}
	return fmt.Sprintf("%s:%d", path.Base(file), line)
}

// add enters that a goroutine may hold a lock.
func (s *search) add(at lockOf, c candidate) {
	list := s.found[at]
	for i := range list {
		if o := &list[i]; o.goroutine == c.goroutine {
			if weaker(o.confidence, c.confidence) {
				o.confidence = c.confidence
			}
			if o.taken == nil {
				o.taken = c.taken
			}
			for _, e := range c.evidence {
				if !slices.Contains(o.evidence, e) {
					o.evidence = append(o.evidence, e)
				}
			}
			return
		}
	}
	s.found[at] = append(list, c)
}

var strength = map[facts.Confidence]int{facts.ConfidencePossible: 1, facts.ConfidenceLikely: 2, facts.ConfidenceProven: 3}

func weaker(a, b facts.Confidence) bool { return strength[a] < strength[b] }

func atMost(a, b facts.Confidence) facts.Confidence {
	if weaker(b, a) {
		return b
	}
	return a
}

// result sums up what was found.
func (s *search) result() *Result {
	r := &Result{Holders: make(map[image.Addr][]facts.Holder), Held: make(map[uint64][]Held)}
	addrs := make(map[image.Addr]bool)
	for at := range s.found {
		addrs[at.addr] = true
	}
	for addr := range addrs {
		holders, kinds := s.settle(addr)
		if _, asked := s.locks[addr]; asked && len(holders) > 0 {
			r.Holders[addr] = holders
		}
		for i, h := range holders {
			id := uint64(h.Goroutine)
			r.Held[id] = append(r.Held[id], Held{Addr: addr, Kind: kinds[i], Holder: h})
		}
	}
	for _, list := range r.Held {
		slices.SortFunc(list, func(a, b Held) int { return cmp.Compare(a.Addr, b.Addr) })
	}
	return r
}
