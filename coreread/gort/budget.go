package gort

import (
	"context"
	"errors"

	"postmortem/coreread/image"
)

// budget bounds the stacks that are walked.
type budget struct {
	ctx    context.Context // nil when nothing ends the walks
	frames uint64          // that may still be walked, in portions of chargeEvery
}

// Until makes ctx end the walks of stacks: one that is longer than a few
// thousand frames then ends early and says so in Stack.Broken.
func (p *Process) Until(ctx context.Context) { p.walking.ctx = ctx }

// walksOfAll is how often the stacks of a process may be walked: a report does
// so less often. Stacks that a damaged core shows on top of one another would
// else take as many walks as there are goroutines.
const walksOfAll = 8

// framesAllowed is how many frames of deep stacks are walked in all. A frame
// takes at least a return address and a frame pointer of memory.
func framesAllowed(m *image.Image) uint64 {
	var n uint64
	for _, s := range m.Segments() {
		n += s.Len()
	}
	return walksOfAll * n / 16
}

var errStacksOverlap = errors.New("the stacks have more frames than fit into the memory: they overlap")

// chargeFrames accounts for n frames of a walk, and says why it must not go on.
func (p *Process) chargeFrames(n uint64) error {
	if ctx := p.walking.ctx; ctx != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if p.walking.frames < n {
		return errStacksOverlap
	}
	p.walking.frames -= n
	return nil
}
