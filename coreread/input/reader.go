package input

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	readBytes     = 256 << 10              // buffer between the source and a decompressor
	pollInterval  = 100 * time.Millisecond // how long a silent pipe can hide that the context ended
	progressEvery = 50 * time.Millisecond
)

// reader takes bytes from a source, counts them, and stops when the context
// ends, a silent pipe notwithstanding.
type reader struct {
	ctx context.Context
	src *source
	buf *bufio.Reader
	fd  *fdReader
}

func newReader(ctx context.Context, src *source, progress func(done, total int64)) *reader {
	fd := &fdReader{ctx: ctx, fd: int(src.file.Fd()), total: src.size, progress: progress}
	return &reader{ctx: ctx, src: src, fd: fd, buf: bufio.NewReaderSize(fd, readBytes)}
}

// Taken returns how many bytes a decompressor has consumed.
func (r *reader) Taken() int64 { return r.fd.done - int64(r.buf.Buffered()) }

// peekHead returns the start of the content, past the skippable frames that
// parallel packers put before the first frame of zstd and lz4.
func (r *reader) peekHead() ([]byte, error) {
	for first := true; ; first = false {
		head, err := r.buf.Peek(headBytes)
		if err != nil && err != io.EOF {
			return nil, err
		}
		n, ok := skippable(head)
		if !ok {
			if c := sniff(head); !first && c != "zstd" && c != "lz4" {
				return nil, &FormatError{File: r.src.name, Offset: r.Taken(), Want: "a frame of zstd or lz4", Got: Kind(head)}
			}
			return head, nil
		}
		skipped, err := io.CopyN(io.Discard, r.buf, n)
		if err == io.EOF {
			return nil, &FormatError{File: r.src.name, Offset: r.Taken() - skipped, Want: "a compressed frame",
				Got: "the end of the file", Hint: "the file is cut: fetch it again"}
		}
		if err != nil {
			return nil, err
		}
	}
}

// skippable returns the length of the skippable frame at the start of head
// (RFC 8878 3.1.2; the lz4 frame format has the same).
func skippable(head []byte) (int64, bool) {
	if len(head) < 8 || binary.LittleEndian.Uint32(head)&^0xf != 0x184d2a50 {
		return 0, false
	}
	return 8 + int64(binary.LittleEndian.Uint32(head[4:])), true
}

var errStopped = errors.New("no more input is wanted")

// fdReader reads a file descriptor of any kind, waiting with poll(2) so that it
// never blocks for longer than pollInterval without looking at the context.
type fdReader struct {
	ctx      context.Context
	fd       int
	done     int64
	total    int64
	progress func(done, total int64)
	told     time.Time

	// stopped ends all reading: nobody wants more of it.
	stopped atomic.Bool

	// err is the first trouble that is the operating system's or the context's,
	// not the content's. Decompressors may dress it up or drop it.
	err error
}

func (r *fdReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if err := r.wait(); err != nil {
			return 0, r.fail(err)
		}
		n, err := retry(func() (int, error) { return unix.Read(r.fd, p) })
		switch {
		case err == unix.EAGAIN:
			continue
		case err != nil:
			return 0, r.fail(err)
		case n == 0:
			return 0, io.EOF
		}
		r.done += int64(n)
		r.tell(false)
		return n, nil
	}
}

// wait returns when there is something to read, the end included. A pipe that
// nobody has opened for writing yet is waited for.
func (r *fdReader) wait() error {
	for {
		if r.stopped.Load() {
			return errStopped
		}
		if err := r.ctx.Err(); err != nil {
			return err
		}
		fds := []unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, int(pollInterval/time.Millisecond))
		if err != nil && err != unix.EINTR {
			return err
		}
		if n > 0 {
			return nil
		}
	}
}

func (r *fdReader) fail(err error) error {
	if r.err == nil && err != errStopped {
		r.err = err
	}
	return err
}

func (r *fdReader) tell(last bool) {
	if r.progress == nil {
		return
	}
	if now := time.Now(); last || now.Sub(r.told) >= progressEvery {
		r.told = now
		r.progress(r.done, r.total)
	}
}
