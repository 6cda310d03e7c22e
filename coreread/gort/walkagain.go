package gort

import "postmortem/coreread/image"

// maxWalkedAgain bounds the stacks that are walked again for the frames that a
// Stack leaves out.
const maxWalkedAgain = 1 << 16

// eachFrame visits the frames of g's stack s, innermost first. Those that s
// leaves out are walked again, unless there are too many.
func (p *Process) eachFrame(g *Goroutine, s *Stack, visit func(Frame)) {
	if s.Elided() > 0 && s.Physical <= maxWalkedAgain {
		_ = p.walkAgain(g, visit) // ends where the first walk did, which has said why
		return
	}
	for _, frames := range [][]Frame{s.Inner, s.Outer} {
		for _, f := range frames {
			visit(f)
		}
	}
}

// walkAgain visits every frame of a stack, those too that a Stack leaves out.
func (p *Process) walkAgain(g *Goroutine, visit func(Frame)) error {
	u := &unwinder{p: p, bounds: g.Stack, syscall: g.syscall}
	regs, exact := g.sched, false
	if g.syscall.SP != 0 {
		regs = g.syscall
	}
	if m, running := p.runsOn(g); running {
		context := p.interruptedContext(m)
		if context.err != nil {
			return context.err
		}
		u.m, u.g, u.bounds = m, g.Addr, image.Range{}
		regs, exact = context.regs, context.exact
	}
	return u.walk(regs, exact, func(f Frame, _ *pcInfo) { visit(f) })
}
