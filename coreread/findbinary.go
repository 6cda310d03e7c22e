package coreread

import (
	"context"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"postmortem/coreread/elfcore"
	"postmortem/coreread/exe"
	"postmortem/coreread/input"
)

// findBinary looks in cfg.BinaryDir for the binary of the core, by build id.
func findBinary(ctx context.Context, file *input.File, cfg Config) (string, error) {
	if cfg.BinaryDir == "" {
		return "", fmt.Errorf("no binary was given: name it after the core, or name a directory to search with --binary-dir")
	}
	core, err := elfcore.Read(file)
	if err != nil {
		return "", err
	}
	base, ok := elfBase(core)
	if !ok {
		return "", fmt.Errorf("%s does not hold its binary's first page, so its build id is unknown: name the binary", core.FileName)
	}
	gnu, goID, err := exe.BuildIDsIn(core.Image, base)
	if err != nil || gnu == "" && goID == "" {
		return "", fmt.Errorf("%s holds no build id of its binary: name the binary", core.FileName)
	}
	root, err := filepath.EvalSymlinks(cfg.BinaryDir)
	if err != nil {
		return "", fmt.Errorf("searching for the binary: %w", err)
	}
	var found string
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil && path == root {
			return err
		}
		if err != nil || !isFile(path, entry) {
			return nil // what cannot be read is not the binary
		}
		if hasBuildID(ctx, path, gnu, goID, cfg.Input) {
			found = path
			return filepath.SkipAll
		}
		return context.Cause(ctx)
	})
	if err != nil {
		return "", fmt.Errorf("searching %s: %w", cfg.BinaryDir, err)
	}
	if found == "" {
		return "", fmt.Errorf("no file in %s has %s", filepath.Base(cfg.BinaryDir), describeBuild(gnu, goID))
	}
	return found, nil
}

// isFile reports whether a directory's entry is a file, or a link to one.
func isFile(path string, entry fs.DirEntry) bool {
	if entry.Type()&fs.ModeSymlink != 0 {
		info, err := os.Stat(path)
		return err == nil && info.Mode().IsRegular()
	}
	return entry.Type().IsRegular()
}

// maxBinary bounds what is unpacked of a packed file that may be the binary, in
// bytes: the linker's own limit is 2 GiB of code.
const maxBinary = 4 << 30

// isExecutable reports whether a file that begins so may be a binary: an ELF
// executable or shared object, which a core is not.
func isExecutable(head []byte) bool {
	if len(head) < 20 || string(head[:4]) != elf.ELFMAG {
		return false
	}
	kind := elf.Type(binary.LittleEndian.Uint16(head[16:]))
	return kind == elf.ET_EXEC || kind == elf.ET_DYN
}

func hasBuildID(ctx context.Context, path, gnu, goID string, opt input.Options) bool {
	opt.Accept, opt.MaxBytes = isExecutable, maxBinary
	f, err := input.Open(ctx, path, opt)
	if err != nil {
		return false
	}
	defer f.Close()
	bin, err := exe.Open(f)
	if err != nil {
		return false
	}
	defer bin.Close()
	if gnu != "" && bin.GNUBuildID() != "" {
		return gnu == bin.GNUBuildID()
	}
	return goID != "" && goID == bin.GoBuildID()
}
