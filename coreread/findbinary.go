package coreread

import (
	"context"
	"fmt"
	"io/fs"
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
	var found string
	err = filepath.WalkDir(cfg.BinaryDir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil // what cannot be read is not the binary
		}
		if hasBuildID(ctx, path, gnu, goID, cfg.Input) {
			found = path
			return filepath.SkipAll
		}
		return ctx.Err()
	})
	if err != nil {
		return "", fmt.Errorf("searching %s: %w", cfg.BinaryDir, err)
	}
	if found == "" {
		return "", fmt.Errorf("no file in %s has %s", filepath.Base(cfg.BinaryDir), describeBuild(gnu, goID))
	}
	return found, nil
}

func hasBuildID(ctx context.Context, path, gnu, goID string, opt input.Options) bool {
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
