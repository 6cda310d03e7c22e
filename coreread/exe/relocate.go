package exe

import (
	"debug/elf"
	"fmt"
	mathbits "math/bits"
	"slices"

	"postmortem/coreread/image"
	"postmortem/coreread/input"
)

// relocations are what the dynamic loader has to do to the binary's words, in
// the two forms of which the result is known without other libraries: RELA
// entries of the kind RELATIVE (word = bias + addend) and RELR (word += bias).
// Words that other kinds fill (GLOB_DAT, JUMP_SLOT, TPOFF64, …) are only noted.
type relocations struct {
	rela     []byte        // ELF-64 Rela entries, 24 bytes each
	jmprel   []byte        // those for the procedure linkage table
	relr     []byte        // 8 bytes each
	relative uint32        // this machine's number of the kind RELATIVE
	loader   []image.Range // words that the loader keeps for itself
}

const (
	relaBytes = 24
	dynBytes  = 16
)

// readRelocations finds the tables by PT_DYNAMIC. A static binary has none.
func readRelocations(f *elfFile, segments []Segment) (*relocations, error) {
	r := &relocations{relative: uint32(elf.R_X86_64_RELATIVE)}
	if f.elf.Machine == elf.EM_AARCH64 {
		r.relative = uint32(elf.R_AARCH64_RELATIVE)
	}
	p := f.program(elf.PT_DYNAMIC)
	if p == nil {
		return r, nil
	}
	dynamic := f.bytes(p.Off, p.Filesz)
	if dynamic == nil {
		return nil, &input.FormatError{File: f.name, Offset: int64(p.Off), Want: fmt.Sprintf("%d bytes of dynamic section", p.Filesz), Got: "the end of the file; it was cut when it was copied"}
	}
	tag := make(map[elf.DynTag]uint64)
	for i := 0; i+dynBytes <= len(dynamic); i += dynBytes {
		key, value := elf.DynTag(order.Uint64(dynamic[i:])), order.Uint64(dynamic[i+8:])
		if key == elf.DT_NULL {
			break
		}
		tag[key] = value
	}
	// glibc adds the bias to addresses in the dynamic section itself, and sets
	// DT_DEBUG (elf/get-dynamic-info.h, elf/rtld.c).
	r.loader = append(r.loader, image.Range{Start: image.Addr(p.Vaddr), End: image.Addr(p.Vaddr + p.Memsz)})
	if got := image.Addr(tag[elf.DT_PLTGOT]); got != 0 {
		// The second and third word are for lazy binding (x86-64 and AArch64 psABI, procedure linkage table).
		r.loader = append(r.loader, image.Range{Start: got + 8, End: got + 24})
	}
	table := func(what string, at, size elf.DynTag) (data []byte, err error) {
		if tag[at] == 0 || tag[size] == 0 {
			return nil, nil
		}
		if data = fileBytesAt(f, segments, image.Addr(tag[at]), tag[size]); data == nil {
			err = &input.FormatError{File: f.name, Offset: int64(p.Off), Want: "a table of " + what,
				Got: fmt.Sprintf("%#x bytes at address %#x, which the file does not hold", tag[size], tag[at])}
		}
		return data, err
	}
	var err error
	if r.rela, err = table("relocations (DT_RELA)", elf.DT_RELA, elf.DT_RELASZ); err != nil {
		return nil, err
	}
	if r.jmprel, err = table("relocations (DT_JMPREL)", elf.DT_JMPREL, elf.DT_PLTRELSZ); err != nil {
		return nil, err
	}
	// Tag numbers of the generic ABI's RELR extension; debug/elf has no names for them.
	const dtRELRSZ, dtRELR = elf.DynTag(35), elf.DynTag(36)
	if r.relr, err = table("relative relocations (DT_RELR)", dtRELR, dtRELRSZ); err != nil {
		return nil, err
	}
	return r, r.checkCount(f, int64(p.Off))
}

// checkCount refuses bitmaps that name more words than the file has: they would
// cost time out of proportion to the file.
func (r *relocations) checkCount(f *elfFile, offset int64) error {
	words, limit := 0, len(f.data)/8
	for i := 0; i+8 <= len(r.relr); i += 8 {
		if entry := order.Uint64(r.relr[i:]); entry&1 != 0 {
			words += mathbits.OnesCount64(entry >> 1)
		} else {
			words++
		}
	}
	if words > limit {
		return &input.FormatError{File: f.name, Offset: offset, Want: fmt.Sprintf("at most %d relocations", limit), Got: fmt.Sprintf("%d; the file is damaged", words)}
	}
	return nil
}

// fileBytesAt returns the n bytes that one segment's file part holds at a, nil when none does.
func fileBytesAt(f *elfFile, segments []Segment, a image.Addr, n uint64) []byte {
	for i := range segments {
		s := &segments[i]
		if off := uint64(a - s.Start); a >= s.Start && off <= s.FileBytes && n <= s.FileBytes-off {
			return f.bytes(s.Offset+off, n)
		}
	}
	return nil
}

// eachRela calls relative for words to be set to bias + addend.
func (r *relocations) eachRela(relative func(at image.Addr, addend int64)) {
	for i := 0; i+relaBytes <= len(r.rela); i += relaBytes {
		if e := r.rela[i : i+relaBytes]; order.Uint32(e[8:]) == r.relative {
			relative(image.Addr(order.Uint64(e)), int64(order.Uint64(e[16:])))
		}
	}
}

// eachRelr calls relative for words to which the bias is added. An even entry
// is an address, an odd one a bitmap of the 63 words after the last word covered
// (System V ABI, generic part, "Relative Relocation Table").
func (r *relocations) eachRelr(relative func(at image.Addr)) {
	var next image.Addr
	for i := 0; i+8 <= len(r.relr); i += 8 {
		entry := order.Uint64(r.relr[i:])
		if entry&1 == 0 {
			relative(image.Addr(entry))
			next = image.Addr(entry) + 8
			continue
		}
		for bits := entry >> 1; bits != 0; bits &= bits - 1 {
			relative(next + image.Addr(8*mathbits.TrailingZeros64(bits)))
		}
		next += 63 * 8
	}
}

// unresolved returns the memory that the loader fills with what this file does
// not tell, sorted and joined.
func (r *relocations) unresolved() []image.Range {
	words := slices.Clone(r.loader)
	for _, table := range [][]byte{r.rela, r.jmprel} {
		for i := 0; i+relaBytes <= len(table); i += relaBytes {
			e := table[i : i+relaBytes]
			// R_*_NONE is 0 for both machines.
			if kind := order.Uint32(e[8:]); kind != 0 && kind != r.relative {
				at := image.Addr(order.Uint64(e))
				words = append(words, image.Range{Start: at, End: at + 8})
			}
		}
	}
	slices.SortFunc(words, func(a, b image.Range) int { return int(min(max(a.Start.Sub(b.Start), -1), 1)) })
	joined := words[:0]
	for _, w := range words {
		if w.End < w.Start {
			continue
		}
		if n := len(joined); n > 0 && w.Start <= joined[n-1].End {
			joined[n-1].End = max(joined[n-1].End, w.End)
			continue
		}
		joined = append(joined, w)
	}
	return joined
}

// touches reports whether a relocation changes a byte of r.
func (r *relocations) touches(span image.Range) bool {
	found := false
	check := func(at image.Addr) { found = found || at < span.End && at+8 > span.Start && at+8 > at }
	r.eachRela(func(at image.Addr, _ int64) { check(at) })
	r.eachRelr(check)
	return found
}

// apply relocates data, which stands at start, for a load at bias. Words that
// data holds only in part stay as they are.
func (r *relocations) apply(data []byte, start image.Addr, bias int64) {
	word := func(at image.Addr) []byte {
		off := uint64(at - start)
		if at < start || off > uint64(len(data)) || uint64(len(data))-off < 8 {
			return nil
		}
		return data[off : off+8]
	}
	r.eachRela(func(at image.Addr, addend int64) {
		if w := word(at); w != nil {
			order.PutUint64(w, uint64(addend+bias))
		}
	})
	if bias == 0 {
		return // RELR entries add nothing, and their pages stay the file's
	}
	r.eachRelr(func(at image.Addr) {
		if w := word(at); w != nil {
			order.PutUint64(w, order.Uint64(w)+uint64(bias))
		}
	})
}
