package gort

import (
	"cmp"
	"slices"

	"postmortem/coreread/elfcore"
	"postmortem/coreread/image"
	"postmortem/coreread/layout"
)

// runsOn returns the M whose thread's registers are g's own: a goroutine in a
// system call or waiting on the system stack has saved its state instead.
func (p *Process) runsOn(g *Goroutine) (*Machine, bool) {
	if g.Status != layout.GRunning {
		return nil, false
	}
	m, ok := p.byM[g.M]
	if !ok || m.CurG != g.Addr || m.Thread == nil {
		return nil, false
	}
	return m, true
}

// threadOn returns a thread whose stack pointer lies in r, which holds one stack.
func (p *Process) threadOn(r image.Range) (*elfcore.Thread, bool) {
	if p.once.bySP == nil {
		for i := range p.Core.Threads {
			p.once.bySP = append(p.once.bySP, &p.Core.Threads[i])
		}
		slices.SortStableFunc(p.once.bySP, func(a, b *elfcore.Thread) int { return cmp.Compare(a.Regs.SP, b.Regs.SP) })
	}
	i, _ := slices.BinarySearchFunc(p.once.bySP, r.Start, func(t *elfcore.Thread, at image.Addr) int { return cmp.Compare(t.Regs.SP, at) })
	if i == len(p.once.bySP) || !r.Contains(p.once.bySP[i].Regs.SP) {
		return nil, false
	}
	return p.once.bySP[i], true
}

// auxvSysinfoEHDR is AT_SYSINFO_EHDR: where the vDSO is.
const auxvSysinfoEHDR = 33

// vdsoSize is more than any vDSO's size; it only tells its code from a library's.
const vdsoSize = 2 << 12

func (p *Process) findVDSO() {
	if at := image.Addr(p.Core.Auxv[auxvSysinfoEHDR]); at != 0 {
		p.vdso = image.Range{Start: at, End: at + vdsoSize}
		if s, ok := p.Image.SegmentAt(at); ok {
			p.vdso = s.Range
		}
	}
}
