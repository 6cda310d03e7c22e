package analyzer

import (
	"context"
	"fmt"
	"io"
	"runtime"

	"github.com/google/pprof/profile"

	"postmortem/analyzer/heap"
	"postmortem/coreread/goprof"
)

// Profile is a profile in the format of go tool pprof: "heap", "retained",
// "block" or "mutex".
type Profile struct {
	Name  string
	Write func(io.Writer) error // gzipped
}

// describeHeap fills the heap part of the document.
func (a *analysis) describeHeap(ctx context.Context) {
	if a.cfg.NoHeap {
		return
	}
	if err := context.Cause(ctx); err != nil {
		a.heapProblem = err.Error()
		return
	}
	gaps := len(a.snap.Runtime.Gaps())
	h, err := heap.Analyze(ctx, a.snap, heap.Options{
		Goroutines: a.doc.Goroutines, Frames: a.frames, ShowValues: a.cfg.ShowValues, Workers: runtime.GOMAXPROCS(0),
	})
	if err != nil {
		a.heapProblem = err.Error()
		if cause := context.Cause(ctx); cause != nil {
			a.heapProblem = cause.Error()
		}
		return
	}
	a.heap = h
	profiles := goprof.Read(a.snap.Runtime)
	a.doc.Heap = h.Facts(ctx, profiles)
	switch all := a.snap.Runtime.Gaps(); {
	case ctx.Err() != nil:
		a.heapProblem = context.Cause(ctx).Error()
	case len(all) > gaps:
		a.heapProblem = fmt.Sprintf("%d places could not be read, among them %s", len(all)-gaps, all[gaps].What)
	}
	if a.cfg.Profiles {
		a.profiles = profilesOf(h, profiles)
	}
}

// profilesOf are the profiles that have samples.
func profilesOf(h *heap.Analysis, p *goprof.Profiles) []Profile {
	var list []Profile
	for _, made := range []struct {
		name string
		*profile.Profile
	}{
		{"heap", p.Heap()}, {"retained", h.RetainedProfile()}, {"block", p.Contention(&p.Block)}, {"mutex", p.Contention(&p.Mutex)},
	} {
		if made.Profile != nil {
			list = append(list, Profile{made.name, made.Profile.Write})
		}
	}
	return list
}
