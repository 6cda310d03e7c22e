package input

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// maxWindow bounds the memory that a zstd or xz stream can make its
// decompressor take, in bytes: the largest window that "zstd --long=31" writes.
// The xz library, which stands in where the program is missing, has no such
// bound: there it is the format's own, 4 GiB, of which only what is used is touched.
const maxWindow = 2 << 30

// errJunk is content behind the end of the last compressed stream.
var errJunk = errors.New("something that is no further stream follows the end")

// decompress returns the plain content of in. Whatever it returns must be closed.
func decompress(ctx context.Context, in *reader, compression string) (io.ReadCloser, error) {
	switch compression {
	case "zstd":
		d, err := zstd.NewReader(in.buf, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxWindow),
			zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	case "gzip":
		return newGzip(in.buf)
	case "xz":
		if program, err := exec.LookPath("xz"); err == nil {
			if p, err := startXZ(ctx, program, in); err == nil {
				return p, nil
			}
		}
		d, err := xz.ReaderConfig{}.NewReader(in.buf)
		if err != nil {
			return nil, err
		}
		return io.NopCloser(d), nil
	case "lz4":
		return io.NopCloser(lz4.NewReader(in.buf)), nil
	}
	return io.NopCloser(in.buf), nil
}

// gzipReader reads the members of a gzip file, and zeros behind the last, as
// tapes and block devices leave them.
type gzipReader struct {
	*gzip.Reader
	buf *bufio.Reader
}

func newGzip(buf *bufio.Reader) (io.ReadCloser, error) {
	d, err := gzip.NewReader(buf)
	if err != nil {
		return nil, err
	}
	d.Multistream(false)
	return &gzipReader{d, buf}, nil
}

func (r *gzipReader) Read(p []byte) (int, error) {
	for {
		n, err := r.Reader.Read(p)
		if err != io.EOF {
			return n, err
		}
		if n > 0 {
			return n, nil // the member's end will be told again
		}
		switch next, err := r.buf.Peek(2); {
		case len(next) == 0:
			return 0, err // io.EOF at the end of the last member
		case !bytes.Equal(next, []byte{0x1f, 0x8b}):
			return 0, skipZeros(r.buf)
		}
		if err := r.Reset(r.buf); err != nil {
			return 0, noEOF(err)
		}
		r.Multistream(false)
	}
}

// skipZeros returns io.EOF when nothing but zeros follows, errJunk otherwise.
func skipZeros(buf *bufio.Reader) error {
	for {
		b, err := buf.ReadByte()
		if err != nil {
			return err
		}
		if b != 0 {
			return errJunk
		}
	}
}

// noEOF makes an end of the input an unexpected one.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// xzProgram is a running xz: some ten times faster than the library.
type xzProgram struct {
	io.Reader
	cmd    *exec.Cmd
	in     *reader
	fed    chan struct{} // closed when nothing reads in any more
	stderr limitedBuffer
	cancel context.CancelFunc
	waited bool
	err    error
}

func startXZ(ctx context.Context, program string, in *reader) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &xzProgram{in: in, fed: make(chan struct{}), cancel: cancel}
	p.cmd = exec.CommandContext(ctx, program, "--decompress", "--stdout", "--format=xz",
		fmt.Sprintf("--memlimit-decompress=%d", int64(maxWindow)+64<<20))
	p.cmd.Env = []string{"LC_ALL=C"} // XZ_OPT and XZ_DEFAULTS could change what it does
	p.cmd.Stderr = &p.stderr
	stdin, err := p.cmd.StdinPipe()
	if err == nil {
		p.Reader, err = p.cmd.StdoutPipe()
	}
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("running xz: %w", err)
	}
	go func() {
		defer close(p.fed)
		io.Copy(stdin, in.buf) // the input's own trouble is kept by it; xz's is in its exit status
		stdin.Close()
	}()
	return p, nil
}

// Read returns io.EOF only when xz was content with what it read.
func (p *xzProgram) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if n > 0 || err == nil {
		return n, nil
	}
	if err := p.wait(); err != nil {
		return 0, err
	}
	return 0, io.EOF
}

func (p *xzProgram) wait() error {
	if !p.waited {
		p.waited = true
		err := p.cmd.Wait()
		p.in.fd.stopped.Store(true)
		<-p.fed
		if err != nil {
			p.err = fmt.Errorf("xz: %w: %s", err, bytes.TrimSpace(p.stderr.data))
		}
	}
	return p.err
}

func (p *xzProgram) Close() error {
	p.cancel()
	p.wait()
	return nil
}

// limitedBuffer keeps the first bytes of what is written to it.
type limitedBuffer struct{ data []byte }

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if room := 1024 - len(b.data); room > 0 {
		b.data = append(b.data, p[:min(room, len(p))]...)
	}
	return len(p), nil
}
