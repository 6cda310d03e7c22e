// Package input opens the files that an analysis reads: it finds compression
// by content, unpacks it into a sparse temporary file that has no name, and
// maps the plain bytes read-only. It knows nothing of what the bytes mean, nor
// of ELF or Go.
//
// A mapping ends where the file ended when it was mapped. A file that shrinks
// later takes pages away from under the mapping, and reading one of them raises
// SIGBUS in this process; files that come out of compression, or from a pipe,
// cannot shrink, since nobody else holds them.
package input

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// File is one input, mapped whole and read-only: plain bytes, whatever the
// compression on disk. It is safe for concurrent reading until Close.
type File struct {
	name        string
	data        []byte
	mapped      bool // data came from mmap
	file        *os.File
	compression string
	fileBytes   int64
	truncated   error
}

// Options say where and how much to unpack. The zero value is good.
type Options struct {
	TmpDir string // for unpacked content; os.TempDir() when empty

	// Progress is told, at intervals and at the end, how many bytes of the
	// input as it is on disk were taken, and how many there are (0 when the
	// input is a pipe). It is called only while something is unpacked or
	// copied, from the goroutine that called Open.
	Progress func(done, total int64)

	// MaxBytes bounds the unpacked content, holes included. With 0 only the
	// free space of TmpDir bounds it, and holes cost nothing.
	MaxBytes int64

	// Accept, when not nil, is asked with the first bytes of the plain content
	// whether the rest is worth having; without a yes, Open returns a *FormatError.
	Accept func(head []byte) bool
}

func (o *Options) accepts(head []byte) bool { return o.Accept == nil || o.Accept(head) }

func notWanted(name string, head []byte) error {
	return &FormatError{File: name, Want: "another kind of file", Got: Kind(head)}
}

// Open opens and maps the file at path, "-" being standard input. Pipes are
// read to their end, directories and devices refused.
//
// The error is a *FormatError when the input is nothing that could be read, a
// *LimitError when unpacking would take too much space, the context's error when
// that ended; otherwise the operating system's. A compressed stream that is cut
// or corrupt is no error when something came out of it: see File.Truncated.
func Open(ctx context.Context, path string, opt Options) (*File, error) {
	src, err := openSource(path)
	if err != nil {
		return nil, err
	}
	f, err := open(ctx, src, opt)
	if err != nil {
		src.file.Close()
		return nil, err
	}
	if f.file != src.file {
		src.file.Close()
	}
	return f, nil
}

// open takes what src holds, which stays open: the File may keep it.
func open(ctx context.Context, src *source, opt Options) (*File, error) {
	in := newReader(ctx, src, opt.Progress)
	head, err := in.peekHead()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", src.name, err)
	}
	if len(head) == 0 {
		return nil, emptyError(src.name)
	}
	compression := sniff(head)
	if compression == "" && !opt.accepts(head) {
		return nil, notWanted(src.name, head)
	}
	if compression == "" && src.size > 0 {
		f := &File{name: src.name, file: src.file, fileBytes: src.size}
		if err := f.mmap(src.size); err == nil {
			return f, nil
		}
		// Some file systems cannot map; then a copy serves.
	}
	return unpack(ctx, in, compression, opt)
}

// Memory returns a File of bytes that are in memory already.
func Memory(name string, data []byte) *File {
	return &File{name: name, data: data, fileBytes: int64(len(data))}
}

func (f *File) mmap(size int64) error {
	data, err := unix.Mmap(int(f.file.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	if err != nil {
		return fmt.Errorf("mapping %d bytes of %s: %w", size, f.name, err)
	}
	f.data, f.mapped = data, true
	return nil
}

// Name returns the base name as given, "stdin" for standard input.
func (f *File) Name() string { return f.name }

// Data returns the plain content. The caller must not change it, nor use it
// after Close.
func (f *File) Data() []byte { return f.data }

// Compression returns how the file was packed: "zstd", "gzip", "xz", "lz4", or
// "" when it was not.
func (f *File) Compression() string { return f.compression }

// Size returns the bytes of the plain content.
func (f *File) Size() int64 { return int64(len(f.data)) }

// FileBytes returns the bytes of the input as it was given, packed if it was packed.
func (f *File) FileBytes() int64 { return f.fileBytes }

// OSFile returns the open file of the plain content, which has no path of its
// own when it was unpacked (but one under /proc/self/fd); nil for Memory. It
// stays open until Close.
func (f *File) OSFile() *os.File { return f.file }

// Truncated returns a *StreamError when the compressed stream was cut or
// corrupt; the content is then what came out before. It is nil otherwise.
func (f *File) Truncated() error { return f.truncated }

// Close unmaps the content and closes the file.
func (f *File) Close() error {
	var err error
	if f.mapped {
		err = unix.Munmap(f.data)
		f.mapped = false
	}
	f.data = nil
	if f.file != nil {
		if e := f.file.Close(); err == nil {
			err = e
		}
		f.file = nil
	}
	return err
}

// source is an input as the operating system gives it.
type source struct {
	name string
	file *os.File
	size int64 // bytes of a regular file, from its start; 0 when there is no knowing
}

func openSource(path string) (*source, error) {
	src := &source{name: filepath.Base(path)}
	fd, err := -1, error(nil)
	if path == "-" {
		src.name = "stdin"
		fd, err = unix.FcntlInt(uintptr(unix.Stdin), unix.F_DUPFD_CLOEXEC, 3)
	} else {
		// Without O_NONBLOCK, opening a pipe that nobody writes would hang here.
		fd, err = retry(func() (int, error) {
			return unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		})
	}
	if err == unix.ENXIO { // a socket, or a device without a driver
		return nil, notFile(src.name, "a socket or a device")
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	src.file = os.NewFile(uintptr(fd), path)
	if err := src.check(); err != nil {
		src.file.Close()
		return nil, err
	}
	return src, nil
}

// check refuses what holds no content and measures what does.
func (s *source) check() error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	switch mode := info.Mode(); {
	case mode.IsRegular():
		at, err := s.file.Seek(0, io.SeekCurrent)
		if err != nil {
			return fmt.Errorf("reading %s: %w", s.name, err)
		}
		if at == 0 { // standard input may have been read in part: then it is a stream
			s.size = info.Size()
		}
		return nil
	case mode&os.ModeNamedPipe != 0:
		return nil
	case mode.IsDir():
		return notFile(s.name, "a directory")
	case mode&os.ModeSocket != 0:
		return s.checkSocket()
	case mode&os.ModeCharDevice != 0:
		if _, err := unix.IoctlGetTermios(int(s.file.Fd()), unix.TCGETS); err == nil {
			return notFile(s.name, "a terminal")
		}
		return notFile(s.name, "a character device")
	default:
		return notFile(s.name, "a block device")
	}
}

// checkSocket lets a connected socket pass as standard input: that is how some
// service managers hand over a stream.
func (s *source) checkSocket() error {
	if s.name == "stdin" {
		return nil
	}
	return notFile(s.name, "a socket")
}

func notFile(name, got string) error {
	return &FormatError{File: name, Want: "a file or a pipe", Got: got}
}

func emptyError(name string) error {
	return &FormatError{File: name, Want: "content", Got: "nothing: it is empty",
		Hint: "a full disk, or a size limit of 0 (ulimit -c, LimitCORE=), leaves such a file"}
}

// retry repeats a system call that a signal interrupted.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
		}
	}
}
