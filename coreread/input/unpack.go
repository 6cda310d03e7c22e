package input

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const (
	copyBytes  = 1 << 20 // plain bytes taken at a time
	blockBytes = 4096    // a block of zeros this long becomes a hole

	// spareBytes of the temporary directory's file system stay free, so that an
	// analysis never fills a disk that other programs write to.
	spareBytes = 64 << 20
	// statEvery is how many bytes may be written before looking again at the
	// free space, which other programs use too.
	statEvery = 32 << 20
)

var zeroBlock [blockBytes]byte

// unpack writes the plain content of in to a file without a name and maps it.
func unpack(ctx context.Context, in *reader, compression string, opt Options) (_ *File, err error) {
	out, err := newSparse(in.src.name, opt)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			out.file.Close()
		}
	}()
	plain, broken := decompress(ctx, in, compression)
	if broken == nil {
		broken, err = out.fill(plain, opt.accepts)
		in.fd.stopped.Store(true) // or closing could wait for a silent pipe
		plain.Close()
	}
	in.fd.tell(true)
	if err != nil {
		return nil, err
	}
	if err := in.fd.err; err != nil {
		return nil, fmt.Errorf("reading %s: %w", in.src.name, err)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("unpacking %s: %w", in.src.name, err)
	}
	f := &File{name: in.src.name, file: out.file, compression: compression, fileBytes: in.src.size}
	if in.src.size == 0 {
		f.fileBytes = in.fd.done
	}
	if broken != nil {
		f.truncated = &StreamError{File: f.name, Compression: compression, Taken: in.Taken(), Kept: out.size, Err: broken}
	}
	if out.size == 0 {
		return nil, nothingCameOut(f)
	}
	if err := f.mmapUnpacked(out); err != nil {
		return nil, err
	}
	return f, nil
}

func nothingCameOut(f *File) error {
	e := &FormatError{File: f.name, Want: "content", Got: "a " + f.compression + " stream of nothing"}
	if f.truncated != nil {
		e.Want = "a " + f.compression + " stream"
		e.Got = fmt.Sprintf("one that is cut or corrupt before its first byte of content: %v", errors.Unwrap(f.truncated))
		e.Hint = "fetch the file again"
	}
	return e
}

func (f *File) mmapUnpacked(out *sparse) error {
	// The hole at the end has no block that would make the file as long.
	if err := f.file.Truncate(out.size); err != nil {
		return fmt.Errorf("unpacking %s: %w", f.name, err)
	}
	return f.mmap(out.size)
}

// sparse is a temporary file without a name, whose zero blocks are holes.
type sparse struct {
	name string // of the input
	file *os.File
	dir  string
	max  int64 // bound on size, 0 for none
	size int64 // plain bytes so far, holes included

	written int64 // bytes that occupy the disk
	budget  int64 // bytes that may still be written before the free space is looked at
}

func newSparse(name string, opt Options) (*sparse, error) {
	dir := opt.TmpDir
	if dir == "" {
		dir = os.TempDir()
	}
	file, err := os.CreateTemp(dir, "postmortem-*")
	if err != nil {
		return nil, fmt.Errorf("unpacking %s: %w", name, err)
	}
	if err := os.Remove(file.Name()); err != nil {
		file.Close()
		return nil, fmt.Errorf("unpacking %s: %w", name, err)
	}
	return &sparse{name: name, file: file, dir: dir, max: opt.MaxBytes}, nil
}

// fill appends all of plain. It returns as broken what ended the stream early,
// with everything before it written, and as err what makes going on pointless:
// that the first bytes are not accepted, too.
func (s *sparse) fill(plain io.Reader, accept func(head []byte) bool) (broken, err error) {
	buf := make([]byte, copyBytes)
	for {
		n, end := readFull(plain, buf)
		if s.size == 0 && n > 0 && !accept(buf[:n]) {
			return nil, notWanted(s.name, buf[:n])
		}
		if err := s.append(buf[:n]); err != nil {
			return nil, err
		}
		if end == io.EOF {
			return nil, nil
		}
		if end != nil {
			return end, nil
		}
	}
}

// readFull fills buf, or returns the reader's own error, which io.ReadFull
// would change. A decompressor that panics has read something corrupt.
func readFull(r io.Reader, buf []byte) (n int, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the decompressor gave up: %v", p)
		}
	}()
	for stalled := 0; n < len(buf); stalled++ {
		k, err := r.Read(buf[n:])
		n += k
		if err != nil {
			return n, err
		}
		if k > 0 {
			stalled = 0
		} else if stalled >= 100 {
			return n, io.ErrNoProgress
		}
	}
	return n, nil
}

// append writes the blocks of p that are not all zero; s.size is a multiple of
// blockBytes in every call but the last.
func (s *sparse) append(p []byte) error {
	if s.max > 0 && int64(len(p)) > s.max-s.size {
		return &LimitError{File: s.name, Limit: s.max}
	}
	for len(p) > 0 {
		n, zero := run(p)
		if !zero {
			if err := s.write(p[:n]); err != nil {
				return err
			}
		}
		s.size += int64(n)
		p = p[n:]
	}
	return nil
}

// run returns the length of the run of blocks at the start of p that are all
// zero, or all not.
func run(p []byte) (n int, zero bool) {
	isZero := func(b []byte) bool { return bytes.Equal(b, zeroBlock[:len(b)]) }
	n = min(blockBytes, len(p))
	zero = isZero(p[:n])
	for n < len(p) {
		next := min(blockBytes, len(p)-n)
		if isZero(p[n:n+next]) != zero {
			break
		}
		n += next
	}
	return n, zero
}

func (s *sparse) write(p []byte) error {
	if int64(len(p)) > s.budget {
		if err := s.checkSpace(int64(len(p))); err != nil {
			return err
		}
	}
	n, err := s.file.WriteAt(p, s.size)
	s.written += int64(n)
	s.budget -= int64(n)
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, unix.EFBIG):
		return &LimitError{File: s.name, Limit: s.written, Dir: s.dir}
	case err != nil:
		return fmt.Errorf("unpacking %s: %w", s.name, err)
	}
	return nil
}

func (s *sparse) checkSpace(need int64) error {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(s.file.Fd()), &fs); err != nil {
		return fmt.Errorf("unpacking %s: %w", s.name, err)
	}
	free := int64(min(fs.Bavail, 1<<62/uint64(fs.Bsize)))*int64(fs.Bsize) - spareBytes
	if free < need {
		return &LimitError{File: s.name, Limit: s.written + max(free, 0), Dir: s.dir}
	}
	s.budget = min(free, max(need, statEvery))
	return nil
}
