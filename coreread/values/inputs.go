package values

import (
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-delve/delve/pkg/goversion"
)

// inputs are the two files, opened and looked at before Delve sees them.
type inputs struct {
	coreName, binaryName string // base names, for errors
	goVersion            string
	core, binary         *os.File
	coreELF, binaryELF   *elf.File
}

func openInputs(corePath, binaryPath string) (_ *inputs, err error) {
	in := &inputs{coreName: filepath.Base(corePath), binaryName: filepath.Base(binaryPath)}
	defer func() {
		if err != nil {
			in.close()
		}
	}()
	if in.binary, err = os.Open(binaryPath); err != nil {
		return nil, err
	}
	if in.core, err = os.Open(corePath); err != nil {
		return nil, err
	}
	// debug/elf and debug/buildinfo can panic on crafted files.
	err = recovered("reading "+in.binaryName, in.readBinary)
	if err == nil {
		err = recovered("reading "+in.coreName, in.readCore)
	}
	if err != nil {
		return nil, err
	}
	return in, nil
}

func (in *inputs) close() {
	for _, f := range []*os.File{in.core, in.binary} {
		if f != nil {
			f.Close()
		}
	}
}

func (in *inputs) readBinary() (err error) {
	if in.binaryELF, err = elf.NewFile(in.binary); err != nil {
		return err
	}
	if m := in.binaryELF.Machine; m != elf.EM_X86_64 && m != elf.EM_AARCH64 {
		return &UnsupportedError{What: "values need a program for amd64 or arm64", Version: "of " + m.String()}
	}
	info, err := buildinfo.Read(in.binary)
	if err != nil {
		return err
	}
	in.goVersion = info.GoVersion
	return checkVersion(info.GoVersion)
}

// checkVersion refuses the Go versions that Delve does not declare to read (its pkg/goversion/compat.go): it would
// open them, and be silently wrong about them.
func checkVersion(version string) error {
	const oldest, newest = "go1.25", "go1.27" // held against Delve's own constants by a test
	plain, _, _ := strings.Cut(version, " ")  // without " X:experiment"
	v, ok := goversion.Parse(plain)
	switch {
	case !ok || v.Major < 1:
		return &UnsupportedError{What: "values need a released version of Go", Version: printable(version, maxReason)}
	case v.Major < goversion.MinSupportedVersionOfGoMajor ||
		v.Major == goversion.MinSupportedVersionOfGoMajor && v.Minor < goversion.MinSupportedVersionOfGoMinor:
		return &UnsupportedError{What: "values need Go " + oldest[2:] + " or newer", Version: printable(plain, maxReason)}
	case v.Major > goversion.MaxSupportedVersionOfGoMajor ||
		v.Major == goversion.MaxSupportedVersionOfGoMajor && v.Minor > goversion.MaxSupportedVersionOfGoMinor:
		return &UnsupportedError{What: "values of Go newer than " + newest[2:] + " cannot be read yet", Version: printable(plain, maxReason)}
	}
	return nil
}

// readCore refuses what Delve panics on (a core without PT_NOTE), and notes whose sizes would make it allocate more
// than the file holds.
func (in *inputs) readCore() (err error) {
	if in.coreELF, err = elf.NewFile(in.core); err != nil {
		return err
	}
	if in.coreELF.Type != elf.ET_CORE {
		return fmt.Errorf("it is %v, not a core", in.coreELF.Type)
	}
	if in.coreELF.Machine != in.binaryELF.Machine {
		return fmt.Errorf("it is of a machine (%v) other than the binary's (%v)", in.coreELF.Machine, in.binaryELF.Machine)
	}
	for _, p := range in.coreELF.Progs {
		if p.Type == elf.PT_NOTE {
			return in.checkNotes(p) // Delve reads the first one only
		}
	}
	return fmt.Errorf("it has no PT_NOTE, so no registers: it was cut, or is not a whole core")
}

// checkNotes walks the note headers (12 bytes: sizes of name and descriptor, type; both padded to 4).
func (in *inputs) checkNotes(p *elf.Prog) error {
	order := in.coreELF.ByteOrder
	var header [12]byte
	for at := uint64(0); at < p.Filesz; {
		if _, err := p.ReadAt(header[:], int64(at)); err != nil {
			return fmt.Errorf("note at offset %#x: %w: the file was cut", p.Off+at, err)
		}
		name, desc := uint64(order.Uint32(header[0:])), uint64(order.Uint32(header[4:]))
		next := at + uint64(len(header)) + (name+3)&^3 + (desc+3)&^3
		if next > (p.Filesz+3)&^3 {
			return fmt.Errorf("note at offset %#x: %d bytes are more than its segment has", p.Off+at, name+desc)
		}
		at = next
	}
	return nil
}

// checkDWARF makes sure that Delve finds DWARF in the binary itself. It asks what Delve asks, since where the answer
// is no, Delve looks for a separate file on this host, runs debuginfod-find, and prints a warning on stderr
// (openSeparateDebugInfo in its pkg/proc/bininfo.go).
func (in *inputs) checkDWARF() error {
	if in.binaryELF.Section(".debug_info") == nil && in.binaryELF.Section(".zdebug_info") == nil {
		return ErrNoDWARF
	}
	data, err := in.binaryELF.DWARF()
	if err == nil {
		err = in.rehearse(data)
	}
	if err != nil {
		return fmt.Errorf("%s: its DWARF is damaged: %w", in.binaryName, err)
	}
	return nil
}
