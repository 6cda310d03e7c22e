package locks

import (
	"cmp"
	"slices"
	"strings"

	"postmortem/analyzer/facts"
	"postmortem/coreread/image"
)

// ranges are ids of goroutines, [first, last], both inclusive, ascending.
type ranges [][2]int64

func (r ranges) contains(id uint64) bool {
	i, found := slices.BinarySearchFunc(r, int64(id), func(r [2]int64, id int64) int { return cmp.Compare(r[0], id) })
	return found || i > 0 && int64(id) <= r[i-1][1]
}

// silentGroups returns the goroutines of whom groups alone say that they hold no
// lock: no frame of theirs stands where something is held, and no call is
// deferred that gives back a lock. Their stacks need not be walked again.
func (s *search) silentGroups(goroutines *facts.Goroutines) ranges {
	var silent ranges
	if goroutines == nil {
		return nil
	}
	for i := range goroutines.Groups {
		if g := &goroutines.Groups[i]; g.Status == facts.StatusWaiting && s.isSilent(g) {
			silent = append(silent, g.GoidRanges...)
		}
	}
	slices.SortFunc(silent, func(a, b [2]int64) int { return cmp.Compare(a[0], b[0]) })
	return silent
}

func (s *search) isSilent(g *facts.Group) bool {
	if len(g.Frames) == 0 || g.FramesElided != 0 || g.Cycle != nil {
		return false
	}
	for _, f := range g.Frames {
		if !f.PC.Known || f.Trust != facts.TrustPclntab {
			return false
		}
		pc := image.Addr(f.PC.V)
		fn, ok := s.process.FuncAt(pc)
		if !ok || s.place(fn, pc, false).held {
			return false
		}
	}
	for _, d := range g.PendingDefers {
		if !s.harmless(d.Func) {
			return false
		}
	}
	return true
}

// harmless reports whether a function that is to be called gives back no lock.
func (s *search) harmless(name string) bool {
	if strings.Contains(name, "[") {
		return false // it stands for several
	}
	fn, ok := s.program.funcs.ByName(name)
	if !ok || isLockCode(name) {
		return false
	}
	if s.program.nearness(fn, reach) != far {
		return false
	}
	f := s.program.wrapperFlow(fn)
	return f != nil && !f.lost && len(f.indirect) == 0
}
