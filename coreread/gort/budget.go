package gort

import (
	"context"
	"errors"

	"postmortem/coreread/image"
)

// budget bounds what is read from a memory that may be damaged.
type budget struct {
	ctx    context.Context // nil when nothing ends the reading
	memory uint64          // bytes of the image
	frames uint64          // that may still be walked, in portions of chargeEvery
}

func newBudget(m *image.Image) budget {
	var n uint64
	for _, s := range m.Segments() {
		n += s.Len()
	}
	return budget{memory: n, frames: walksOfAll * n / minFrame}
}

// Until makes ctx end the walks of stacks: one that is longer than a few
// hundred frames then ends early and says so in Stack.Broken.
func (p *Process) Until(ctx context.Context) { p.budget.ctx = ctx }

// fit returns how many structures of a size the memory has room for.
func (b *budget) fit(size uint64) int { return int(b.memory / max(size, 1)) }

// walksOfAll is how often the stacks of a process may be walked: a report does
// so less often. Stacks that a damaged core shows on top of one another would
// else take as many walks as there are goroutines.
const walksOfAll = 8

// minFrame is the bytes of a frame: a return address and a frame pointer at least.
const minFrame = 16

var errStacksOverlap = errors.New("the stacks have more frames than fit into the memory: they overlap")

// chargeFrames accounts for n frames of a walk, and says why it must not go on.
func (b *budget) chargeFrames(n uint64) error {
	if b.ctx != nil && b.ctx.Err() != nil {
		return context.Cause(b.ctx)
	}
	if b.frames < n {
		return errStacksOverlap
	}
	b.frames -= n
	return nil
}
