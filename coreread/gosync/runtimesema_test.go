package gosync_test

import (
	"testing"

	"postmortem/coreread/gosync"
	"postmortem/coreread/image"
	"postmortem/internal/testcores"
)

// The runtime's semaphores have their names; those of programs have none.
func TestRuntimeSemaphore(t *testing.T) {
	for _, name := range []string{"small-nil-1.18.10-plain", "small-nil-1.22.12-pie", "waits-shapes-1.27.3-plain"} {
		c := testcores.Get(t, name)
		p, r := open(t, c)
		work := image.Addr(p.Layout().Struct("runtime.workType").Offset("startSema"))
		for _, s := range []struct {
			variable, name string
			offset         image.Addr
			known          bool
		}{
			{"runtime.worldsema", "runtime.worldsema", 0, true},
			{"runtime.gcsema", "runtime.gcsema", 0, true},
			{"runtime.work", "runtime.work.startSema", work, true},
			{"runtime.work", "", work - 4, false},
			{"runtime.allgs", "", 0, false},
		} {
			at, _, err := p.Exe.Global(s.variable)
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := r.RuntimeSemaphore(at.Add(p.Bias) + s.offset); got != s.name || ok != s.known {
				t.Errorf("%s: %s+%d is %q, %v", c.Name, s.variable, s.offset, got, ok)
			}
		}
		for _, w := range read(t, p, r) {
			for _, target := range w.Targets {
				if name, ok := r.RuntimeSemaphore(target.Sema); ok {
					t.Errorf("%s: g%d waits for %s, op %v %v", c.Name, w.Goroutine, name, w.Op, gosync.Semacquire)
				}
			}
		}
	}
}
