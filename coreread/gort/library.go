package gort

import (
	"fmt"
	"path"
	"sort"

	"postmortem/coreread/image"
)

// Place is an address by the file that was mapped there.
type Place struct {
	Name string // base name of the file, or "[vdso]"
	// Offset is the address in the file's own, unrelocated terms, as objdump has
	// it: for a library and the vDSO the distance from where it was loaded.
	Offset uint64
}

func (pl Place) String() string { return fmt.Sprintf("%s+%#x", pl.Name, pl.Offset) }

// library is a run of a mapped file.
type library struct {
	image.Range
	name string
	base image.Addr // where the file's first byte would lie
}

// Place says which file the code at pc comes from; not ok for memory that no
// file is behind, and where the core has no list of files.
func (p *Process) Place(pc image.Addr) (Place, bool) {
	if p.vdso.Contains(pc) {
		return Place{"[vdso]", uint64(pc - p.vdso.Start)}, true
	}
	static := p.static(pc)
	for _, s := range p.Exe.Segments() {
		if s.Contains(static) {
			return Place{p.Exe.Name(), uint64(static)}, true
		}
	}
	libraries := p.libraries()
	i := sort.Search(len(libraries), func(i int) bool { return libraries[i].End > pc })
	if i == len(libraries) || !libraries[i].Contains(pc) {
		return Place{}, false
	}
	return Place{libraries[i].name, uint64(pc - libraries[i].base)}, true
}

// libraries returns the mapped files by address.
func (p *Process) libraries() []library {
	if p.once.libraries != nil {
		return p.once.libraries
	}
	list := make([]library, 0, len(p.Core.Files))
	base := make(map[string]image.Addr)
	files := append(p.Core.Files[:0:0], p.Core.Files...)
	sort.SliceStable(files, func(i, j int) bool { return files[i].Start < files[j].Start })
	for _, f := range files {
		// The lowest mapping starts with the file's header; a later one of the
		// same file at offset 0 is another copy.
		if _, ok := base[f.Path]; !ok || f.Offset == 0 {
			base[f.Path] = f.Start - image.Addr(f.Offset)
		}
		list = append(list, library{Range: f.Range, name: path.Base(f.Path), base: base[f.Path]})
	}
	p.once.libraries = list
	return list
}

// describeCode names what lies at pc for a reader: Go function, place in a
// file, or the bare address.
func (p *Process) describeCode(pc image.Addr) string {
	if fn, ok := p.FuncAt(pc); ok {
		return fn.Name()
	}
	if place, ok := p.Place(pc); ok {
		return place.String()
	}
	return pc.String()
}

// maxInstruction is the longest instruction of any architecture that Go runs on, in bytes.
const maxInstruction = 16

// InstructionBytes returns up to 16 bytes of code from pc on: fewer where the
// image ends, none where it holds nothing.
func (p *Process) InstructionBytes(pc image.Addr) []byte {
	return p.Image.Present(image.Range{Start: pc, End: pc + maxInstruction})
}
