package goroots

import (
	"fmt"
	"math/bits"

	"postmortem/coreread/exe"
	"postmortem/coreread/image"
)

// maxModules bounds the list of modules: a program and its plugins.
const maxModules = 1 << 10

// Globals visits the pointers in data and BSS of every module, by address within each.
func (r *Reader) Globals(visit func(Slot)) {
	for _, m := range r.modules() {
		r.section("data", image.Range{Start: m.Data, End: m.EData}, m.GCDataMask, m.GCData, visit)
		r.section("BSS", image.Range{Start: m.BSS, End: m.EBSS}, m.GCBSSMask, m.GCBSS, visit)
	}
}

// modules returns the modules that the runtime activated. The program's own is
// the first, and where its sections are its binary says.
func (r *Reader) modules() []*exe.ModuleData {
	own, at := r.ownModule()
	list := []*exe.ModuleData{own}
	seen := map[image.Addr]bool{at: true}
	for at = own.Next; at != 0; {
		if seen[at] || len(list) == maxModules {
			r.gap("the list of modules runs in a circle", at, 0)
			break
		}
		seen[at] = true
		m, err := r.p.Exe.ModuleAt(r.p.Image, at)
		if err != nil {
			r.gap("the rest of the list of modules: "+err.Error(), at, 0)
			break
		}
		if m.EData < m.Data || m.EBSS < m.BSS {
			r.gap("the module at "+at.String()+" has impossible bounds", at, 0)
		} else if !r.isBad(m) {
			list = append(list, m)
		}
		at = m.Next
	}
	return list
}

// isBad reports whether loading the module failed (moduledata.bad).
func (r *Reader) isBad(m *exe.ModuleData) bool {
	off, ok := m.Offset("bad")
	if !ok {
		return false
	}
	b, err := r.p.Image.Uint8(m.Addr + image.Addr(off))
	return err == nil && b != 0
}

func (r *Reader) ownModule() (own *exe.ModuleData, at image.Addr) {
	static, bias := r.p.Exe.Module(), r.p.Bias
	at = static.Addr.Add(bias)
	m := *static
	for _, a := range []*image.Addr{&m.Data, &m.EData, &m.BSS, &m.EBSS, &m.GCData, &m.GCBSS} {
		*a = a.Add(bias)
	}
	m.GCDataMask, m.GCBSSMask, m.Next = exe.BitVector{}, exe.BitVector{}, 0
	if there, err := r.p.Exe.ModuleAt(r.p.Image, at); err != nil {
		r.gap("the program's own module: "+err.Error(), at, static.Bytes())
	} else {
		m.GCDataMask, m.GCBSSMask, m.Next = there.GCDataMask, there.GCBSSMask, there.Next
	}
	return &m, at
}

// section visits the pointers of one section. Which words are pointers the
// process has as a bitmap, and the module as a program that makes it; without
// either every word may be one.
func (r *Reader) section(name string, at image.Range, mask exe.BitVector, program image.Addr, visit func(Slot)) {
	if at.Len() < 8 {
		return
	}
	words := at.Len() / 8
	data, err := r.p.Image.Bytes(mask.Data, (words+7)/8)
	switch {
	case mask.Data != 0 && err == nil:
	case words > r.memory.bytes():
		err = fmt.Errorf("a section of %d words", words)
	default:
		data, err = unroll(r.p.Image, program, words)
	}
	if err != nil {
		r.gap(fmt.Sprintf("where the pointers of a module's %s are (%v): every word counts as one", name, err), at.Start, 0)
	}
	if lost := r.p.Image.Missing(at); lost > 0 {
		r.gap("global variables in a module's "+name, at.Start, lost)
	}
	slot := Slot{Kind: Global, Conservative: err != nil}
	r.memory.present(at, func(start image.Addr, run []byte) {
		first := uint64(start-at.Start) / 8
		for i := first &^ 7; i < first+uint64(len(run))/8; i += 8 {
			b := byte(0xff)
			if err == nil {
				b = data[i/8]
			}
			for ; b != 0; b &= b - 1 {
				w := i + uint64(bits.TrailingZeros8(b)) - first
				if w >= uint64(len(run))/8 {
					continue // before the run, or behind it
				}
				slot.At = start + image.Addr(8*w)
				if slot.Value = image.Addr(r.memory.order.Uint64(run[8*w:])); slot.Value != 0 {
					visit(slot)
				}
			}
		}
	})
}
