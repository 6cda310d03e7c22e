// Package frames writes program counters as the frames of a report: function,
// source position, module, and whether the code is the program's own.
//
// It knows nothing of goroutines: a stack is a list of program counters to it.
package frames

import (
	"slices"

	"postmortem/analyzer/facts"
	"postmortem/coreread/exe"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
)

// Builder makes frames of one process. A program counter's frames are made once
// and shared. It is not safe for concurrent use.
type Builder struct {
	process *gort.Process
	modules *Modules
	made    map[key][]*facts.Frame
}

type key struct {
	pc    uint64
	exact bool
	trust gort.Trust
}

// NewBuilder returns a builder of frames of the process.
func NewBuilder(p *gort.Process, modules *Modules) *Builder {
	return &Builder{process: p, modules: modules, made: make(map[key][]*facts.Frame)}
}

// Stack is a whole stack as frames of a report.
type Stack struct {
	Frames []*facts.Frame // the innermost and the outermost facts.FramesKept, and those of the thread's system stack before them
	Elided int64
	Cycle  *facts.Cycle
}

// Stack writes every stored frame of s, inlined functions included.
func (b *Builder) Stack(s *gort.Stack) Stack {
	inner := b.expand(nil, s.Inner)
	outer := b.expand(nil, s.Outer)
	kept := facts.FramesKept + len(b.expand(nil, s.Inner[:s.System]))
	if s.Elided() == 0 {
		inner = append(inner, outer...)
		outer = nil
		if len(inner) > kept+facts.FramesKept {
			inner, outer = inner[:kept], inner[len(inner)-facts.FramesKept:]
		}
	} else {
		inner = inner[:min(len(inner), kept)]
		outer = outer[max(0, len(outer)-facts.FramesKept):]
	}
	all := append(inner[:len(inner):len(inner)], outer...)
	return Stack{
		Frames: all,
		Elided: int64(s.Logical) - int64(len(all)),
		Cycle:  b.cycle(s),
	}
}

// Frames writes physical frames, inlined functions included.
func (b *Builder) Frames(frames []gort.Frame) []*facts.Frame { return b.expand(nil, frames) }

func (b *Builder) expand(to []*facts.Frame, frames []gort.Frame) []*facts.Frame {
	for _, f := range frames {
		to = append(to, b.frame(f)...)
	}
	return to
}

func (b *Builder) cycle(s *gort.Stack) *facts.Cycle {
	if s.Cycle == nil {
		return nil
	}
	c := &facts.Cycle{Repeats: int64(s.Cycle.Repeats)}
	c.Start = int64(len(b.expand(nil, s.Inner[:s.Cycle.Start])))
	var round []string
	for _, f := range b.expand(nil, s.Inner[s.Cycle.Start:s.Cycle.Start+s.Cycle.Length]) {
		round = append(round, f.Func)
	}
	// Inlining lays several rounds of the source into one of the machine's.
	n := period(round)
	c.Funcs = round[:n]
	if n > 0 {
		c.Repeats *= int64(len(round) / n)
	}
	return c
}

// period is the length of the shortest beginning that s repeats throughout.
func period(s []string) int {
	for n := 1; n <= len(s)/2; n++ {
		if len(s)%n == 0 && slices.Equal(s[n:], s[:len(s)-n]) {
			return n
		}
	}
	return len(s)
}

func (b *Builder) frame(f gort.Frame) []*facts.Frame {
	k := key{uint64(f.PC), f.Exact, f.Trust}
	if made, ok := b.made[k]; ok {
		return made
	}
	var made []*facts.Frame
	if f.Trust == gort.TrustCgo {
		made = []*facts.Frame{b.foreign(f)}
	} else {
		for _, source := range b.process.Source(f) {
			made = append(made, b.source(f, source))
		}
	}
	b.made[k] = made
	return made
}

func (b *Builder) source(f gort.Frame, s exe.SourceFrame) *facts.Frame {
	place := b.modules.Place(s.Func, s.File)
	out := &facts.Frame{
		Func:     exe.PrintName(s.Func),
		File:     facts.Some(s.File),
		Line:     facts.Some(s.Line),
		InApp:    place.InApp,
		PC:       facts.Some(facts.Word(f.PC)),
		StaticPC: facts.Some(facts.Word(b.process.Static(f.PC))),
		Inlined:  s.Inlined,
		Trust:    trust(f.Trust),
	}
	if s.File == "" {
		out.File, out.Line = facts.Maybe[string]{}, facts.Maybe[int]{}
	}
	if place.Source != "" {
		out.Source = facts.Some(place.Source)
	}
	if place.Module != "" {
		out.Module = facts.Some(place.Module)
	}
	return out
}

// Named writes a function at a place of the source where no program counter is known.
func (b *Builder) Named(s exe.SourceFrame) *facts.Frame {
	f := b.source(gort.Frame{}, s)
	f.PC, f.StaticPC = facts.Maybe[facts.Word]{}, facts.Maybe[facts.Word]{}
	return f
}

// foreign is a frame of code that is not Go's.
func (b *Builder) foreign(f gort.Frame) *facts.Frame {
	return &facts.Frame{
		Func:  b.foreignName(f.PC),
		PC:    facts.Some(facts.Word(f.PC)),
		Trust: facts.TrustCgo,
	}
}

// foreignName is the file and offset of code that is not Go's, its address when
// no file is known.
func (b *Builder) foreignName(pc image.Addr) string {
	if place, ok := b.process.Place(pc); ok {
		return place.String()
	}
	return pc.String()
}

// Defer writes a pending deferred call: its function, and where the defer
// statement stands.
func (b *Builder) Defer(d gort.Defer) facts.Defer {
	out := facts.Defer{Func: exe.PrintName(d.Func)}
	if d.File != "" {
		out.File, out.Line = facts.Some(d.File), facts.Some(d.Line)
	}
	if d.By != "" {
		out.InApp = b.modules.Place(d.By, d.File).InApp
	}
	return out
}

// Site returns where a call that returns to pc stands, nil when pc is not in Go code.
func (b *Builder) Site(f gort.Frame) *facts.Site {
	frames := b.frame(f)
	if len(frames) == 0 {
		return nil
	}
	return &facts.Site{Func: frames[0].Func, File: frames[0].File, Line: frames[0].Line}
}

func trust(t gort.Trust) facts.Trust {
	switch t {
	case gort.TrustRegisters:
		return facts.TrustRegisters
	case gort.TrustCgo:
		return facts.TrustCgo
	}
	return facts.TrustPclntab
}
