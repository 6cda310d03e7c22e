package gort_test

import (
	"slices"
	"testing"

	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
	"postmortem/internal/testcores"
)

// frameKinds is how many frames of each rare kind the cores have.
type frameKinds struct{ dead, deferring, preempted, running int }

// The collector's frames of a goroutine are those of its traceback that lie on its
// own stack, one directly above the other. A frame that a fault ended goes on with
// its deferred calls or not at all; a goroutine that is on no thread has no frame
// that only a guess could scan, unless a signal preempted it.
func TestFramesOfTheCollector(t *testing.T) {
	var n frameKinds
	for _, c := range testcores.All(t) {
		t.Run(c.Name, func(t *testing.T) {
			p := openCore(t, c)
			var s gort.Stack
			p.Goroutines(func(g *gort.Goroutine) {
				p.Stack(g, &s)
				var live []gort.LiveFrame
				rest, err := p.EachFrame(g, func(f *gort.LiveFrame) { live = append(live, *f) })
				if (err != nil) != (rest.Len() > 0) || (err != nil) != (s.Broken != nil) && c.Cut == 0 {
					t.Errorf("g%d: %v, rest %v-%v; the traceback: %v", g.ID, err, rest.Start, rest.End, s.Broken)
				}
				if uint64(len(live)) > s.Physical {
					t.Errorf("g%d: %d frames, %d in the traceback", g.ID, len(live), s.Physical)
				}
				if s.Elided() == 0 && err == nil {
					checkOwnFrames(t, g, live, slices.Concat(s.Inner, s.Outer))
				}
				n.check(t, p, g, live)
			})
		})
	}
	if n.dead == 0 || n.deferring == 0 || n.preempted == 0 || n.running == 0 {
		t.Errorf("%+v: the cores lack some", n)
	}
}

func checkOwnFrames(t *testing.T, g *gort.Goroutine, live []gort.LiveFrame, all []gort.Frame) {
	t.Helper()
	own := slices.DeleteFunc(all, func(f gort.Frame) bool { return !g.Stack.Contains(f.SP) || f.Trust == gort.TrustCgo })
	if len(own) == len(live)-1 {
		own = slices.Insert(own, 0, live[0].Frame) // systemstack_switch, which a traceback through the system stack leaves out
	}
	for i := range min(len(own), len(live)) {
		if own[i].FP != live[i].FP || own[i].PC != live[i].PC && i > 0 {
			t.Errorf("g%d: frame %d is %+v, in the traceback %+v", g.ID, i, live[i], own[i])
		}
	}
	if len(own) != len(live) {
		t.Errorf("g%d: %d frames, %d in the traceback", g.ID, len(live), len(own))
	}
}

func (n *frameKinds) check(t *testing.T, p *gort.Process, g *gort.Goroutine, live []gort.LiveFrame) {
	t.Helper()
	callee, guessed, end := "", 0, image.Addr(0)
	for depth, f := range live {
		name := f.Func.Name()
		if f.Depth != depth || f.SP < end || f.FP < f.SP || f.Varp > f.FP || f.Argp < f.FP {
			t.Errorf("g%d: frame %+v after one that ends at %v", g.ID, f, end)
		}
		switch {
		case callee == "runtime.sigpanic" && f.Func.DeferReturn() == 0:
			if n.dead++; f.ContinuePC != 0 {
				t.Errorf("g%d: %s goes on at %v", g.ID, name, f.ContinuePC)
			}
		case callee == "runtime.sigpanic":
			n.deferring++
			if fn, ok := p.FuncAt(f.ContinuePC); !ok || fn.Entry() != f.Func.Entry() || f.ContinuePC == f.PC {
				t.Errorf("g%d: %s faulted at %v and goes on at %v", g.ID, name, f.PC, f.ContinuePC)
			}
		case f.ContinuePC != f.PC:
			t.Errorf("g%d: %s at %v goes on at %v", g.ID, name, f.PC, f.ContinuePC)
		}
		if name == "runtime.asyncPreempt" || callee == "runtime.asyncPreempt" {
			if n.preempted++; !f.Conservative {
				t.Errorf("g%d: %s was interrupted, and is not conservative", g.ID, name)
			}
		} else if f.Conservative {
			guessed++
		}
		callee, end = name, f.FP
	}
	if guessed > 0 {
		n.running++
	}
	if regs := p.Registers(g); (regs != nil || guessed > 0) && g.Status != layout.GRunning {
		t.Errorf("g%d is %v: %d registers, %d conservative frames", g.ID, g.Status, len(regs), guessed)
	}
}
