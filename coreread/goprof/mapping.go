package goprof

import (
	"debug/elf"
	"strings"

	"github.com/google/pprof/profile"

	"postmortem/coreread/image"
)

// mappings returns what was mapped as code, by address, as runtime/pprof finds it
// in /proc/self/maps (proto.go, parseProcSelfMaps). The build id is known of the
// binary alone, and only a GNU one is given: tools compare it with the file's.
func (ps *Profiles) mappings() []*profile.Mapping {
	var list []*profile.Mapping
	add := func(r image.Range, offset uint64, file, buildID string) {
		list = append(list, &profile.Mapping{
			ID: uint64(len(list) + 1), Start: uint64(r.Start), Limit: uint64(r.End), Offset: offset, File: file, BuildID: buildID,
		})
	}
	core := ps.p.Core
	if len(core.Files) == 0 { // the core does not say what was mapped
		for _, s := range ps.p.Exe.Segments() {
			if s.Flags&elf.PF_X != 0 {
				r := wholePages(image.Range{Start: s.Start.Add(ps.p.Bias), End: s.End.Add(ps.p.Bias)})
				add(r, s.Offset&^(pageBytes-1), ps.p.Exe.Name(), ps.p.Exe.GNUBuildID())
			}
		}
		return list
	}
	program := ps.programPath()
	for _, s := range core.Segments {
		if s.Flags&elf.PF_X == 0 {
			continue
		}
		f, ok := core.FileAt(s.Start)
		switch {
		case ok && f.Path == program:
			add(s.Range, f.Offset+uint64(s.Start-f.Start), fileName(f.Path), ps.p.Exe.GNUBuildID())
		case ok:
			add(s.Range, f.Offset+uint64(s.Start-f.Start), fileName(f.Path), "")
		case ps.isVDSO(s.Range):
			add(s.Range, 0, "[vdso]", "")
		}
	}
	return list
}

// programPath returns the path that the process's binary was mapped from, "" when
// the core does not say.
func (ps *Profiles) programPath() string {
	f, _ := ps.p.Core.FileAt(ps.p.Exe.Module().Text.Add(ps.p.Bias))
	return f.Path
}

// fileName returns a path without the mark of the kernel that the file is gone.
func fileName(path string) string { return strings.TrimSuffix(path, " (deleted)") }

// isVDSO reports whether r is the code that the kernel maps into every process.
func (ps *Profiles) isVDSO(r image.Range) bool {
	at, ok := ps.p.Core.Auxv[auxSysinfoEHDR]
	return ok && r.Contains(image.Addr(at))
}

const (
	pageBytes      = 4 << 10
	auxSysinfoEHDR = 33 // include/uapi/linux/auxvec.h
)

func wholePages(r image.Range) image.Range {
	return image.Range{Start: r.Start &^ (pageBytes - 1), End: (r.End + pageBytes - 1) &^ (pageBytes - 1)}
}
