package gort_test

import (
	"slices"
	"testing"

	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
	"postmortem/internal/testcores"
)

// The collector's frames of a goroutine are those of its traceback that lie on
// its own stack, one directly above the other.
func TestEveryFrameIsTheTracebacks(t *testing.T) {
	for _, c := range testcores.All(t) {
		t.Run(c.Name, func(t *testing.T) {
			p := openCore(t, c)
			var s gort.Stack
			p.Goroutines(func(g *gort.Goroutine) {
				p.Stack(g, &s)
				var live []gort.Frame
				end := image.Addr(0)
				rest, err := p.EachFrame(g, func(f *gort.LiveFrame) {
					if f.Depth != len(live) || f.SP < end || f.FP < f.SP || f.Varp > f.FP || f.Argp < f.FP {
						t.Errorf("g%d: frame %+v after one that ends at %v", g.ID, f, end)
					}
					end = f.FP
					live = append(live, f.Frame)
				})
				if (err != nil) != (rest.Len() > 0) || (err != nil) != (s.Broken != nil) && c.Cut == 0 {
					t.Errorf("g%d: %v, rest %v-%v; the traceback: %v", g.ID, err, rest.Start, rest.End, s.Broken)
				}
				if uint64(len(live)) > s.Physical {
					t.Errorf("g%d: %d frames, %d in the traceback", g.ID, len(live), s.Physical)
				}
				if s.Elided() == 0 && err == nil {
					checkOwnFrames(t, g, live, slices.Concat(s.Inner, s.Outer))
				}
			})
		})
	}
}

func checkOwnFrames(t *testing.T, g *gort.Goroutine, live, all []gort.Frame) {
	t.Helper()
	own := slices.DeleteFunc(all, func(f gort.Frame) bool { return !g.Stack.Contains(f.SP) || f.Trust == gort.TrustCgo })
	if len(own) == len(live)-1 {
		own = slices.Insert(own, 0, live[0]) // systemstack_switch, which a traceback through the system stack leaves out
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

// A frame that a fault ended goes on with its deferred calls or not at all; a
// goroutine that is on no thread has no frame that only a guess could scan,
// unless a signal preempted it.
func TestWhereFramesGoOn(t *testing.T) {
	dead, deferring, preempted, running := 0, 0, 0, 0
	for _, c := range testcores.All(t) {
		p := openCore(t, c)
		p.Goroutines(func(g *gort.Goroutine) {
			callee, guessed := "", 0
			p.EachFrame(g, func(f *gort.LiveFrame) {
				name := f.Func.Name()
				switch {
				case callee == "runtime.sigpanic" && f.Func.DeferReturn() == 0:
					if dead++; f.ContinuePC != 0 {
						t.Errorf("%s g%d: %s goes on at %v", c.Name, g.ID, name, f.ContinuePC)
					}
				case callee == "runtime.sigpanic":
					deferring++
					if fn, ok := p.FuncAt(f.ContinuePC); !ok || fn.Entry() != f.Func.Entry() || f.ContinuePC == f.PC {
						t.Errorf("%s g%d: %s faulted at %v and goes on at %v", c.Name, g.ID, name, f.PC, f.ContinuePC)
					}
				case f.ContinuePC != f.PC:
					t.Errorf("%s g%d: %s at %v goes on at %v", c.Name, g.ID, name, f.PC, f.ContinuePC)
				}
				if name == "runtime.asyncPreempt" || callee == "runtime.asyncPreempt" {
					if preempted++; !f.Conservative {
						t.Errorf("%s g%d: %s was interrupted, and is not conservative", c.Name, g.ID, name)
					}
				} else if f.Conservative {
					guessed++
				}
				callee = name
			})
			if guessed > 0 {
				running++
			}
			if regs := p.Registers(g); (regs != nil || guessed > 0) && g.Status != layout.GRunning {
				t.Errorf("%s g%d is %v: %d registers, %d conservative frames", c.Name, g.ID, g.Status, len(regs), guessed)
			}
		})
	}
	if dead == 0 || deferring == 0 || preempted == 0 || running == 0 {
		t.Errorf("%d dead frames, %d that go on with deferred calls, %d of preempted goroutines, %d running goroutines: the cores lack some", dead, deferring, preempted, running)
	}
}
