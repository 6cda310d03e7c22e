package gopoll

import (
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// Sleep returns the reading of the runtime's clock, in nanoseconds, until which g
// sleeps in time.Sleep. It is not ok for goroutines that do not, nor for those in
// a bubble of testing/synctest, which has a clock of its own.
func (r *Reader) Sleep(g *gort.Goroutine) (when int64, ok bool) {
	o := &r.offsets.g
	if g.Status != layout.GWaiting || g.WaitReason != "sleep" || r.Bubble(g) != 0 {
		return 0, false
	}
	if o.sleepWhen.present {
		v, err := r.p.Image.Uint64(g.Addr + image.Addr(o.sleepWhen.off))
		return int64(v), err == nil && int64(v) > 0
	}
	at, err := r.p.Image.Addr(g.Addr + image.Addr(o.timer))
	if err != nil || at == 0 {
		return 0, false
	}
	t, err := r.Timer(at)
	if err != nil || t.Kind != SleepTimer || t.Goroutine != g.Addr || t.State != Pending {
		return 0, false
	}
	return t.When, true
}
