package coreread

import (
	"context"
	"errors"
	"runtime/debug"

	"postmortem/coreread/elfcore"
	"postmortem/coreread/exe"
	"postmortem/coreread/image"
	"postmortem/coreread/input"
)

// CoreIdentity is what a core says of its process without the binary.
type CoreIdentity struct {
	Core       *elfcore.Core
	BuildID    string           // GNU build id of the executable, "" when the core does not hold it
	GoBuildID  string           // Go's own
	Build      *debug.BuildInfo // nil when the core does not hold it
	Executable string           // path that was mapped, "" when the core does not say

	file *input.File
}

// Close unmaps the core.
func (id *CoreIdentity) Close() error { return closeFile(id.file) }

// Identify reads a core and says which program it is of.
func Identify(ctx context.Context, path string, opt input.Options) (_ *CoreIdentity, err error) {
	file, err := input.Open(ctx, path, opt)
	if err != nil {
		return nil, err
	}
	core, err := elfcore.Read(file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	id := &CoreIdentity{Core: core, file: file}
	if entry, ok := core.Entry(); ok {
		if f, ok := core.FileAt(entry); ok {
			id.Executable = f.Path
		}
	}
	if base, ok := elfBase(core); ok {
		id.BuildID, id.GoBuildID, _ = exe.BuildIDsIn(core.Image, base) // "" is unknown
		id.Build, _ = exe.BuildInfoIn(core.Image, base)                // nil is unknown
	}
	if id.Build == nil {
		id.Build, _ = exe.ScanBuildInfo(core.Image, id.mappings())
	}
	return id, nil
}

// mappings returns where the executable was mapped, as far as the core says.
func (id *CoreIdentity) mappings() (mapped []image.Range) {
	for _, f := range id.Core.Files {
		if id.Executable != "" && f.Path == id.Executable {
			mapped = append(mapped, f.Range)
		}
	}
	return mapped
}
