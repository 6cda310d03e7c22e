package layout

import (
	"debug/elf"
	"errors"

	"postmortem/coreread/exe"
	"postmortem/coreread/layout/internal/shape"
)

// Self is a binary that says of itself what a test wants.
type Self struct {
	Descriptors map[string]*shape.Type
	DWARF       *shape.DWARF
	Sizes       map[string]uint64
	Strings     map[string][]string
}

func (s *Self) descriptor(name string) (*shape.Type, error) {
	if t := s.Descriptors[name]; t != nil {
		return t, nil
	}
	return nil, errors.New("none")
}

func (s *Self) dwarf() (*shape.DWARF, error) { return s.DWARF, nil }

func (s *Self) variableSize(name string) (uint64, bool) {
	size, ok := s.Sizes[name]
	return size, ok
}

func (s *Self) strings(name string) ([]string, bool) {
	v, ok := s.Strings[name]
	return v, ok
}

// ResolveSelf is Resolve for a binary that is no file.
func ResolveSelf(version, arch string, s *Self) (*Layout, error) {
	v, err := ParseVersion(version)
	if err != nil {
		return nil, err
	}
	machine := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "riscv64": elf.EM_RISCV}[arch]
	return resolve(v, machine, s)
}

// ResolveAs is Resolve for a binary that calls itself another version.
func ResolveAs(b *exe.Binary, version string) (*Layout, error) {
	v, err := ParseVersion(version)
	if err != nil {
		return nil, err
	}
	return resolve(v, b.Machine(), &binary{b})
}
