package coreread

import (
	"context"
	"errors"
	"fmt"

	"postmortem/coreread/input"
	"postmortem/coreread/values"
)

// Values reads the arguments and local variables of a goroutine's innermost
// frames. It needs Go 1.25 or newer and DWARF, and costs time in proportion to
// it. Frames that were read before something went wrong come with the error.
//
// The frames are those that Delve finds: only those whose PC and SP the
// goroutine's own stack has, too, are to be believed.
func (s *Snapshot) Values(ctx context.Context, goroutine uint64) (frames []values.FrameValues, err error) {
	core, err1 := descriptorPath(s.coreFile)
	binary, err2 := descriptorPath(s.binaryFile)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	r, err := values.Open(ctx, core, binary)
	if err != nil {
		return nil, fmt.Errorf("reading values of goroutine %d: %w", goroutine, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if frames, err = r.Goroutine(ctx, goroutine, values.Limits{}); err != nil {
		err = fmt.Errorf("reading values of goroutine %d: %w", goroutine, err)
	}
	return frames, err
}

// descriptorPath is a path that opens a file which may have no name any more.
func descriptorPath(f *input.File) (string, error) {
	osFile := f.OSFile()
	if osFile == nil {
		return "", fmt.Errorf("%s is no file of the system", f.Name())
	}
	return fmt.Sprintf("/proc/self/fd/%d", osFile.Fd()), nil
}
