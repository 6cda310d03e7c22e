package main

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// progressFlags say how much of the work is told while it runs.
type progressFlags struct {
	quiet, always bool
}

func (p *progressFlags) flags(f *pflag.FlagSet) {
	f.BoolVar(&p.quiet, "quiet", false, "no progress on stderr")
	f.BoolVar(&p.always, "progress", false, "progress on stderr even where it is no terminal: a line every 30 s")
}

// every is how often a line is written where there is no terminal.
const every = 30 * time.Second

// progress tells on stderr how far the work is: a bar on a terminal, lines elsewhere.
type progress struct {
	bars  *mpb.Progress
	bar   *mpb.Bar
	lines *time.Ticker
	ended chan struct{}

	done, total atomic.Int64 // bytes of the input that is being unpacked
}

// tell starts to tell of the progress.
func (p *progressFlags) tell(stderr *os.File) *progress {
	out := &progress{ended: make(chan struct{})}
	switch {
	case p.quiet:
	case term.IsTerminal(int(stderr.Fd())):
		out.bars = mpb.New(mpb.WithOutput(stderr), mpb.WithWidth(40))
	case p.always:
		out.lines = time.NewTicker(every)
		go out.writeLines(stderr)
	}
	return out
}

// unpacking takes how much of an input is unpacked; total is 0 when that is unknown.
func (p *progress) unpacking(done, total int64) {
	p.done.Store(done)
	p.total.Store(total)
	if p.bars == nil {
		return
	}
	if p.bar == nil {
		p.bar = p.bars.AddBar(total, mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Name("unpacking ")),
			mpb.AppendDecorators(decor.CountersKibiByte("% .1f / % .1f")))
	}
	p.bar.SetTotal(total, false)
	p.bar.SetCurrent(done)
	if total > 0 && done >= total {
		p.bar.SetTotal(total, true)
		p.bar = nil
	}
}

func (p *progress) writeLines(stderr *os.File) {
	start := time.Now()
	for {
		select {
		case <-p.ended:
			return
		case <-p.lines.C:
			took := time.Since(start).Round(time.Second)
			switch done, total := p.done.Load(), p.total.Load(); {
			case total > 0 && done < total:
				fmt.Fprintf(stderr, "postmortem: unpacking, %d%% of %d MiB, %v so far\n", done*100/total, total>>20, took)
			default:
				fmt.Fprintf(stderr, "postmortem: working, %v so far\n", took)
			}
		}
	}
}

// stop ends it; nothing is written to stderr afterwards.
func (p *progress) stop() {
	close(p.ended)
	if p.lines != nil {
		p.lines.Stop()
	}
	if p.bar != nil {
		p.bar.Abort(true)
	}
	if p.bars != nil {
		p.bars.Wait()
	}
}
