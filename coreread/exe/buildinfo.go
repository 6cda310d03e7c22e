package exe

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"

	"postmortem/coreread/image"
	"postmortem/coreread/input"
)

// ErrNoBuildInfo says that a binary or process has no Go build information. It
// is then no Go program, or one whose data segment is lost.
var ErrNoBuildInfo = errors.New("no Go build information (.go.buildinfo)")

// The build information blob, cmd/link/internal/ld/data.go (buildinfo), 1.18 and newer.
const (
	buildInfoMagic  = "\xff Go buildinf:"
	buildInfoAlign  = 16
	buildInfoHeader = 32 // magic, pointer size, flags, padding
	buildInfoFlags  = 15
	flagInline      = 2 // strings follow the header; always set since 1.18
	maxBuildInfo    = 1 << 24
	maxVersion      = 256 // bytes
	maxBlobs        = 64  // places that begin like a blob, tried in one piece of memory
	maxDataSegment  = 1 << 32
	modInfoMarker   = 16 // bytes around the module text (runtime/debug/mod.go)
)

// BuildInfo returns what `go version -m` shows. The error is ErrNoBuildInfo
// when the binary has none.
func (b *Binary) BuildInfo() (*debug.BuildInfo, error) {
	if b.build == nil {
		return nil, fmt.Errorf("%s: %w", b.name, b.buildErr)
	}
	return b.build, nil
}

// GoVersion returns the version of the toolchain with its experiments, like
// "go1.25.4 X:greenteagc"; "" when the binary does not say.
func (b *Binary) GoVersion() string { return b.goVersion }

// readBuildInfo finds the blob by its section, else where the linker puts it:
// in a writable segment.
func (b *Binary) readBuildInfo() {
	b.buildErr = ErrNoBuildInfo
	if s, ok := b.file.section(".go.buildinfo"); ok {
		b.build, b.buildErr = findBuildInfo(s.data)
	}
	for i := range b.segments {
		if b.build == nil && b.segments[i].Writable() {
			b.build, b.buildErr = findBuildInfo(b.memory.segments[i])
		}
	}
	if b.build != nil {
		b.goVersion = b.build.GoVersion
	}
	if b.goVersion == "" {
		b.goVersion = b.runtimeBuildVersion()
	}
}

// runtimeBuildVersion reads the string variable runtime.buildVersion, "" without symbol table.
func (b *Binary) runtimeBuildVersion() string {
	s, ok := b.Symbol("runtime.buildVersion")
	if !ok {
		return ""
	}
	c := b.memory.image.Cursor()
	data, n := c.Addr(s.Addr), c.Uint64(s.Addr+8)
	if c.Err() != nil || n > 256 {
		return ""
	}
	text, err := b.memory.image.Bytes(data, n)
	if err != nil || minorVersion(string(text)) == 0 {
		return ""
	}
	return string(text)
}

// BuildInfoIn finds the build information of an ELF file in memory: base is the
// address of its first byte. The blob lies in the data segment, which every core
// holds. The error wraps ErrNoBuildInfo when m holds none.
func BuildInfoIn(m *image.Image, base image.Addr) (*debug.BuildInfo, error) {
	mapped, err := readMapped(m, base)
	if err != nil {
		return nil, fmt.Errorf("reading the ELF headers at %v: %w", base, err)
	}
	for _, p := range mapped.elf.Progs {
		if p.Type != elf.PT_LOAD || p.Flags&elf.PF_W == 0 || p.Filesz > maxDataSegment {
			continue
		}
		at := image.Addr(p.Vaddr).Add(mapped.bias)
		end := at.Add(int64(p.Filesz))
		for at < end {
			segment, ok := m.SegmentAt(at)
			if !ok {
				break
			}
			if info, err := findBuildInfo(m.Present(image.Range{Start: at, End: end})); err == nil {
				return info, nil
			}
			at = segment.End
		}
	}
	return nil, fmt.Errorf("data segments of the ELF file at %v: %w", base, ErrNoBuildInfo)
}

// findBuildInfo returns the first valid blob in data. The linker aligns it to
// 16 bytes in memory, and segments are mapped by pages; a piece of memory that
// begins elsewhere is searched all the same.
func findBuildInfo(data []byte) (*debug.BuildInfo, error) {
	at := 0
	for range maxBlobs {
		i := bytes.Index(data[at:], []byte(buildInfoMagic))
		if i < 0 {
			break
		}
		at += i
		if info, err := parseBuildInfo(data[at:]); err == nil {
			return info, nil
		}
		at += len(buildInfoMagic)
	}
	return nil, ErrNoBuildInfo
}

func parseBuildInfo(blob []byte) (*debug.BuildInfo, error) {
	if len(blob) < buildInfoHeader || blob[buildInfoFlags]&flagInline == 0 {
		return nil, ErrNoBuildInfo
	}
	version, rest, ok := lengthPrefixed(blob[buildInfoHeader:])
	if !ok || version == "" || len(version) > maxVersion {
		return nil, ErrNoBuildInfo
	}
	info := &debug.BuildInfo{}
	if mod, _, ok := lengthPrefixed(rest); ok && len(mod) >= 2*modInfoMarker {
		parsed, err := debug.ParseBuildInfo(mod[modInfoMarker : len(mod)-modInfoMarker])
		if err != nil {
			return nil, fmt.Errorf("module information of the build: %w", err)
		}
		info = parsed
	}
	info.GoVersion = version
	return info, nil
}

// lengthPrefixed splits off a string that a varint length precedes.
func lengthPrefixed(data []byte) (s string, rest []byte, ok bool) {
	n, used := binary.Uvarint(data)
	if used <= 0 || n > maxBuildInfo || n > uint64(len(data)-used) {
		return "", nil, false
	}
	return string(data[used : used+int(n)]), data[used+int(n):], true
}

// minorVersion returns 22 of "go1.22.3", "devel go1.22-8cfd…" and
// "go1.22.3 X:boringcrypto"; 0 when there is no such number.
func minorVersion(version string) int {
	_, rest, ok := strings.Cut(version, "go1.")
	if !ok {
		return 0
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end >= 0 {
		rest = rest[:end]
	}
	n, err := strconv.Atoi(rest)
	if err != nil || n > 1<<16 {
		return 0
	}
	return n
}

// notGo is the complaint about an executable that holds no Go program.
func (b *Binary) notGo(why string) error {
	return &input.FormatError{File: b.name, Want: "a program built by Go 1.18 or newer", Got: why}
}
