// Package coreread opens a core file and the binary of its process and hands
// out what can be read from them: the memory, the threads and the Go runtime.
//
// It is the only door to its subpackages that a caller needs for opening; what
// the runtime's state means is for others to say.
package coreread

import (
	"context"
	"errors"
	"fmt"

	"postmortem/coreread/elfcore"
	"postmortem/coreread/exe"
	"postmortem/coreread/gort"
	"postmortem/coreread/image"
	"postmortem/coreread/input"
	"postmortem/coreread/layout"
)

// Config says what to open and how.
type Config struct {
	Core      string // path, or "-" for standard input
	Binary    string // path; empty to look for it in BinaryDir
	BinaryDir string
	Force     bool // go on although core and binary are of different builds
	Input     input.Options
}

// Snapshot is a process as its core shows it.
type Snapshot struct {
	Core     *elfcore.Core
	Exe      *exe.Binary
	Runtime  *gort.Process
	Identity Identity
	Bias     int64 // process address minus the binary's own address

	// Absent is the memory of the process that neither core nor binary holds,
	// without the dynamic loader's own code: no Go code is in it.
	Absent []elfcore.Missing

	coreFile, binaryFile *input.File
}

// AbsentBytes returns the size of Absent.
func (s *Snapshot) AbsentBytes() uint64 {
	var n uint64
	for _, r := range s.Absent {
		n += r.Len()
	}
	return n
}

// Close unmaps the files; nothing that came from the snapshot may be used afterwards.
func (s *Snapshot) Close() error {
	return errors.Join(s.Exe.Close(), closeFile(s.coreFile), closeFile(s.binaryFile))
}

func closeFile(f *input.File) error {
	if f == nil {
		return nil
	}
	return f.Close()
}

// CoreFile returns the opened core, unpacked.
func (s *Snapshot) CoreFile() *input.File { return s.coreFile }

// BinaryFile returns the opened binary, unpacked.
func (s *Snapshot) BinaryFile() *input.File { return s.binaryFile }

// Open reads the core and its binary, checks that they belong together and
// finds the runtime. A binary of another build is a *MismatchError unless
// cfg.Force is set. When ctx ends later on, so do the walks of deep stacks.
func Open(ctx context.Context, cfg Config) (_ *Snapshot, err error) {
	core, err := input.Open(ctx, cfg.Core, cfg.Input)
	if err != nil {
		return nil, err
	}
	files := []*input.File{core}
	defer func() {
		if err != nil {
			for _, f := range files {
				err = errors.Join(err, f.Close())
			}
		}
	}()
	if cfg.Binary == "" {
		if cfg.Binary, err = findBinary(ctx, core, cfg); err != nil {
			return nil, err
		}
	}
	binary, err := input.Open(ctx, cfg.Binary, cfg.Input)
	if err != nil {
		return nil, err
	}
	files = append(files, binary)
	s, err := Load(core, binary, cfg.Force)
	if err != nil {
		return nil, err
	}
	s.Runtime.Until(ctx)
	return s, nil
}

// Load is Open for files that are open already. The snapshot closes them; after
// an error they are still the caller's.
func Load(core, binary *input.File, force bool) (_ *Snapshot, err error) {
	s := &Snapshot{coreFile: core, binaryFile: binary}
	defer func() {
		if err != nil && s.Exe != nil {
			err = errors.Join(err, s.Exe.Close())
		}
	}()
	if s.Core, err = elfcore.Read(core); err != nil {
		return nil, err
	}
	if s.Exe, err = exe.Open(binary); err != nil {
		return nil, err
	}
	if _, _, err = s.Exe.Global("runtime.allgs"); err != nil {
		return nil, err // a stripped binary
	}
	if err = s.join(force); err != nil {
		return nil, err
	}
	lay, err := layout.Resolve(s.Exe)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", binary.Name(), err)
	}
	if s.Runtime, err = gort.New(s.Core, s.Exe, lay, s.Bias); err != nil {
		return nil, fmt.Errorf("%s: %w", core.Name(), err)
	}
	return s, nil
}

// join verifies the identity of the two files and fills the process's
// read-only memory from the binary.
func (s *Snapshot) join(force bool) error {
	if s.Exe.Machine() != s.Core.Machine {
		return &MismatchError{
			Core: s.coreFile.Name(), Binary: s.binaryFile.Name(),
			CoreIs: s.Core.Machine.String(), BinaryIs: s.Exe.Machine().String(),
		}
	}
	s.Bias, s.Identity = identify(s.Core, s.Exe)
	if s.Identity.State == Mismatch && !force {
		return &MismatchError{
			Core: s.coreFile.Name(), Binary: s.binaryFile.Name(),
			CoreIs: s.Identity.CoreBuild, BinaryIs: s.Identity.BinaryBuild,
		}
	}
	if s.Identity.State == Mismatch {
		s.Bias &^= pageSize - 1 // of a foreign binary it may be anything
	}
	loaded, err := s.Exe.Loaded(s.Bias)
	if err != nil {
		return fmt.Errorf("%s: loading its read-only segments: %w", s.binaryFile.Name(), err)
	}
	for _, part := range loaded {
		s.Core.Image.Add(part.Start, part.Data, image.FromBinary)
	}
	for _, r := range s.Core.MissingRanges() {
		if !s.ofLoader(r) {
			s.Absent = append(s.Absent, r)
		}
	}
	return nil
}

// auxvBase is AT_BASE: where the dynamic loader, if any, was mapped. A PIE has
// one even when it is pure Go.
const auxvBase = 7

// ofLoader reports whether a stretch of memory is the dynamic loader's.
func (s *Snapshot) ofLoader(r elfcore.Missing) bool {
	base := image.Addr(s.Core.Auxv[auxvBase])
	loader, ok := s.Core.FileAt(base)
	return ok && base != 0 && r.Path == loader.Path
}
