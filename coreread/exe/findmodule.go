package exe

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"postmortem/coreread/image"
)

// Magic numbers of the function table (internal/abi/symtab.go). 1.16 and 1.17
// are known only to say so.
const (
	magic116 = 0xfffffffa
	magic118 = 0xfffffff0
	magic120 = 0xfffffff1
)

// findModule finds the function table, by section or by its magic number, and
// the module data that points to it; then it knows which release's tables fit.
func (b *Binary) findModule() error {
	if minor := minorVersion(b.goVersion); minor != 0 && minor < firstRelease {
		return &UnsupportedError{What: b.name + ": programs built by Go before 1.18 cannot be read", Version: b.goVersion}
	}
	var causes error
	for _, header := range b.pclnHeaders() {
		err := b.tryHeader(header)
		if err == nil {
			return nil
		}
		causes = errors.Join(causes, err)
	}
	var unsupported *UnsupportedError
	switch {
	case errors.As(causes, &unsupported):
		return unsupported
	case causes != nil:
		return fmt.Errorf("%s (%s): finding the module data: %w", b.name, cmp.Or(b.goVersion, "unknown Go version"), causes)
	case b.segmentsCut():
		return b.notGo("no function table (pclntab); the file is cut, take it from its origin again")
	case b.build != nil:
		return b.notGo("no function table (pclntab), though built by " + b.goVersion + "; the file is damaged, compressed by a packer, or holds debug information only")
	}
	return b.notGo("no function table (pclntab) and no build information; it is no Go program")
}

func (b *Binary) segmentsCut() bool {
	return slices.ContainsFunc(b.segments, func(s Segment) bool { return s.Cut > 0 })
}

// maxHeaders bounds the places that look like a function table which are tried.
const maxHeaders = 16

// pclnHeaders returns where a function table may begin, the likeliest first.
func (b *Binary) pclnHeaders() []image.Addr {
	var headers []image.Addr
	add := func(a image.Addr) {
		if len(headers) < maxHeaders && !slices.Contains(headers, a) {
			headers = append(headers, a)
		}
	}
	// .data.rel.ro.gopclntab in position-independent binaries until 1.25. The
	// GNU linkers merge it into .data.rel.ro, so the section may be gone.
	if s, ok := b.file.section(".gopclntab", ".data.rel.ro.gopclntab"); ok && b.hasHeader(s.Start) {
		add(s.Start)
		return headers
	}
	if s, ok := b.Symbol("runtime.pclntab"); ok && b.hasHeader(s.Addr) {
		add(s.Addr)
		return headers
	}
	for i, data := range b.memory.segments {
		for _, magic := range []uint32{magic120, magic118, magic116} {
			pattern := binary.LittleEndian.AppendUint32(nil, magic)
			pattern = append(pattern, 0, 0, b.quantum(), 8)
			for at := 0; len(headers) < maxHeaders; at++ {
				j := bytes.Index(data[at:], pattern)
				if j < 0 {
					break
				}
				at += j
				if a := b.segments[i].Start + image.Addr(at); a%8 == 0 && b.hasHeader(a) {
					add(a)
				}
			}
		}
	}
	return headers
}

// quantum returns the size of the smallest instruction (bytes).
func (b *Binary) quantum() byte {
	if b.Machine() == elf.EM_AARCH64 {
		return 4
	}
	return 1
}

// hasHeader reports whether a function table may begin at a.
func (b *Binary) hasHeader(a image.Addr) bool {
	s, ok := b.memory.image.SegmentAt(a)
	if !ok {
		return false
	}
	_, err := parsePCHeader(s.Data[a-s.Start:], b.quantum())
	return err == nil
}

// tryHeader takes the function table at header and the module data that points
// to it, if they fit each other.
func (b *Binary) tryHeader(header image.Addr) error {
	s, _ := b.memory.image.SegmentAt(header)
	table, err := parsePCHeader(s.Data[header-s.Start:], b.quantum())
	if err != nil {
		return fmt.Errorf("function table at %v: %w", header, err)
	}
	if table.magic == magic116 {
		return &UnsupportedError{What: b.name + ": programs built by Go before 1.18 cannot be read", Version: cmp.Or(b.goVersion, "go1.16 or go1.17")}
	}
	var causes error
	for _, addr := range b.moduleCandidates(header) {
		for _, minor := range b.candidateReleases(table.magic) {
			module, err := layoutOfRelease(minor).decode(b.memory.image, addr)
			if err == nil {
				err = module.plausible(header)
			}
			if err == nil {
				err = module.checkSlices(b.memory.image)
			}
			if err == nil {
				err = b.use(module, minor, header)
			}
			if err == nil && !b.releaseKnown() {
				err = b.confirmModule()
			}
			if err == nil {
				return nil
			}
			causes = errors.Join(causes, fmt.Errorf("module data at %v read as go1.%d: %w", addr, minor, err))
		}
	}
	if causes == nil {
		causes = fmt.Errorf("nothing in the data segment points to the function table at %v", header)
	}
	return causes
}

// releaseKnown reports whether the binary says its version and the version has tables.
func (b *Binary) releaseKnown() bool { return knownRelease(minorVersion(b.goVersion)) }

// candidateReleases returns the releases whose tables may fit: the binary's own,
// or, when it names none that has tables, those of its magic number, newest first.
func (b *Binary) candidateReleases(magic uint32) []int {
	if b.releaseKnown() {
		return []int{minorVersion(b.goVersion)}
	}
	var out []int
	for minor := lastRelease; minor >= firstRelease; minor-- {
		if (magic == magic118) == (minor < 20) {
			out = append(out, minor)
		}
	}
	return out
}

// moduleCandidates returns where runtime.firstmoduledata may be: by its section
// (1.26+), its symbol, or by whatever points to the function table.
func (b *Binary) moduleCandidates(header image.Addr) []image.Addr {
	var found []image.Addr
	add := func(a image.Addr) {
		if word, err := b.memory.image.Addr(a); err == nil && word == header && !slices.Contains(found, a) {
			found = append(found, a)
		}
	}
	if s, ok := b.file.section(".go.module"); ok {
		add(s.Start)
	}
	if s, ok := b.Symbol("runtime.firstmoduledata"); ok && len(found) == 0 {
		add(s.Addr)
	}
	if len(found) > 0 {
		return found
	}
	want := binary.LittleEndian.AppendUint64(nil, uint64(header))
	for i, data := range b.memory.segments {
		if !b.segments[i].Writable() {
			continue
		}
		for at := 0; len(found) < maxHeaders; at++ {
			j := bytes.Index(data[at:], want)
			if j < 0 {
				break
			}
			at += j
			if a := b.segments[i].Start + image.Addr(at); a%8 == 0 {
				add(a)
			}
		}
	}
	return found
}

// use makes module the binary's own if its function table can be read.
func (b *Binary) use(module *ModuleData, minor int, header image.Addr) error {
	funcs, err := newFuncTable(b.memory.image, module, minor, b.quantum())
	if err != nil {
		return fmt.Errorf("function table at %v: %w", header, err)
	}
	b.module, b.release, b.funcs = module, minor, funcs
	b.types = newTypes(b)
	return nil
}

// confirmModule holds the layout that was tried for an unknown version against
// what the binary itself says: its descriptor of runtime.moduledata, else DWARF.
func (b *Binary) confirmModule() error {
	layout, err := b.describedModule()
	if err != nil {
		return &UnsupportedError{What: fmt.Sprintf("%s: built by a Go version that no table knows, and it does not describe its own module data (%v)", b.name, err), Version: cmp.Or(b.goVersion, "no version given")}
	}
	for _, f := range moduleFields {
		want, given := layout.offsets[f.name]
		have, tabled := b.module.layout.offsets[f.name]
		if f.set != nil && (given != tabled || want != have) {
			return b.reread(layout)
		}
	}
	b.module.layout = layout
	return nil
}

// reread decodes the module data again by the binary's own description.
func (b *Binary) reread(layout *moduleLayout) error {
	header := b.module.PCHeader
	module, err := layout.decode(b.memory.image, b.module.Addr)
	if err == nil {
		err = module.plausible(header)
	}
	if err == nil {
		err = module.checkSlices(b.memory.image)
	}
	if err == nil {
		err = b.use(module, b.release, header)
	}
	if err != nil {
		return fmt.Errorf("%s (%s): module data at %v by the binary's own description: %w", b.name, cmp.Or(b.goVersion, "unknown Go version"), b.module.Addr, err)
	}
	return nil
}

// describedModule returns the layout of runtime.moduledata in the binary's own words.
func (b *Binary) describedModule() (*moduleLayout, error) {
	t, err := b.types.Struct("runtime.moduledata")
	if err != nil {
		var dwarfErr error
		if t, dwarfErr = b.dwarfStruct("runtime.moduledata"); dwarfErr != nil {
			return nil, errors.Join(err, dwarfErr)
		}
	}
	layout := &moduleLayout{offsets: make(map[string]uint64), size: t.Size}
	for _, f := range t.Fields {
		layout.offsets[f.Name] = f.Offset
	}
	return layout, nil
}
